//! The server's public HTTP API as a client uses it: tokens and Twirp calls.
//!
//! The format is Twirp v7 over HTTP/1.1 (`POST /twirp/<package>.<Service>/<Method>`, protobuf or
//! JSON) with a JWT (RFC 7519, HS256) as bearer. Never retries and never follows redirects: a test
//! wants to see the first answer.

mod token;
mod twirp;

pub use token::{Grants, SipGrants, TokenError, VideoGrants, token};
pub use twirp::{ApiError, TwirpClient, TwirpFailure};
