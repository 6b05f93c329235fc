//! The trunkline program.

mod api;
mod calls;
mod config;
mod metrics;
mod store;
mod telemetry;
mod worker;

fn main() {}
