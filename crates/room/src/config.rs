//! What a room and its participants are made from.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use livekit_protocol as proto;

use crate::grants::VideoGrant;
use crate::output::Codec;
use crate::peer::Certificate;

/// What a room is made from; LiveKit's defaults.
#[derive(Debug, Clone)]
pub struct RoomConfig {
    /// The room's name.
    pub name: String,
    /// The room's sid; `None`: one is made (`RM_...`).
    pub sid: Option<String>,
    /// Closes a room nobody ever joined, counted from its creation. Zero: never.
    pub empty_timeout: Duration,
    /// Closes a room everybody left, counted from the last departure. Zero: at once.
    pub departure_timeout: Duration,
    /// Most participants at a time, agents and recorders not counted; 0: no limit.
    pub max_participants: u32,
    /// The room's metadata.
    pub metadata: String,
}

impl Default for RoomConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            sid: None,
            empty_timeout: Duration::from_secs(300),
            departure_timeout: Duration::from_secs(20),
            max_participants: 0,
            metadata: String::new(),
        }
    }
}

/// The version of livekit-server whose behaviour rooms show. Clients decide by it what a server can do (RPC between
/// participants, for one), so it is this one that they are told, not ours.
pub const COMPATIBLE_VERSION: &str = "1.13.5";

/// What the server around the room is: the same for all its rooms.
#[derive(Debug, Clone, Default)]
pub struct Env {
    /// The node's id (`ND_...`).
    pub node_id: String,
    /// The version told to clients; must be a plain semver, and not empty.
    pub version: String,
    /// The addresses of the worker's UDP socket as clients may reach it, one per host candidate. Packets handed
    /// to [`crate::Room::handle_packet`] must name one of these as their destination.
    pub candidates: Vec<SocketAddr>,
    /// The same over TCP, where clients connect to (RFC 6544: passive). The shell does the framing.
    pub tcp_candidates: Vec<SocketAddr>,
    /// STUN and TURN servers passed on to clients; their URLs must be well formed.
    pub ice_servers: Vec<proto::IceServer>,
    /// The DTLS certificate all peers share; from [`crate::peer::new_certificate`]; `None`: each
    /// peer makes its own, which takes 1 ms.
    pub certificate: Option<Certificate>,
    /// Clients to whom only telephones listen are asked for narrowband.
    pub narrowband: bool,
    /// Clients that take comfort noise are not sent a telephone's silence.
    pub comfort_noise: bool,
    /// Clients that lose much of a telephone's audio, and take redundant audio, are sent it as Opus.
    pub opus_when_lossy: bool,
}

/// How a client wants its media connection.
#[derive(Debug, Clone)]
pub enum JoinMode {
    /// One peer connection, the client always offers (v1). The offer may ride in the join request.
    Single {
        /// The offer of the join request, with its id.
        offer: Option<proto::SessionDescription>,
    },
    /// Two peer connections (v0).
    Dual,
}

/// A client that joins through signalling. The token is checked already.
#[derive(Debug, Clone)]
pub struct Join {
    /// The participant's identity; one that is in the room already is replaced.
    pub identity: String,
    /// The name to show.
    pub name: String,
    /// The kind from the token.
    pub kind: proto::participant_info::Kind,
    /// The metadata, from the token or the join request.
    pub metadata: String,
    /// The attributes, from the token and the join request.
    pub attributes: HashMap<String, String>,
    /// The token's video grant.
    pub grants: VideoGrant,
    /// What the client says of itself.
    pub client: proto::ClientInfo,
    /// One peer connection or two.
    pub mode: JoinMode,
    /// Subscribe to every track without being asked.
    pub auto_subscribe: bool,
    /// Tracks announced inside the join request, before the offer that carries them.
    pub add_tracks: Vec<proto::AddTrackRequest>,
}

/// A client that wants to go on with its session. The token is checked already.
#[derive(Debug, Clone)]
pub struct Resume {
    /// The participant's identity.
    pub identity: String,
    /// The sid its session had; empty: whichever it has.
    pub participant_sid: String,
    /// It has two peer connections (v0).
    pub dual: bool,
}

/// A participant inside the server, such as a phone.
#[derive(Debug, Clone)]
pub struct LocalJoin {
    /// The participant's identity; one that is in the room already is replaced.
    pub identity: String,
    /// The name to show.
    pub name: String,
    /// The metadata.
    pub metadata: String,
    /// The attributes.
    pub attributes: HashMap<String, String>,
    /// The kind, `Sip` for a phone.
    pub kind: proto::participant_info::Kind,
}

/// A local participant's audio track.
#[derive(Debug, Clone)]
pub struct LocalTrack {
    /// The track's name.
    pub name: String,
    /// The source, `Microphone` for a phone.
    pub source: proto::TrackSource,
    /// The group of tracks played in sync; empty: LiveKit's default for the source.
    pub stream: String,
    /// The codec the track is announced with, and the first choice of its subscribers. Those that did not
    /// negotiate it get the next they did of PCMU, PCMA and Opus: see [`crate::LocalEvent::Demand`].
    pub codec: Codec,
}
