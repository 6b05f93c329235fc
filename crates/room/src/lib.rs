//! A LiveKit room: participants, tracks, signalling, peer connections, data. A core without IO.
//!
//! [`Room`] is a state machine: signal requests, packets and `now` go in; signal responses, packets, events
//! and the next deadline come out of [`Room::poll_output`], which is drained after every call. It follows
//! LiveKit's signalling protocol 17 in both its forms: one peer connection that the client offers, or two.
//! It never opens a socket, asks a clock, spawns a task, signs a token or logs a secret.

pub mod grants;
pub mod peer;
pub mod signal;

mod config;
mod data;
mod datagram;
mod error;
mod forwarding;
mod ids;
mod lifecycle;
mod moderation;
mod output;
mod participant;
mod quality;
mod speaker;
mod subscription;
mod track;
mod video;

pub use config::{COMPATIBLE_VERSION, Env, Join, JoinMode, LocalJoin, LocalTrack, Resume, RoomConfig};
pub use datagram::Datagram;
pub use error::{JoinError, MoveError, PublishError, ResumeError};
pub use forwarding::{Asked, ForwardedPacket, ForwardingId, Likeness, Told};
pub use ids::{ParticipantId, PeerId, TrackSid};
pub use lifecycle::{Room, Traveller};
/// LiveKit's protobuf messages.
pub use livekit_protocol as proto;
pub use moderation::{ModerationError, RpcFailure, RpcId};
pub use output::{AudioPacket, Codec, LocalEvent, Output, Quiet, Receive};
pub use participant::{LimitExceeded, check_limits};
pub use quality::PhonePath;
/// The transport of a packet: UDP, or TCP with the framing done by the shell.
pub use str0m::net::Protocol;
