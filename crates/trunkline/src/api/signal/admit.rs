//! Who may join, and as what: the token's grants and the client's parameters become a `room::Join`.

use std::collections::HashMap;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use livekit_protocol::{self as proto, JoinRequest};
use prost::Message as _;
use room::{
    Join, JoinMode, LimitExceeded,
    grants::{Claims, VideoGrant},
};
use thiserror::Error;

use super::{
    Route,
    join_request::{self, JoinRequestError},
    query::Query,
};
use crate::api::json;

/// The longest identity and room name, in bytes.
const MAX_NAME: usize = 256;

/// A client that may join.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) room: String,
    pub(super) join: Box<Join>,
    /// What the room shall be like if this join makes it.
    pub(super) config: Option<Box<proto::RoomConfiguration>>,
    /// The API key of its token, which signs the next one.
    pub(super) key: String,
    /// The sid of the session that it wants to go on with; empty when it does not say.
    pub(super) resumes: Option<String>,
}

/// Why a client may not join. Statuses decide what the SDKs do next: try again, the older way, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    #[error("no permissions to access the room")]
    NoPermission,
    #[error("permissions denied")]
    NoJoinGrant,
    #[error("no room name")]
    NoRoomName,
    #[error("identity cannot be empty")]
    NoIdentity,
    #[error("participant identity length exceeds limits: max length {MAX_NAME}")]
    LongIdentity,
    #[error("room name length exceeds limits: max length {MAX_NAME}")]
    LongRoomName,
    #[error("cannot decode attributes")]
    Attributes,
    #[error("roomConfig of the token is no room configuration, or too large")]
    RoomConfig,
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    #[error(transparent)]
    JoinRequest(#[from] JoinRequestError),
    #[error("requested room does not exist")]
    NoSuchRoom,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NoPermission | Self::NoJoinGrant => StatusCode::UNAUTHORIZED,
            Self::NoSuchRoom => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, self.to_string()).into_response()
    }
}

/// Checks grants, names and parameters.
pub(super) fn admit(
    route: Route,
    claims: Option<Claims>,
    query: &str,
    user_agent: Option<&str>,
) -> Result<Admission, Refusal> {
    let claims = claims.ok_or(Refusal::NoPermission)?;
    let grants = claims.video.clone().ok_or(Refusal::NoPermission)?;
    check_grants(&claims, &grants)?;
    let query = Query::parse(query);
    let wants = match query.get("join_request") {
        Some(packed) if !packed.is_empty() => Wants::from_join_request(join_request::unpack(packed)?),
        _ if route == Route::V1 => return Err(JoinRequestError::Missing.into()),
        _ => Wants::from_query(&query)?,
    };
    if wants.changes_itself() && grants.can_update_own_metadata != Some(true) {
        return Err(Refusal::NoPermission);
    }
    room::check_limits("", &wants.metadata, &wants.attributes)?;
    let config = claims.room_config.as_ref().map(room_config).transpose()?;
    Ok(Admission {
        room: grants.room.clone(),
        config: config.map(Box::new),
        key: claims.iss.clone(),
        resumes: wants.resumes.clone(),
        join: Box::new(join(claims, grants, wants, user_agent)),
    })
}

fn check_grants(claims: &Claims, grants: &VideoGrant) -> Result<(), Refusal> {
    if !grants.room_join {
        return Err(Refusal::NoJoinGrant);
    }
    if grants.room.is_empty() {
        return Err(Refusal::NoRoomName);
    }
    if grants.room.len() > MAX_NAME {
        return Err(Refusal::LongRoomName);
    }
    if claims.identity().is_empty() {
        return Err(Refusal::NoIdentity);
    }
    if claims.identity().len() > MAX_NAME {
        return Err(Refusal::LongIdentity);
    }
    Ok(())
}

fn room_config(claim: &serde_json::Value) -> Result<proto::RoomConfiguration, Refusal> {
    let bytes = json::decode(claim.to_string().as_bytes(), &json::room::ROOM_CONFIGURATION);
    let config = bytes.ok().and_then(|bytes| proto::RoomConfiguration::decode(bytes.as_slice()).ok());
    let config = config.ok_or(Refusal::RoomConfig)?;
    let fits = config.metadata.len() <= room::LimitExceeded::Metadata.limit();
    if fits { Ok(config) } else { Err(Refusal::RoomConfig) }
}

/// What the client asks for, whichever way it says so.
struct Wants {
    client: proto::ClientInfo,
    metadata: String,
    attributes: HashMap<String, String>,
    mode: JoinMode,
    auto_subscribe: bool,
    add_tracks: Vec<proto::AddTrackRequest>,
    resumes: Option<String>,
}

impl Wants {
    fn from_join_request(request: JoinRequest) -> Self {
        Self {
            client: request.client_info.unwrap_or_default(),
            metadata: request.metadata,
            attributes: request.participant_attributes,
            mode: JoinMode::Single { offer: request.publisher_offer },
            auto_subscribe: request.connection_settings.is_some_and(|settings| settings.auto_subscribe),
            add_tracks: request.add_track_requests,
            resumes: request.reconnect.then_some(request.participant_sid),
        }
    }

    fn from_query(query: &Query) -> Result<Self, Refusal> {
        let attributes = match query.get("attributes") {
            Some(packed) if !packed.is_empty() => {
                join_request::unpack_attributes(packed).ok_or(Refusal::Attributes)?
            }
            _ => HashMap::new(),
        };
        let reconnects = query.get("reconnect").is_some_and(|value| matches!(value, "1" | "true"));
        Ok(Self {
            client: query.client_info(),
            metadata: String::new(),
            attributes,
            mode: JoinMode::Dual,
            auto_subscribe: query.get("auto_subscribe").is_none_or(|value| matches!(value, "1" | "true")),
            add_tracks: Vec::new(),
            resumes: reconnects.then(|| query.get("sid").unwrap_or_default().to_owned()),
        })
    }

    fn changes_itself(&self) -> bool {
        !self.metadata.is_empty() || !self.attributes.is_empty()
    }
}

fn join(claims: Claims, grants: VideoGrant, wants: Wants, user_agent: Option<&str>) -> Join {
    let mut attributes = claims.attributes.clone();
    // An empty value does not delete what the token has.
    attributes.extend(wants.attributes.into_iter().filter(|(_, value)| !value.is_empty()));
    let mut client = wants.client;
    if client.browser.is_empty()
        && let Some(browser) = user_agent.and_then(browser)
    {
        browser.clone_into(&mut client.browser);
    }
    Join {
        identity: claims.identity().to_owned(),
        name: claims.name.clone(),
        kind: claims.kind(),
        metadata: if wants.metadata.is_empty() { claims.metadata } else { wants.metadata },
        attributes,
        grants,
        client,
        mode: wants.mode,
        auto_subscribe: wants.auto_subscribe,
        add_tracks: wants.add_tracks,
    }
}

/// The browser, which newer JavaScript clients do not name.
fn browser(user_agent: &str) -> Option<&'static str> {
    [("Firefox/", "firefox"), ("Edg/", "edge"), ("Chrome/", "chrome"), ("Safari/", "safari")]
        .into_iter()
        .find_map(|(mark, name)| user_agent.contains(mark).then_some(name))
}
