//! One phone call in a room: plan, states, bridge, verdict, attributes. A core without IO.

mod error;
pub mod ids;
pub mod plan;
pub mod rules;
pub mod trunk;

pub use error::{CallError, ErrorCode};
pub use plan::{Plan, PlanDefaults, PlanError};
