//! LiveKit signalling: requests in, responses out.

mod encode;

pub use encode::{refresh_token, resume_refused};
