//! Calls: every option of the SDK, what it returns or says went wrong, and what the phone is sent.

use std::collections::HashMap;
use std::time::Duration;

use livekit_api::services::sip::{CreateSIPOutboundTrunkOptions, CreateSIPParticipantOptions};
use livekit_protocol::{
    DisconnectReason, SipHeaderOptions, SipMediaEncryption, SipOutboundConfig, SipParticipantInfo,
    SipTransport,
};

use crate::world::{
    CALLEE, Listener, Phone, header, headers, new_room, refusal, rooms, sip, trunk_to, trunk_with, waiting,
};

type Outcome = Result<SipParticipantInfo, livekit_api::services::ServiceError>;

async fn call(trunk: &str, room: &str, options: CreateSIPParticipantOptions) -> Outcome {
    sip().create_sip_participant(trunk.to_owned(), CALLEE.to_owned(), room.to_owned(), options, None).await
}

fn map<const N: usize>(pairs: [(&str, &str); N]) -> HashMap<String, String> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[tokio::test]
async fn a_call_with_everything() {
    let phone = Phone::playing("answer_until_bye").await;
    let room = new_room();
    let trunk = trunk_with(
        &phone.address,
        CreateSIPOutboundTrunkOptions {
            transport: SipTransport::Udp,
            headers: Some(map([("X-Account", "42"), ("X-Both", "trunk")])),
            headers_to_attributes: Some(map([("X-Carrier", "carrier.name")])),
            attributes_to_headers: Some(map([("ticket", "X-Ticket")])),
            ..Default::default()
        },
    )
    .await;
    let options = CreateSIPParticipantOptions {
        participant_name: Some("The Callee".to_owned()),
        participant_metadata: Some("m".to_owned()),
        participant_attributes: Some(map([("ticket", "7"), ("sip.trunkID", "forged")])),
        display_name: Some("Support Line".to_owned()),
        sip_number: Some("+15105550111".to_owned()),
        headers: Some(map([("X-A", "b"), ("X-Both", "request")])),
        include_headers: Some(SipHeaderOptions::SipXHeaders),
        media_encryption: Some(SipMediaEncryption::SipMediaEncryptAllow),
        ringing_timeout: Some(Duration::from_secs(20)),
        max_call_duration: Some(Duration::from_secs(60)),
        enable_krisp: Some(true),
        play_dialtone: Some(true),
        ..waiting()
    };
    let info = call(&trunk, &room, options).await.unwrap();
    assert_eq!((info.participant_identity.as_str(), info.room_name.as_str()), ("callee", room.as_str()));
    assert!(info.participant_id.starts_with("PA_") && info.sip_call_id.starts_with("SCL_"));

    let invite = phone.requests("INVITE", 1).await.remove(0);
    assert!(
        invite.starts_with(&format!("INVITE sip:{CALLEE}@{};transport=udp SIP/2.0", phone.address)),
        "{invite}"
    );
    assert!(header(&invite, "From").starts_with("\"Support Line\" <sip:+15105550111@"));
    for (name, value) in [("X-A", "b"), ("X-Account", "42"), ("X-Both", "request")] {
        assert_eq!(headers(&invite, name), [value]);
    }
    let seen = rooms().get_participant(&room, "callee").await.unwrap();
    assert_eq!(
        (seen.name.as_str(), seen.metadata.as_str(), &seen.sid),
        ("The Callee", "m", &info.participant_id)
    );
    for (name, value) in [
        ("ticket", "7"),
        ("sip.trunkID", &trunk),
        ("sip.callID", &info.sip_call_id),
        ("sip.callStatus", "active"),
        ("sip.phoneNumber", CALLEE),
        ("sip.trunkPhoneNumber", "+15105550111"),
        ("carrier.name", "stranger"),
        ("sip.h.x-carrier", "stranger"),
    ] {
        assert_eq!(seen.attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    rooms().remove_participant(&room, "callee").await.unwrap();
    assert_eq!(header(&phone.requests("BYE", 1).await[0], "X-Ticket"), "7");
    phone.story().await;
}

#[tokio::test]
async fn the_display_name_not_given_empty_given() {
    let phone = Phone::refusing(486, "Busy Here", 3).await;
    let trunk = trunk_to(&phone.address).await;
    for name in [None, Some(""), Some("Dr. \\\"Who\\\"")] {
        let options = CreateSIPParticipantOptions { display_name: name.map(str::to_owned), ..waiting() };
        call(&trunk, &new_room(), options).await.expect_err("a busy phone is an error");
    }
    let from: Vec<_> =
        phone.requests("INVITE", 3).await.iter().map(|invite| header(invite, "From")).collect();
    assert!(from[0].starts_with("\"+15105550100\" <sip:+15105550100@"), "{}", from[0]);
    assert!(from[1].starts_with("<sip:+15105550100@"), "{}", from[1]);
    assert!(from[2].starts_with("\"Dr. \\\"Who\\\"\" <sip:+15105550100@"), "{}", from[2]);
}

#[tokio::test]
async fn a_hidden_number_shows_nowhere_in_the_room() {
    let phone = Phone::playing("answer_until_bye").await;
    let room = new_room();
    let options = CreateSIPParticipantOptions { hide_phone_number: Some(true), ..waiting() };
    call(&trunk_to(&phone.address).await, &room, options).await.unwrap();
    let seen = rooms().get_participant(&room, "callee").await.unwrap();
    for name in ["sip.phoneNumber", "sip.trunkPhoneNumber", "sip.hostname"] {
        assert_eq!(seen.attributes.get(name), None, "{name}");
    }
    rooms().delete_room(&room).await.unwrap();
    phone.story().await;
}

#[tokio::test]
async fn a_trunk_can_come_with_the_call() {
    let phone = Phone::playing("answer_after_challenge").await;
    let room = new_room();
    let trunk = SipOutboundConfig {
        hostname: phone.address.clone(),
        auth_username: "caller".to_owned(),
        auth_password: "correct horse".to_owned(),
        from_host: "pbx.example.com".to_owned(),
        attributes_to_headers: map([("why", "X-Why")]),
        ..Default::default()
    };
    let options = CreateSIPParticipantOptions {
        sip_number: Some("+15105550100".to_owned()),
        participant_attributes: Some(map([("why", "test")])),
        ..waiting()
    };
    sip()
        .create_sip_participant(String::new(), CALLEE.to_owned(), room.clone(), options, Some(trunk))
        .await
        .unwrap();
    let invites = phone.requests("INVITE", 2).await;
    assert!(header(&invites[0], "From").starts_with("\"+15105550100\" <sip:+15105550100@pbx.example.com"));
    rooms().remove_participant(&room, "callee").await.unwrap();
    assert_eq!(header(&phone.requests("BYE", 1).await[0], "X-Why"), "test");
    phone.story().await;
}

#[tokio::test]
async fn digits_are_sent_before_the_call_returns() {
    let phone = Phone::baresip().await;
    let room = new_room();
    let options = CreateSIPParticipantOptions { dtmf: Some("*123#ww456".to_owned()), ..waiting() };
    call(&trunk_to(&phone.address).await, &room, options).await.unwrap();
    assert_eq!(phone.digits(8).await, "*123#456");
    rooms().delete_room(&room).await.unwrap();
}

#[tokio::test]
async fn the_room_hears_a_dial_tone_while_the_phone_rings() {
    let phone = Phone::playing("ring_until_cancelled").await;
    let room = new_room();
    let listener = Listener::join(&room).await;
    let options =
        CreateSIPParticipantOptions { play_dialtone: Some(true), wait_until_answered: None, ..waiting() };
    call(&trunk_to(&phone.address).await, &room, options).await.unwrap();
    listener.hears("callee", 425).await;
    rooms().remove_participant(&room, "callee").await.unwrap();
    phone.story().await;
}

#[tokio::test]
async fn a_call_ends_when_its_longest_duration_is_over() {
    let phone = Phone::playing("answer_until_bye").await;
    let options =
        CreateSIPParticipantOptions { max_call_duration: Some(Duration::from_millis(1500)), ..waiting() };
    call(&trunk_to(&phone.address).await, &new_room(), options).await.unwrap();
    phone.story().await;
}

#[tokio::test]
async fn a_refusal_carries_the_telephones_code() {
    for (code, reason, twirp) in [
        (486, "Busy Here", "resource_exhausted"),
        (603, "Decline", "permission_denied"),
        (404, "Not Found", "not_found"),
        (480, "Temporarily Unavailable", "resource_exhausted"),
        (408, "Request Timeout", "deadline_exceeded"),
        (484, "Address Incomplete", "invalid_argument"),
        (503, "Service Unavailable", "failed_precondition"),
    ] {
        let phone = Phone::refusing(code, reason, 1).await;
        let refused = refusal(call(&trunk_to(&phone.address).await, &new_room(), waiting()).await);
        assert_eq!(refused.code, twirp, "{code}");
        assert_eq!(refused.meta["sip_status_code"], code.to_string());
        assert_eq!(refused.meta["sip_status"], reason);
        assert!(refused.msg.contains(&format!("sip status: {code}: {reason}")), "{}", refused.msg);
        phone.story().await;
    }
}

#[tokio::test]
async fn without_waiting_a_busy_phone_is_no_error_and_the_participant_leaves_with_the_reason() {
    let phone = Phone::refusing(486, "Busy Here", 1).await;
    let room = new_room();
    let listener = Listener::join(&room).await;
    let options = CreateSIPParticipantOptions { wait_until_answered: None, ..waiting() };
    call(&trunk_to(&phone.address).await, &room, options).await.unwrap();
    assert_eq!(listener.left("callee").await, DisconnectReason::UserRejected as u64);
}

#[tokio::test]
async fn nobody_answers() {
    let phone = Phone::playing("ring_until_cancelled").await;
    let options = CreateSIPParticipantOptions { ringing_timeout: Some(Duration::from_secs(1)), ..waiting() };
    let refused = refusal(call(&trunk_to(&phone.address).await, &new_room(), options).await);
    assert_eq!(refused.code, "canceled");
    assert!(refused.msg.contains("sip request timed out"), "{}", refused.msg);
    assert!(!refused.meta.contains_key("sip_status_code"));
    phone.story().await;
}

#[tokio::test]
async fn a_program_that_gives_up_takes_its_call_with_it() {
    let phone = Phone::playing("ring_until_cancelled").await;
    let trunk = trunk_to(&phone.address).await;
    let room = new_room();
    tokio::select! {
        outcome = call(&trunk, &room, waiting()) => panic!("nobody answers: {outcome:?}"),
        _ = phone.requests("INVITE", 1) => {}
    }
    phone.story().await;
}

#[tokio::test]
async fn required_encryption_is_offered_by_the_deprecated_name() {
    let phone = Phone::refusing(488, "Not Acceptable Here", 1).await;
    let required = Some(SipMediaEncryption::SipMediaEncryptRequire);
    let options = CreateSIPParticipantOptions { media_encryption: required, ..waiting() };
    let refused = refusal(call(&trunk_to(&phone.address).await, &new_room(), options).await);
    assert_eq!(refused.meta["sip_status_code"], "488");
    let offer = phone.requests("INVITE", 1).await.remove(0);
    assert!(offer.contains(" RTP/SAVP ") && offer.contains("a=crypto:1 "), "{offer}");
    assert!(!offer.contains(" RTP/AVP "), "{offer}");
}

#[tokio::test]
async fn a_timeout_below_the_ringing_timeout_cuts_off_no_phone_that_rings() {
    let phone = Phone::ringing_for(Duration::from_millis(1500)).await;
    let room = new_room();
    let options = CreateSIPParticipantOptions { timeout: Some(Duration::from_millis(500)), ..waiting() };
    call(&trunk_to(&phone.address).await, &room, options).await.unwrap();
    let seen = rooms().get_participant(&room, "callee").await.unwrap();
    assert_eq!(seen.attributes["sip.callStatus"], "active");
    rooms().delete_room(&room).await.unwrap();
    phone.story().await;
}

#[tokio::test]
async fn a_call_that_is_not_waited_for_outlives_the_timeout_of_its_request() {
    let phone = Phone::ringing_for(Duration::from_millis(1500)).await;
    let room = new_room();
    let listener = Listener::join(&room).await;
    let timeout = Some(Duration::from_secs(1));
    let options = CreateSIPParticipantOptions { timeout, wait_until_answered: None, ..waiting() };
    call(&trunk_to(&phone.address).await, &room, options).await.unwrap();
    let statuses = listener.statuses("callee", "active").await;
    assert_eq!(statuses[statuses.len() - 2..], ["ringing", "active"]);
    rooms().delete_room(&room).await.unwrap();
    phone.story().await;
}

#[tokio::test]
async fn a_duration_that_protobuf_does_not_know_is_refused() {
    let trunk = trunk_to("127.0.0.1:9").await;
    let absurd = Some(Duration::from_secs(315_576_000_001));
    let asynchronous = || CreateSIPParticipantOptions { wait_until_answered: None, ..waiting() };
    for (options, field) in [
        (CreateSIPParticipantOptions { ringing_timeout: absurd, ..asynchronous() }, "ringing_timeout"),
        (CreateSIPParticipantOptions { max_call_duration: absurd, ..asynchronous() }, "max_call_duration"),
    ] {
        let refused = refusal(call(&trunk, &new_room(), options).await);
        assert_eq!(refused.code, "invalid_argument", "{field}: {}", refused.msg);
        assert!(refused.msg.contains(field), "{}", refused.msg);
    }
}

#[tokio::test]
async fn a_call_that_breaks_a_rule_is_refused_with_the_rule() {
    let trunk = trunk_to("127.0.0.1:9").await;
    let with = |change: fn(&mut CreateSIPParticipantOptions)| {
        let mut options = waiting();
        change(&mut options);
        options
    };
    for (options, text) in [
        (with(|o| o.display_name = Some("a \"b".to_owned())), "display_name"),
        (with(|o| o.dtmf = Some("12x".to_owned())), "dtmf"),
        (with(|o| o.headers = Some(map([("From", "x")]))), "header name From not supported"),
        (with(|o| o.headers = Some(map([("X-A", "b\r\nX-Evil: 1")]))), "invalid header value"),
    ] {
        let refused = refusal(call(&trunk, "refused", options).await);
        assert_eq!(refused.code, "invalid_argument", "{text}: {}", refused.msg);
        assert!(refused.msg.contains(text), "{} should say: {text}", refused.msg);
    }
    let refused = refusal(call("ST_nothere", "refused", waiting()).await);
    assert_eq!(
        (refused.code.as_str(), refused.msg.as_str()),
        ("not_found", "requested sip trunk does not exist")
    );
    let refused = refusal(call(&trunk, "", waiting()).await);
    assert_eq!((refused.code.as_str(), refused.msg.as_str()), ("invalid_argument", "missing room name"));
}
