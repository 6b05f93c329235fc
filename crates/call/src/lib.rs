//! One phone call in a room: plan, states, bridge, verdict, attributes. A core without IO.

pub mod attributes;
pub mod bridge;
mod dial;
mod error;
pub mod ids;
pub mod plan;
pub mod record;
pub mod rpc;
pub mod rules;
pub mod states;
pub mod trunk;
pub mod verdict;

pub use error::{CallError, ErrorCode};
pub use plan::{Plan, PlanDefaults, PlanError};
pub use record::{Summary, Times};
pub use states::{Abort, Call, CallInput, CallOutput, DialogIdentity, Waiting};
pub use verdict::Verdict;
