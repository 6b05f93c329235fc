//! The first message of a session: all a client must know.

use livekit_protocol as proto;
use proto::signal_response::Message as Response;

use crate::ids::ParticipantId;
use crate::lifecycle::Room;
use crate::output::Codec;
use crate::peer::Role;
use crate::video::VideoCodec;

/// The signalling protocol spoken. Not 18: newer clients would take the data channels' ids for agreed on.
const PROTOCOL: i32 = 17;
const AGENT_PROTOCOL: i32 = 1;
const AUDIO: [Codec; 3] = [Codec::Pcmu, Codec::Pcma, Codec::Opus];
/// Seconds; clients take zeros badly.
const PING_INTERVAL: i32 = 5;
const PING_TIMEOUT: i32 = 15;

impl Room {
    /// Sends the join response.
    #[allow(deprecated, reason = "older clients read server_version")]
    pub(crate) fn send_join(&mut self, to: ParticipantId) {
        let Some(participant) = self.participants.get(&to) else { return };
        let primary = participant.remote().map(|remote| remote.transport.primary_role());
        let others = self.participants.iter().filter(|(id, other)| **id != to && !other.is_hidden());
        let join = proto::JoinResponse {
            room: Some(self.info()),
            participant: Some(proto::ParticipantInfo {
                state: proto::participant_info::State::Joining.into(),
                version: 0,
                ..participant.info()
            }),
            other_participants: others.map(|(_, other)| other.info()).collect(),
            server_version: self.env.version.clone(),
            ice_servers: self.env.ice_servers.clone(),
            subscriber_primary: primary == Some(Role::Subscriber),
            ping_timeout: PING_TIMEOUT,
            ping_interval: PING_INTERVAL,
            server_info: Some(self.server_info()),
            enabled_publish_codecs: publish_codecs(),
            fast_publish: participant.permission.can_publish,
            ..Default::default()
        };
        self.send(to, Response::Join(join));
    }

    pub(crate) fn server_info(&self) -> proto::ServerInfo {
        proto::ServerInfo {
            version: self.env.version.clone(),
            protocol: PROTOCOL,
            node_id: self.env.node_id.clone(),
            agent_protocol: AGENT_PROTOCOL,
            ..Default::default()
        }
    }
}

/// The codecs a client may publish in; of video, it takes the first it has.
fn publish_codecs() -> Vec<proto::Codec> {
    let video = VideoCodec::ALL.map(VideoCodec::mime_type);
    video.into_iter().chain(AUDIO.map(Codec::mime_type)).chain(["audio/red"]).map(codec).collect()
}

/// The codecs that are negotiated.
pub(crate) fn enabled_codecs() -> Vec<proto::Codec> {
    let video = VideoCodec::ALL.map(VideoCodec::mime_type);
    let audio = AUDIO.map(Codec::mime_type).into_iter().chain(["audio/red"]);
    audio.chain(video).chain(["video/rtx"]).map(codec).collect()
}

fn codec(mime: &str) -> proto::Codec {
    proto::Codec { mime: mime.to_owned(), fmtp_line: String::new() }
}
