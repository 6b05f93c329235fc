//! A participant that joins a room as a client SDK does: LiveKit's signalling over a WebSocket and one
//! WebRTC peer connection ("v1": the client offers, the server answers).
//!
//! It publishes one microphone track (Opus), hears every audio track of the others (PCMU, PCMA or
//! Opus), sends and receives data packets and tells what happens, with times. It never resumes a
//! broken session, never sends video, and conceals nothing: a lost packet stays audible in its
//! recordings, since it is there to measure.
//!
//! Signalling: the `livekit.SignalRequest`/`SignalResponse` messages of protocol 17. Media: RFC 8829
//! (offer/answer), RFC 8445 (ICE), RFC 5764 (DTLS-SRTP), RFC 8831 (data channels).

mod command;
mod config;
mod driver;
mod ear;
mod error;
mod event;
mod handle;
mod joining;
mod mouth;
mod peer;
mod roster;
mod rpc;
mod signal;
mod tap;

pub use config::{Listening, ParticipantConfig};
pub use error::{CommandError, ConnectError};
pub use event::{Cause, Happened, Heard, ParticipantEvent};
pub use handle::Participant;
pub use rpc::RpcError;
pub use tap::{Tap, TapHandle, TappedPacket};
