//! The trunkline program.

use std::process::ExitCode;

/// docs/decisions/0014: what a packet touches of its call lies on huge pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    trunkline::run()
}
