//! One call, either side.

mod event;
mod invite;

pub use event::{AuthFailure, LegEvent, ResponseSummary};
pub use invite::Invite;
