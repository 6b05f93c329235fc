//! Micro benches: what one packet, one message, one join, one call costs, as figures that do not depend on the machine's
//! mood. `cargo xtask bench` counts their instructions under callgrind.
//!
//! Everything runs in memory and in simulated time, through the same cores as in the program; the sockets and threads around
//! them are what `bench calls` measures.

mod benches;
mod client;
mod engine;
mod talk;
mod world;

pub use benches::{BENCHES, Bench, MOST, Operation};
