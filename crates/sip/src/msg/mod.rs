//! SIP messages: what goes over the wire, read into types and printed from them (RFC 3261 §7, §19, §20, §25).
//!
//! [`Message::parse`] reads one datagram or one frame of [`stream::Framer`]; [`Message::encode`] prints it. Everything is
//! bounded ([`limits`]), and no value that can be built here prints a line break of its own: header names, values, URIs
//! and parameters are checked or escaped where they are made.
//!
//! It never decides what a message means for a call (that is `txn`, `dialog` and `leg`) and never reads a body.

mod cseq;
mod encode;
mod error;
mod extensions;
mod header_name;
mod headers;
mod host;
pub(crate) mod lex;
pub mod limits;
mod message;
mod method;
mod name_addr;
mod params;
mod parse;
mod response;
mod status;
pub mod stream;
mod transport;
mod typed;
mod uri;
mod value;
mod via;

pub use cseq::CSeq;
pub use error::{BadRequest, HeaderError, InvalidText, Malformed, ParseError};
pub use extensions::{RAck, Refresher, SessionExpires};
pub use header_name::{ExtensionName, HeaderName};
pub use headers::Headers;
pub use host::Host;
pub use message::{Message, Request};
pub use method::{ExtensionMethod, Method};
pub use name_addr::NameAddr;
pub use params::Params;
pub use response::Response;
pub use status::StatusCode;
pub use transport::Transport;
pub use uri::{Scheme, Uri};
pub use value::HeaderValue;
pub use via::Via;
