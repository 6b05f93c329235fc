use std::collections::BTreeMap;

use axum::http::HeaderValue;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use room::grants::SipGrant;

use super::*;

const NOW: i64 = 1_700_000_000;

fn keys() -> Keys {
    Keys::new(BTreeMap::from([("devkey".to_owned(), "secret".to_owned())]))
}

fn claims() -> Claims {
    Claims { iss: "devkey".to_owned(), exp: Some(NOW + 600), ..Claims::default() }
}

fn bearer(value: &str) -> Result<Option<Claims>, AuthError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    authenticate(&headers, None, &keys(), NOW)
}

fn token(claims: &Claims, secret: &str) -> Result<Option<Claims>, AuthError> {
    bearer(&format!("Bearer {}", sign(claims, secret)))
}

#[test]
fn a_signed_token_is_read_back() {
    let claims = Claims { sip: Some(SipGrant { admin: true, call: false }), ..claims() };
    assert_eq!(token(&claims, "secret").unwrap(), Some(claims));
}

#[test]
fn every_flaw_has_its_answer() {
    let with = |change: fn(&mut Claims)| {
        let mut claims = claims();
        change(&mut claims);
        token(&claims, "secret").err()
    };
    assert_eq!(with(|c| c.exp = Some(NOW - 61)), Some(AuthError::Expired));
    assert_eq!(with(|c| c.exp = Some(NOW - 30)), None, "inside the leeway");
    assert_eq!(with(|c| c.exp = None), None, "as LiveKit has it");
    assert_eq!(with(|c| c.nbf = Some(NOW + 600)), Some(AuthError::NotYet));
    assert_eq!(with(|c| c.nbf = Some(NOW + 30)), None, "inside the leeway");
    assert_eq!(with(|c| c.iss = "nokey".to_owned()), Some(AuthError::UnknownKey("nokey".to_owned())));
    assert_eq!(token(&claims(), "other").err(), Some(AuthError::Signature));
    for text in ["Bearer nothing", "Bearer a.b.c", "Bearer ", "Bearer ..", "Bearer a.b"] {
        assert_eq!(bearer(text).err(), Some(AuthError::NotAToken), "{text}");
    }
    for text in ["Basic abc", "bearer abc", ""] {
        assert_eq!(bearer(text).err(), Some(AuthError::NotBearer), "{text}");
    }
}

#[test]
fn a_claim_that_is_null_is_not_there() {
    let claims =
        r#"{"iss":"devkey","sub":null,"exp":null,"video":{"roomJoin":true,"canPublish":null},"sip":null}"#;
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"secret");
    let signature = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()).as_ref());
    let read = bearer(&format!("Bearer {signed}.{signature}")).unwrap().unwrap();
    let video = room::grants::VideoGrant { room_join: true, ..Default::default() };
    assert_eq!(read, Claims { iss: "devkey".to_owned(), video: Some(video), ..Claims::default() });
}

#[test]
fn only_hs256_counts() {
    for algorithm in ["none", "HS384", "RS256"] {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{algorithm}"}}"#));
        let signed = sign(&claims(), "secret");
        let rest = signed.split_once('.').unwrap().1;
        assert_eq!(
            bearer(&format!("Bearer {header}.{rest}")).err(),
            Some(AuthError::NotAToken),
            "{algorithm}"
        );
    }
}

#[test]
fn a_token_in_the_query_counts_when_there_is_no_header() {
    let token = sign(&claims(), "secret");
    let query = format!("a=b&&access_token={token}&c=d");
    assert_eq!(authenticate(&HeaderMap::new(), Some(&query), &keys(), NOW).unwrap(), Some(claims()));
    assert_eq!(authenticate(&HeaderMap::new(), Some("a=b"), &keys(), NOW).unwrap(), None);
    let bad = authenticate(&HeaderMap::new(), Some("access_token=x"), &keys(), NOW);
    assert_eq!(bad.err(), Some(AuthError::NotAToken));
}

#[test]
fn no_answer_repeats_the_token() {
    let expired = sign(&Claims { exp: Some(1), ..claims() }, "secret");
    let error = bearer(&format!("Bearer {expired}")).unwrap_err();
    assert!(!error.to_string().contains(expired.split('.').next().unwrap()), "{error}");
}

proptest::proptest! {
    #[test]
    fn no_token_makes_the_reader_panic(token in "[A-Za-z0-9_.=-]{0,200}") {
        let _ = bearer(&format!("Bearer {token}"));
    }
}
