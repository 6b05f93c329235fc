//! Access tokens: who asks, and what they may. LiveKit access tokens (JWT, HS256 only).
//!
//! A token that is there must be good, whatever is asked; one that is missing fails later, where a permission
//! is needed. No answer repeats a token.

#[cfg(test)]
mod tests;
mod token;

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use room::grants::{Claims, VideoGrant};
use thiserror::Error;
pub(crate) use token::sign;
pub(super) use token::verify;

use crate::config::Keys;

/// Why a token is refused. The texts are LiveKit's, less the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum AuthError {
    #[error("invalid authorization header. Must start with Bearer ")]
    NotBearer,
    #[error("invalid authorization token")]
    NotAToken,
    #[error("invalid API key: {0}")]
    UnknownKey(String),
    #[error("invalid token, error: token signature is invalid: signature is invalid")]
    Signature,
    #[error("invalid token, error: token has invalid claims: token is expired")]
    Expired,
    #[error("invalid token, error: token has invalid claims: token is not valid yet")]
    NotYet,
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        (StatusCode::UNAUTHORIZED, self.to_string()).into_response()
    }
}

/// The claims of a request: from its header, else from the `access_token` of its query. `None` without a token.
pub(crate) fn authenticate(
    headers: &HeaderMap,
    query: Option<&str>,
    keys: &Keys,
    now: i64,
) -> Result<Option<Claims>, AuthError> {
    let token = match headers.get(header::AUTHORIZATION) {
        Some(value) => {
            let value = value.to_str().map_err(|_| AuthError::NotBearer)?;
            Some(value.strip_prefix("Bearer ").ok_or(AuthError::NotBearer)?.to_owned())
        }
        None => query.and_then(token_in_query).filter(|token| !token.is_empty()),
    };
    token.map(|token| token::verify(&token, keys, now)).transpose()
}

fn token_in_query(query: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("access_token="))?;
    Some(percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// Whether a token permits something.
pub(crate) trait Permits {
    /// Trunks and dispatch rules.
    fn sip_admin(&self) -> bool;
    /// Placing calls.
    fn sip_call(&self) -> bool;
    /// Creating and deleting rooms.
    fn room_create(&self) -> bool;
    /// Listing rooms.
    fn room_list(&self) -> bool;
    /// Administration of this room.
    fn room_admin(&self, room: &str) -> bool;
    /// Moving participants of this room to that one.
    fn room_move(&self, room: &str, destination: &str) -> bool;
}

impl Permits for Option<Claims> {
    fn sip_admin(&self) -> bool {
        self.as_ref().and_then(|claims| claims.sip.as_ref()).is_some_and(|sip| sip.admin)
    }

    fn sip_call(&self) -> bool {
        self.as_ref().and_then(|claims| claims.sip.as_ref()).is_some_and(|sip| sip.call)
    }

    fn room_create(&self) -> bool {
        video(self).is_some_and(|video| video.room_create)
    }

    fn room_list(&self) -> bool {
        video(self).is_some_and(|video| video.room_list)
    }

    fn room_admin(&self, room: &str) -> bool {
        video(self).is_some_and(|video| video.room_admin && video.room == room)
    }

    fn room_move(&self, room: &str, destination: &str) -> bool {
        self.room_admin(room) && video(self).is_some_and(|video| video.destination_room == destination)
    }
}

fn video(claims: &Option<Claims>) -> Option<&VideoGrant> {
    claims.as_ref().and_then(|claims| claims.video.as_ref())
}
