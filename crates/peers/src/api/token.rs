//! Minting of access tokens: the claims LiveKit's SDKs put into theirs, and no more.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Lifetime of a token unless [`Grants::ttl`] says otherwise, as the SDKs have it.
const DEFAULT_TTL: Duration = Duration::from_secs(6 * 3600);

/// What a token allows and whom it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Identity (`sub`); empty for a server's own calls.
    pub identity: String,
    /// Display name.
    pub name: String,
    /// Participant metadata.
    pub metadata: String,
    /// Participant attributes.
    pub attributes: BTreeMap<String, String>,
    /// Rights in rooms.
    pub video: VideoGrants,
    /// Rights over telephony.
    pub sip: SipGrants,
    /// Lifetime from now; six hours when absent.
    pub ttl: Option<Duration>,
}

/// The `video` claim: rights in rooms. Absent options keep the server's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoGrants {
    /// May join `room`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub room_join: bool,
    /// The room that `room_join` and `room_admin` speak of.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub room: String,
    /// May create and delete rooms.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub room_create: bool,
    /// May list rooms.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub room_list: bool,
    /// May administer `room`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub room_admin: bool,
    /// May publish tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish: Option<bool>,
    /// May subscribe to tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe: Option<bool>,
    /// May send data packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_data: Option<bool>,
    /// May change the own name, metadata and attributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_update_own_metadata: Option<bool>,
    /// Others do not see this participant.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// The `sip` claim: rights over telephony.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SipGrants {
    /// May manage trunks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub admin: bool,
    /// May place calls.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub call: bool,
}

impl Grants {
    /// A participant that may join `room`, publish, subscribe, send data and change its own attributes.
    #[must_use]
    pub fn join(identity: &str, room: &str) -> Self {
        Self {
            identity: identity.to_owned(),
            video: VideoGrants {
                room_join: true,
                room: room.to_owned(),
                can_update_own_metadata: Some(true),
                ..VideoGrants::default()
            },
            ..Self::default()
        }
    }

    /// Administration of one room, creation and listing of all.
    #[must_use]
    pub fn room_service(room: &str) -> Self {
        Self {
            video: VideoGrants {
                room: room.to_owned(),
                room_create: true,
                room_list: true,
                room_admin: true,
                ..VideoGrants::default()
            },
            ..Self::default()
        }
    }

    /// Management of trunks and placing of calls.
    #[must_use]
    pub fn sip_service() -> Self {
        Self { sip: SipGrants { admin: true, call: true }, ..Self::default() }
    }
}

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the token could not be signed: {0}")]
pub struct TokenError(#[from] jsonwebtoken::errors::Error);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    nbf: u64,
    exp: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    metadata: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: &'a BTreeMap<String, String>,
    video: &'a VideoGrants,
    #[serde(skip_serializing_if = "no_rights")]
    sip: &'a SipGrants,
}

fn no_rights(sip: &&SipGrants) -> bool {
    !sip.admin && !sip.call
}

/// Signs a token for `grants` with an API key and its secret (HS256).
///
/// # Errors
/// [`TokenError`] when the crypto provider refuses to sign.
pub fn token(key: &str, secret: &str, grants: &Grants) -> Result<String, TokenError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = Claims {
        iss: key,
        sub: &grants.identity,
        nbf: now,
        exp: now + grants.ttl.unwrap_or(DEFAULT_TTL).as_secs(),
        name: &grants.name,
        metadata: &grants.metadata,
        attributes: &grants.attributes,
        video: &grants.video,
        sip: &grants.sip,
    };
    let signer = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    Ok(jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &signer)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    fn claims(token: &str) -> serde_json::Value {
        let body = token.split('.').nth(1).unwrap();
        let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).unwrap();
        serde_json::from_slice(&json).unwrap()
    }

    #[test]
    fn a_join_token_names_the_participant_and_the_room() {
        let token = token("devkey", "secret", &Grants::join("alice", "room-a")).unwrap();
        let claims = claims(&token);
        assert_eq!(claims["iss"], "devkey");
        assert_eq!(claims["sub"], "alice");
        assert_eq!(claims["video"]["roomJoin"], true);
        assert_eq!(claims["video"]["room"], "room-a");
        assert!(claims.get("sip").is_none());
        assert!(claims["video"].get("canPublish").is_none(), "defaults are the server's");
    }

    #[test]
    fn a_token_is_signed_with_the_secret() {
        let token = token("devkey", "secret", &Grants::sip_service()).unwrap();
        let mut rules = jsonwebtoken::Validation::default();
        rules.required_spec_claims.clear();
        let decode = |secret: &[u8]| {
            let key = jsonwebtoken::DecodingKey::from_secret(secret);
            jsonwebtoken::decode::<serde_json::Value>(&token, &key, &rules)
        };
        assert_eq!(decode(b"secret").unwrap().claims["sip"]["call"], true);
        assert!(decode(b"other").is_err());
    }
}
