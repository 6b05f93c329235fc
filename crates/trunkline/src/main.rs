//! The trunkline program.

mod calls;
mod worker;

fn main() {}
