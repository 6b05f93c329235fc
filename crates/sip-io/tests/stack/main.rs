//! The whole stack, over real sockets on the loopback interface.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod calls;
mod common;
mod names;
mod recovery;
mod secured;
mod trouble;
