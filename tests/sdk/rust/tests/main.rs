//! The server API as a user of the Rust server SDK sees it: what it returns, what it says went wrong, and what goes over
//! the SIP wire.

mod calls;
mod trunks;
mod world;
