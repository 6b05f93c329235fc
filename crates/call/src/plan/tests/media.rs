//! Codecs and encryption of a call, over those of its trunk.

use super::*;

#[test]
fn media_of_the_call_goes_over_that_of_the_trunk() {
    let plan = plan(|r, t| {
        t.media = Some(proto::SipMediaConfig {
            media_timeout: media_timeout(20).media_timeout,
            ..codecs(&["PCMU"], true)
        });
        r.media = Some(codecs(&["pcma"], true));
    });
    assert_eq!(plan.media.codecs, [Codec::Pcma]);
    assert_eq!(plan.media.timeout, Some(Duration::from_secs(20)));
}

#[test]
fn codecs_are_offered_in_the_order_they_are_listed_in_each_at_its_rate() {
    let listed = codecs(&["opus", "G722", "PCMA"], false);
    let plan = plan(|r, _| r.media = Some(listed.clone()));
    assert_eq!(plan.media.codecs, [Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu]);
    let at = |name: &str, rate| proto::SipMediaConfig {
        codecs: vec![proto::SipCodec { name: name.into(), rate }],
        ..Default::default()
    };
    for (media, fits) in [
        (at("OPUS", 48_000), true),
        (at("opus", 8_000), false),
        (at("G722", 8_000), true),
        (at("G722", 16_000), false),
    ] {
        let planned =
            plan_with(&CreateSipParticipantRequest { media: Some(media.clone()), ..request() }, &trunk());
        assert_eq!(planned.is_ok(), fits, "{media:?}");
    }
}

#[test]
fn a_call_may_ask_for_encryption_and_cannot_turn_off_its_trunks() {
    use proto::SipMediaEncryption::{SipMediaEncryptAllow, SipMediaEncryptDisable, SipMediaEncryptRequire};
    let of = |call, of_trunk| {
        let plan = plan(|r, t| (r.media, t.media) = (Some(encryption(call)), Some(encryption(of_trunk))));
        plan.media.encryption
    };
    assert_eq!(of(SipMediaEncryptDisable, SipMediaEncryptDisable), Encryption::Disable);
    assert_eq!(of(SipMediaEncryptAllow, SipMediaEncryptDisable), Encryption::Allow);
    assert_eq!(of(SipMediaEncryptRequire, SipMediaEncryptAllow), Encryption::Require);
    assert_eq!(of(SipMediaEncryptDisable, SipMediaEncryptRequire), Encryption::Require);
}

#[test]
fn the_old_spelling_of_encryption_still_counts() {
    #[allow(deprecated, reason = "it is what the test is about")]
    let planned = {
        let mut request = request();
        request.media_encryption = proto::SipMediaEncryption::SipMediaEncryptRequire.into();
        plan_with(&request, &trunk())
    };
    assert_eq!(planned.unwrap().media.encryption, Encryption::Require);
}
