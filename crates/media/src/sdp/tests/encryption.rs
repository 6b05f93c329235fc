//! Stories of keys in descriptions.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use rtp::srtp::{LocalKeys, Suite};

const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn keys(seed: u64) -> LocalKeys {
    LocalKeys::generate(&mut StdRng::seed_from_u64(seed))
}

fn with(encryption: Encryption) -> LocalAudio {
    LocalAudio { encryption, ..ours() }
}

fn callee(encryption: Encryption) -> LocalAudio {
    LocalAudio { rtp: "198.51.100.5:5000".parse().unwrap(), encryption, ..ours() }
}

type Outcome = Result<Option<Suite>, NegotiationError>;

/// One offer and its answer: what the answerer makes of it, and the offerer of the answer.
fn call(offerer: &Encryption, answerer: &Encryption) -> (Outcome, Option<Outcome>) {
    let offered = offer(&with(offerer.clone()));
    let offered = SessionDescription::parse(&offered.to_string()).unwrap();
    let (answered, theirs) = match answer(&offered, &callee(answerer.clone())) {
        Ok(answered) => answered,
        Err(error) => return (Err(error), None),
    };
    let answered = SessionDescription::parse(&answered.to_string()).unwrap();
    let ours = accept_answer(&offered, &answered);
    if let (Ok(ours), Some(theirs)) = (&ours, &theirs.srtp) {
        let ours = ours.srtp.as_ref().unwrap();
        assert_eq!(
            (&ours.send, &ours.receive),
            (&theirs.receive, &theirs.send),
            "what one sends the other opens"
        );
    }
    let suite = |terms: Negotiated| terms.srtp.map(|keys| keys.suite());
    (Ok(suite(theirs)), Some(ours.map(suite)))
}

#[test]
fn each_wish_meets_each_other() {
    use Encryption::{Allowed, Disabled, Required};
    let secure = || (Ok(Some(Suite::AesCm128HmacSha1_80)), Some(Ok(Some(Suite::AesCm128HmacSha1_80))));
    let plain = || (Ok(None), Some(Ok(None)));
    let (a, b) = (keys(1), keys(2));
    assert_eq!(call(&Disabled, &Disabled), plain());
    assert_eq!(call(&Disabled, &Allowed(b.clone())), plain());
    assert_eq!(call(&Disabled, &Required(b.clone())), (Err(NegotiationError::NotEncrypted), None));
    assert_eq!(call(&Allowed(a.clone()), &Disabled), plain(), "a plain phone answers too");
    assert_eq!(call(&Allowed(a.clone()), &Allowed(b.clone())), secure());
    assert_eq!(call(&Allowed(a.clone()), &Required(b.clone())), secure());
    assert_eq!(call(&Required(a.clone()), &Disabled), (Err(NegotiationError::EncryptionOff), None));
    assert_eq!(call(&Required(a.clone()), &Allowed(b.clone())), secure());
    assert_eq!(call(&Required(a), &Required(b)), secure());
}

#[test]
fn an_allowed_offer_is_plain_with_keys_and_a_required_one_is_not() {
    let section = |encryption| offer(&with(encryption)).media.remove(0);
    let allowed = section(Encryption::Allowed(keys(1)));
    assert_eq!(allowed.protocol, "RTP/AVP");
    let lines: Vec<_> = allowed.attributes.iter().filter(|a| a.name == "crypto").collect();
    assert_eq!(lines.len(), Suite::OFFERED.len());
    let first = lines[0].value.as_deref().unwrap();
    assert!(first.starts_with("1 AES_CM_128_HMAC_SHA1_80 inline:"), "{first}");
    assert_eq!(first.rsplit(':').next().unwrap().len(), 40, "30 bytes of base64");
    assert_eq!(section(Encryption::Required(keys(1))).protocol, "RTP/SAVP");
    assert_eq!(section(Encryption::Disabled).attribute("crypto"), None);
}

#[test]
fn an_answer_that_breaks_what_was_required_says_why() {
    let error = |section: &str| {
        accept_answer(&offer(&with(Encryption::Required(keys(1)))), &phone(section)).unwrap_err()
    };
    assert_eq!(error("m=audio 9000 RTP/AVP 0\r\n"), NegotiationError::NotEncrypted);
    assert_eq!(error("m=audio 9000 RTP/SAVP 0\r\n"), NegotiationError::NoKey);
    let unknown = format!("m=audio 9000 RTP/SAVP 0\r\na=crypto:1 F8_128_HMAC_SHA1_80 {KEY}\r\n");
    assert_eq!(error(&unknown), NegotiationError::NoCommonSuite);
    let short = "m=audio 9000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n";
    assert_eq!(error(short), NegotiationError::NoCommonSuite);
    let dtls = "m=audio 9000 UDP/TLS/RTP/SAVP 0\r\na=fingerprint:sha-1 4A:AD\r\n";
    assert!(matches!(error(dtls), NegotiationError::Protocol { .. }));
}

#[test]
fn an_answer_with_another_tag_or_a_plain_profile_is_taken_by_its_suite() {
    let ours = keys(1);
    let offered = offer(&with(Encryption::Required(ours.clone())));
    for line in [
        format!("m=audio 9000 RTP/SAVP 0\r\na=crypto:9 AES_CM_128_HMAC_SHA1_32 {KEY}\r\n"),
        format!("m=audio 9000 RTP/AVP 0\r\na=crypto:3 aes_cm_128_hmac_sha1_32 {KEY}\r\n"),
    ] {
        let terms = accept_answer(&offered, &phone(&line)).unwrap();
        assert_eq!(terms.srtp.unwrap().send, *ours.get(Suite::AesCm128HmacSha1_32).unwrap());
    }
}

#[test]
fn the_first_offered_line_that_can_be_used_is_answered_with_its_tag() {
    let section = format!(
        "m=audio 9000 RTP/SAVP 0\r\na=crypto:1 F8_128_HMAC_SHA1_80 {KEY}\r\n\
         a=crypto:2 AES_CM_128_HMAC_SHA1_80 {KEY} UNENCRYPTED_SRTP\r\n\
         a=crypto:3 AES_CM_128_HMAC_SHA1_80 {KEY}|2^20|1:4;{KEY}|2^20|2:4\r\n\
         a=crypto:7 AES_CM_128_HMAC_SHA1_32 {KEY}|2^20|258:4\r\n\
         a=crypto:8 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n"
    );
    let (answered, terms) = answer(&phone(&section), &with(Encryption::Allowed(keys(1)))).unwrap();
    let line = answered.media[0].attribute("crypto").unwrap();
    assert!(line.starts_with("7 AES_CM_128_HMAC_SHA1_32 inline:"), "{line}");
    assert_eq!(answered.media[0].protocol, "RTP/SAVP");
    assert_eq!(terms.srtp.unwrap().receive_mki, [0, 0, 1, 2]);
}

#[test]
fn keys_do_not_show_in_debug_output() {
    let offered = offer(&with(Encryption::Allowed(keys(1))));
    let line = offered.media[0].attribute("crypto").unwrap();
    let key = line.rsplit(':').next().unwrap();
    let (_, terms) = answer(&offered, &callee(Encryption::Allowed(keys(2)))).unwrap();
    for shown in
        [format!("{offered:?}"), format!("{:?}", with(Encryption::Allowed(keys(1)))), format!("{terms:?}")]
    {
        assert!(!shown.contains(key) && !shown.contains("inline"), "{shown}");
    }
}

proptest::proptest! {
    #[test]
    fn any_key_line_is_read_or_passed_over(value in "[0-9]{0,3} ?(AES_CM_128_HMAC_SHA1_80|AEAD_AES_256_GCM|X)? ?(inline)?:?[A-Za-z0-9+/=]{0,70}(\\|[0-9^:;]{0,12}){0,3}[ -~]{0,6}") {
        let section = format!("m=audio 9000 RTP/SAVP 0\r\na=crypto:{value}\r\n");
        let _ = answer(&phone(&section), &with(Encryption::Allowed(keys(1))));
        let _ = accept_answer(&offer(&with(Encryption::Allowed(keys(1)))), &phone(&section));
    }
}
