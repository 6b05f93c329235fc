//! The user agent's stories: calls as they go on the wire, in virtual time.

mod caller;
mod support;
