//! A participant of one room that is seen and heard in another one as well (LiveKit's ForwardParticipant).
//!
//! The room it is in (`source`) tells of it, of its tracks, and of whatever changes; every packet of a track goes along as
//! it came. In the other room it is a guest (`guest`): a participant with tracks like any other, of which that room knows the
//! likeness only. What is needed of the publisher there, key frames and codecs, is asked for here. Nothing is decoded, and the
//! guest hears nobody. The shell carries what is told and asked from room to room, be they on one thread or on two.

mod guest;
mod likeness;
mod source;

use livekit_protocol::DisconnectReason;
use rtp::Payload;
use str0m::media::Rid;

use crate::ids::TrackSid;
use crate::output::{AudioPacket, Codec};
use crate::peer::{AudioIn, VideoIn};

pub(crate) use guest::Guest;
pub use likeness::Likeness;
pub(crate) use source::Forwarding;

/// One forwarding of a participant. The shell makes them, no two alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ForwardingId(pub u64);

/// What a room tells of a participant that is forwarded.
#[derive(Debug, Clone)]
pub enum Told {
    /// It, or its tracks, are like this from now on.
    Changed(Box<Likeness>),
    /// A packet of one of its tracks. It may get lost.
    Packet(ForwardedPacket),
    /// It is forwarded no longer.
    Ended(DisconnectReason),
}

/// What the room where a participant is a guest asks of the one it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Packets in these codecs, where the publisher has the choice: PCMU, PCMA, Opus.
    Codecs([bool; 4]),
    /// Somebody listens to a track for the first time.
    Subscribed(TrackSid),
    /// So many layers of a video, the smallest first.
    Layers(TrackSid, usize),
    /// A key frame of a track, of one of its layers where there are several.
    KeyFrame(TrackSid, Option<Rid>),
    /// Nothing more: it was taken out.
    Nothing,
}

/// A packet of a forwarded track; payloads are shared.
#[derive(Debug, Clone)]
pub struct ForwardedPacket {
    track: TrackSid,
    content: Content,
}

/// What a packet is, as it came.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// From a client.
    Audio(AudioIn),
    Video(VideoIn),
    /// From a participant inside the server.
    Written(Codec, AudioPacket),
    /// What the silence of one sounds like, and since when.
    Noise(u32, Payload),
}
