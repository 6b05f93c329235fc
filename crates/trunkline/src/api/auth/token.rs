//! Reading and signing tokens (RFC 7515, RFC 7519), HS256 only.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use room::grants::Claims;
use serde::Deserialize;
use serde_json::Value;

use super::AuthError;
use crate::config::Keys;

/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 60;
/// A longer token is none.
const MAX_TOKEN: usize = 256 * 1024;

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// Checks a token at `now`, seconds since 1970, and returns its claims.
pub(in crate::api) fn verify(token: &str, keys: &Keys, now: i64) -> Result<Claims, AuthError> {
    let (signed, signature) = token.rsplit_once('.').ok_or(AuthError::NotAToken)?;
    let (header, payload) = signed.split_once('.').ok_or(AuthError::NotAToken)?;
    if token.len() > MAX_TOKEN {
        return Err(AuthError::NotAToken);
    }
    let header: Header = decode(header)?;
    if header.alg != "HS256" {
        return Err(AuthError::NotAToken);
    }
    let claims: Claims =
        serde_json::from_value(without_nulls(decode(payload)?)).map_err(|_| AuthError::NotAToken)?;
    let secret = keys.secret(&claims.iss).ok_or_else(|| AuthError::UnknownKey(shown(&claims.iss)))?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| AuthError::NotAToken)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, signed.as_bytes(), &signature).map_err(|_| AuthError::Signature)?;
    if claims.exp.is_some_and(|exp| now > exp.saturating_add(LEEWAY)) {
        return Err(AuthError::Expired);
    }
    if claims.nbf.is_some_and(|nbf| now < nbf.saturating_sub(LEEWAY)) {
        return Err(AuthError::NotYet);
    }
    Ok(claims)
}

/// Signs claims with a key's secret.
pub(crate) fn sign(claims: &Claims, secret: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    // Claims are texts, numbers and booleans: they always print.
    let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).unwrap_or_default());
    let signed = format!("{header}.{payload}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()).as_ref());
    format!("{signed}.{signature}")
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, AuthError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| AuthError::NotAToken)?;
    serde_json::from_slice(&bytes).map_err(|_| AuthError::NotAToken)
}

/// A claim that is null is a claim that is not there: some signers write out everything they know.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let given = members.into_iter().filter(|(_, member)| !member.is_null());
            Value::Object(given.map(|(name, member)| (name, without_nulls(member))).collect())
        }
        other => other,
    }
}

/// An API key as an error repeats it: shortened, and in one line.
fn shown(key: &str) -> String {
    key.chars().filter(|c| !c.is_control()).take(64).collect()
}
