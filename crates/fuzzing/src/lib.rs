//! What the network may say, thrown at every parser and at the state machines as wholes.
//!
//! Each target is a plain function over bytes that panics when a promise is broken. libFuzzer drives it from `fuzz/`, and
//! `cargo test -p fuzzing` runs it over every file of `fuzz/corpus`, finds of old included. Parsers get the bytes as they
//! are; for state machines they are a script ([`Script`]): what happens next, and what with.

#![allow(clippy::panic, reason = "a target reports by panicking")]

pub mod call;
pub mod media;
pub mod room;
mod script;
pub mod shell;
pub mod sip;

pub use script::Script;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Every target by its name: that of its program in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("sip_message", sip::message),
    ("sip_stream", sip::stream),
    ("sip_agent", sip::agent),
    ("challenge", sip::challenge),
    ("sdp", media::sdp),
    ("rtp", media::rtp),
    ("rtcp", media::rtcp),
    ("srtp", media::srtp),
    ("dtmf", media::dtmf),
    ("rtp_session", media::session),
    ("playout", media::playout),
    ("stun", room::stun),
    ("room", room::room),
    ("plan", call::plan),
    ("call", call::call),
    ("twirp_json", shell::twirp_json),
    ("join_request", shell::join_request),
    ("token", shell::token),
    ("config", shell::config),
    ("ice_tcp", shell::ice_tcp),
];

/// Runs a target by its name.
///
/// # Panics
/// When the target finds a promise broken, or there is none of this name.
pub fn run(name: &str, data: &[u8]) {
    match TARGETS.iter().find(|(known, _)| *known == name) {
        Some((_, target)) => target(data),
        None => panic!("no such target: {name}"),
    }
}
