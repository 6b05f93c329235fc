//! The claims of a LiveKit access token as plain data, and what they permit (LiveKit access tokens, JWT HS256).
//!
//! Parsing and signing tokens is the program's work; nothing here checks a signature or a time.

use std::collections::HashMap;

use livekit_protocol as proto;
use serde::{Deserialize, Serialize};

/// The whole content of an access token. Unknown claims are ignored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Claims {
    /// The API key that signed the token.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub iss: String,
    /// The participant's identity.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub: String,
    /// The token's id; stands in for an empty `sub`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jti: String,
    /// Seconds since 1970 after which the token is void.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Seconds since 1970 before which the token is void.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// When the token was made, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Printed by the server in refreshed tokens; `sub` rules.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub identity: String,
    /// The name to show.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `standard`, `sip`, `agent` ...
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The participant's metadata.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub metadata: String,
    /// The participant's attributes.
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    pub attributes: HashMap<String, String>,
    /// Hash of a webhook's body.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// Name of a room preset.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub room_preset: String,
    /// Configuration of the room that this join creates, as protojson.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_config: Option<serde_json::Value>,
    /// What the holder may do with rooms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoGrant>,
    /// What the holder may do with phone calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip: Option<SipGrant>,
}

impl Claims {
    /// The participant's identity: `sub`, or `jti` when `sub` is empty.
    #[must_use]
    pub fn identity(&self) -> &str {
        if self.sub.is_empty() { &self.jti } else { &self.sub }
    }

    /// The participant's kind; unknown names are standard participants.
    #[must_use]
    pub fn kind(&self) -> proto::participant_info::Kind {
        kind_from_name(&self.kind)
    }
}

/// What a token permits with rooms. Absent fields have LiveKit's defaults: see [`VideoGrant::permission`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VideoGrant {
    /// May create and delete rooms.
    #[serde(skip_serializing_if = "is_false")]
    pub room_create: bool,
    /// May list rooms.
    #[serde(skip_serializing_if = "is_false")]
    pub room_list: bool,
    /// May record rooms.
    #[serde(skip_serializing_if = "is_false")]
    pub room_record: bool,
    /// May administrate `room`.
    #[serde(skip_serializing_if = "is_false")]
    pub room_admin: bool,
    /// May join `room`.
    #[serde(skip_serializing_if = "is_false")]
    pub room_join: bool,
    /// The room meant by `room_admin` and `room_join`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub room: String,
    /// May publish tracks; default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish: Option<bool>,
    /// May subscribe to tracks; default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe: Option<bool>,
    /// May send data; default as `can_publish`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_data: Option<bool>,
    /// When not empty, only these sources may be published: `camera`, `microphone`, `screen_share`,
    /// `screen_share_audio`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub can_publish_sources: Vec<String>,
    /// May change its own name, metadata and attributes; default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_update_own_metadata: Option<bool>,
    /// May administrate ingress.
    #[serde(skip_serializing_if = "is_false")]
    pub ingress_admin: bool,
    /// Is not shown to others.
    #[serde(skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// Is a recorder.
    #[serde(skip_serializing_if = "is_false")]
    pub recorder: bool,
    /// May register as an agent worker.
    #[serde(skip_serializing_if = "is_false")]
    pub agent: bool,
    /// May receive metrics; default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe_metrics: Option<bool>,
    /// May manage agent sessions; default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_manage_agent_session: Option<bool>,
    /// Where participants may be moved or forwarded to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub destination_room: String,
}

impl VideoGrant {
    /// The permission these grants amount to, as participants are told.
    #[must_use]
    pub fn permission(&self) -> proto::ParticipantPermission {
        let can_publish = self.can_publish.unwrap_or(true);
        proto::ParticipantPermission {
            can_subscribe: self.can_subscribe.unwrap_or(true),
            can_publish,
            can_publish_data: self.can_publish_data.unwrap_or(can_publish),
            can_publish_sources: self
                .can_publish_sources
                .iter()
                .filter_map(|name| source_from_name(name))
                .map(i32::from)
                .collect(),
            hidden: self.hidden,
            can_update_metadata: self.can_update_own_metadata.unwrap_or(false),
            can_subscribe_metrics: self.can_subscribe_metrics.unwrap_or(false),
            can_manage_agent_session: self.can_manage_agent_session.unwrap_or(false),
            ..deprecated_permission(self.recorder, self.agent)
        }
    }

    /// Makes the grants amount to this permission. Whether it is a recorder or an agent stays as the token has it.
    pub fn set_permission(&mut self, permission: &proto::ParticipantPermission) {
        self.can_publish = Some(permission.can_publish);
        self.can_subscribe = Some(permission.can_subscribe);
        self.can_publish_data = Some(permission.can_publish_data);
        self.can_publish_sources =
            permission.can_publish_sources().filter_map(source_name).map(str::to_owned).collect();
        self.can_update_own_metadata = Some(permission.can_update_metadata);
        self.hidden = permission.hidden;
        self.can_subscribe_metrics = Some(permission.can_subscribe_metrics);
        self.can_manage_agent_session = Some(permission.can_manage_agent_session);
    }
}

/// `recorder` and `agent` are deprecated in the protocol, yet clients read them.
#[allow(deprecated, reason = "older clients tell recorders and agents by these fields")]
fn deprecated_permission(recorder: bool, agent: bool) -> proto::ParticipantPermission {
    proto::ParticipantPermission { recorder, agent, ..Default::default() }
}

/// What a token permits with phone calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SipGrant {
    /// May manage trunks and dispatch rules.
    #[serde(skip_serializing_if = "is_false")]
    pub admin: bool,
    /// May place and transfer calls.
    #[serde(skip_serializing_if = "is_false")]
    pub call: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// The track source a token's name stands for.
#[must_use]
pub fn source_from_name(name: &str) -> Option<proto::TrackSource> {
    Some(match name.to_ascii_lowercase().as_str() {
        "camera" => proto::TrackSource::Camera,
        "microphone" => proto::TrackSource::Microphone,
        "screen_share" => proto::TrackSource::ScreenShare,
        "screen_share_audio" => proto::TrackSource::ScreenShareAudio,
        _ => return None,
    })
}

/// The name tokens use for a track source.
#[must_use]
pub const fn source_name(source: proto::TrackSource) -> Option<&'static str> {
    match source {
        proto::TrackSource::Camera => Some("camera"),
        proto::TrackSource::Microphone => Some("microphone"),
        proto::TrackSource::ScreenShare => Some("screen_share"),
        proto::TrackSource::ScreenShareAudio => Some("screen_share_audio"),
        proto::TrackSource::Unknown => None,
    }
}

/// A participant's kind by the name tokens use.
#[must_use]
pub fn kind_from_name(name: &str) -> proto::participant_info::Kind {
    use proto::participant_info::Kind;
    match name {
        "ingress" => Kind::Ingress,
        "egress" => Kind::Egress,
        "sip" => Kind::Sip,
        "agent" => Kind::Agent,
        "connector" => Kind::Connector,
        "bridge" => Kind::Bridge,
        _ => Kind::Standard,
    }
}

/// The name tokens use for a participant's kind.
#[must_use]
pub const fn kind_name(kind: proto::participant_info::Kind) -> &'static str {
    use proto::participant_info::Kind;
    match kind {
        Kind::Standard => "standard",
        Kind::Ingress => "ingress",
        Kind::Egress => "egress",
        Kind::Sip => "sip",
        Kind::Agent => "agent",
        Kind::Connector => "connector",
        Kind::Bridge => "bridge",
    }
}
