//! The trunkline program.

mod calls;
mod config;
mod metrics;
mod store;
mod telemetry;
mod worker;

fn main() {}
