//! What a room takes in and gives out, besides signalling messages.

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;
use livekit_protocol as proto;
use rtp::Payload;
use str0m::net::Protocol;

use crate::datagram::Datagram;
use crate::forwarding::{Asked, ForwardingId, Told};
use crate::grants::Claims;
use crate::ids::{ParticipantId, PeerId, TrackSid};
use crate::moderation::{RpcFailure, RpcId};

/// The audio codecs that are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// G.711 mu-law, RTP clock 8000.
    Pcmu,
    /// G.711 A-law, RTP clock 8000.
    Pcma,
    /// G.722: wideband, though its RTP clock is 8000 (RFC 3551 §4.5.2). Only of phones, and only to clients.
    G722,
    /// Opus, RTP clock 48000.
    Opus,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pcmu, Self::Pcma, Self::G722, Self::Opus];

    /// The MIME type as TrackInfo and the codec lists print it.
    #[must_use]
    pub const fn mime_type(self) -> &'static str {
        match self {
            Self::Pcmu => "audio/PCMU",
            Self::Pcma => "audio/PCMA",
            Self::G722 => "audio/G722",
            Self::Opus => "audio/opus",
        }
    }

    /// The RTP clock, in Hz.
    #[must_use]
    pub const fn clock(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
        }
    }
}

/// A datagram for a participant's peer connection.
#[derive(Debug, Clone, Copy)]
pub struct Receive<'a> {
    /// The transport it came over.
    pub proto: Protocol,
    /// Where it came from.
    pub src: SocketAddr,
    /// Where it was sent to: one of the candidates' addresses, never a wildcard.
    pub dst: SocketAddr,
    /// The datagram.
    pub data: &'a [u8],
}

/// One packet of a local participant's audio.
#[derive(Debug, Clone)]
pub struct AudioPacket {
    /// Extended sequence number of the stream of this codec; gaps are passed on to subscribers as they are.
    pub seq: u64,
    /// RTP timestamp in the codec's clock; passed on unchanged.
    pub timestamp: u32,
    /// The RTP marker bit.
    pub marker: bool,
    /// The codec's payload, shared by all subscribers.
    pub payload: Payload,
    /// How loud it is, in -dBov (RFC 6464), where who writes it knows; G.711 shows it by itself.
    pub level: Option<u8>,
    /// The talker is quiet: subscribers who took comfort noise make his silence themselves and are not sent the payload.
    pub quiet: Option<Quiet>,
}

/// What a quiet talker sounds like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quiet {
    /// As was described last.
    Unchanged,
    /// Like this: a payload of comfort noise (RFC 3389), for G.711 only.
    Described(Payload),
}

/// What a room wants done.
#[derive(Debug)]
pub enum Output {
    /// Send this binary frame on the participant's signalling connection.
    Signal {
        /// The recipient.
        to: ParticipantId,
        /// An encoded `SignalResponse`.
        bytes: Bytes,
    },
    /// Sign these claims (adding `iss`, `nbf` and `exp`) and send the token with
    /// [`crate::signal::refresh_token`], in order with the other signals.
    RefreshToken {
        /// The recipient.
        to: ParticipantId,
        /// The token's content but for issuer and times.
        claims: Box<Claims>,
    },
    /// Sign these claims as for [`Output::RefreshToken`], put the token into the message, and send it with
    /// [`crate::signal::room_moved`], in order with the other signals.
    Moved {
        /// The recipient.
        to: ParticipantId,
        /// The message, without its token.
        moved: Box<proto::RoomMovedResponse>,
        /// The token's content but for issuer and times.
        claims: Box<Claims>,
    },
    /// Close the participant's signalling connection (code 1000) once what was sent is written.
    CloseSignal {
        /// The participant.
        to: ParticipantId,
    },
    /// Send a datagram.
    Transmit {
        /// The peer connection it belongs to.
        peer: PeerId,
        /// The transport.
        proto: Protocol,
        /// Our candidate's address.
        src: SocketAddr,
        /// The remote address.
        dst: SocketAddr,
        /// The datagram.
        data: Datagram,
    },
    /// A peer connection answers to this ICE user fragment: packets whose first STUN request
    /// names it ([`crate::peer::stun_username_ufrag`]) are its own. An ICE restart brings a further one.
    PeerUfrag {
        /// The peer connection.
        peer: PeerId,
        /// Our user fragment.
        ufrag: String,
    },
    /// A peer connection is gone; forget its addresses and fragments.
    PeerGone {
        /// The peer connection.
        peer: PeerId,
    },
    /// Something for a participant inside the server.
    Local {
        /// The participant.
        to: ParticipantId,
        /// What happened.
        event: LocalEvent,
    },
    /// Something for the room that a participant is forwarded to: see [`crate::Room::guest_told`].
    Told {
        /// Which of its forwardings.
        id: ForwardingId,
        /// What happened.
        told: Told,
    },
    /// Something for the room that a guest is in: see [`crate::Room::forwarding_asked`].
    Asked {
        /// The guest's forwarding.
        id: ForwardingId,
        /// What is needed.
        asked: Asked,
    },
    /// What came of [`crate::Room::perform_rpc`]; once per call.
    RpcAnswered {
        /// The call.
        id: RpcId,
        /// The method's payload.
        result: Result<String, RpcFailure>,
    },
    /// The participant is no longer in the room; its id is never used again. Comes once per participant, last of
    /// all its outputs.
    Left {
        /// The participant.
        participant: ParticipantId,
        /// Its identity.
        identity: String,
        /// Why.
        reason: proto::DisconnectReason,
    },
    /// The room is closed and empty; nothing follows.
    Closed,
}

/// What a local participant is told.
#[derive(Debug, Clone)]
pub enum LocalEvent {
    /// A packet of a track it subscribes to.
    Audio {
        /// The track.
        track: TrackSid,
        /// Its publisher.
        from: ParticipantId,
        /// The payload's codec.
        codec: Codec,
        /// RTP sequence number as the publisher sent it.
        seq: u16,
        /// RTP timestamp in the codec's clock.
        timestamp: u32,
        /// The RTP marker bit.
        marker: bool,
        /// The codec's payload.
        payload: Payload,
        /// The publisher's audio level in -dBov (0 loudest, 127 silence; RFC 6464), when it was sent.
        audio_level: Option<u8>,
    },
    /// A track it subscribes to from now on.
    TrackAdded {
        /// The track.
        track: TrackSid,
        /// Its publisher.
        from: ParticipantId,
        /// The publisher's identity.
        identity: String,
    },
    /// A track that ended, or is no longer subscribed to.
    TrackRemoved {
        /// The track.
        track: TrackSid,
        /// Its publisher.
        from: ParticipantId,
    },
    /// A subscribed track was muted or unmuted.
    TrackMuted {
        /// The track.
        track: TrackSid,
        /// The new state.
        muted: bool,
    },
    /// A data packet for it.
    Data {
        /// The packet, sender fields filled in.
        packet: Box<proto::DataPacket>,
        /// The sender's identity; empty for a hidden sender or the server.
        from: String,
    },
    /// The API has set attributes of it; an empty value deletes its key.
    Attributes(HashMap<String, String>),
    /// In which codecs somebody listens to its track now. Nobody: all false; packets need not be written then.
    Demand {
        /// Write PCMU.
        pcmu: bool,
        /// Write PCMA.
        pcma: bool,
        /// Write G.722, if that is what the phone speaks.
        g722: bool,
        /// Write Opus.
        opus: bool,
    },
    /// Its connection is to be rated: [`crate::Room::path_measured`] shall be told what it has measured.
    MeasurePath,
    /// It is no longer in the room. No event follows.
    Removed(proto::DisconnectReason),
}
