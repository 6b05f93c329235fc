//! One phone call in a room: plan, states, bridge, verdict, attributes. A core without IO.

pub mod attributes;
pub mod bridge;
mod error;
pub mod ids;
mod invite;
pub mod plan;
pub mod record;
pub mod rpc;
pub mod rules;
pub mod states;
pub mod trunk;
pub mod verdict;

pub use error::{CallError, ErrorCode};
pub use invite::DialogIdentity;
pub use plan::{Plan, PlanDefaults, PlanError};
pub use record::{Summary, Times};
pub use states::{Abort, Call, CallInput, CallOutput, Waiting};
pub use verdict::Verdict;
