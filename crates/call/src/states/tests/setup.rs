//! From the request to the active call.

use std::time::Duration;

use livekit_protocol::CreateSipParticipantRequest;
use sip::LegEvent;

use super::story::{ANSWER, Story, request, response, waiting};
use crate::bridge::{BridgeCommand, BridgeEvent};
use crate::states::{CallInput, CallOutput};

#[test]
fn a_caller_who_does_not_wait_is_answered_once_the_participant_is_in_the_room() {
    let mut story = Story::begin(&request());
    assert!(matches!(story.outputs[..], [CallOutput::Join]));
    story = Story::dialing(&request());
    let info = story.replies()[0].as_ref().unwrap();
    assert_eq!((info.participant_id.as_str(), info.participant_identity.as_str()), ("PA_1", "phone"));
    assert!(info.sip_call_id.starts_with("SCL_"));
    story.provisional(180);
    story.answer(ANSWER);
    assert_eq!(story.replies().len(), 1);
    assert_eq!(story.statuses(), ["dialing", "ringing", "active"]);
}

#[test]
fn a_caller_who_waits_is_answered_when_the_call_is_active() {
    let mut story = Story::ringing(&waiting());
    assert!(story.replies().is_empty());
    story.answer(ANSWER);
    assert!(story.replies()[0].is_ok());
}

#[test]
fn the_invite_names_both_numbers_and_carries_our_offer() {
    let story = Story::dialing(&request());
    let invite = story.outputs.iter().find_map(|output| match output {
        CallOutput::Dial(invite) => Some(invite),
        _ => None,
    });
    let invite = invite.unwrap();
    assert_eq!(invite.request_uri.to_string(), "sip:+15550101@sip.example.com");
    assert_eq!(invite.from.to_string(), "\"+15550199\" <sip:+15550199@127.0.0.1>");
    assert_eq!((invite.call_id.as_str(), invite.from_tag.as_str()), ("call-id", "our-tag"));
    assert!(invite.body.as_ref().unwrap().contains("m=audio 10000"));
}

#[test]
fn the_phones_audio_is_connected_before_anybody_is_told_of_the_answer() {
    let story = Story::answered(&request());
    let connect =
        story.outputs.iter().position(|o| matches!(o, CallOutput::Bridge(BridgeCommand::Connect(_))));
    let told = story.outputs.iter().position(
        |o| matches!(o, CallOutput::Attributes(update) if update.iter().any(|(key, _)| key == "sip.callTag")),
    );
    assert!(connect.unwrap() < told.unwrap());
}

#[test]
fn watchers_see_the_tags_before_the_call_is_active() {
    let story = Story::answered(&request());
    let updates: Vec<_> = story
        .outputs
        .iter()
        .filter_map(|output| match output {
            CallOutput::Attributes(update) => Some(update),
            _ => None,
        })
        .collect();
    assert_eq!(updates.len(), 3);
    assert!(updates[1].contains(&("sip.callIDFull".into(), "call-id".into())));
    assert!(updates[1].contains(&("sip.callTag".into(), "their-tag".into())));
    assert_eq!(updates[2][..], [("sip.callStatus".into(), "active".into())]);
}

#[test]
fn initial_digits_are_automation_and_the_room_is_heard_after_them() {
    let digits = CreateSipParticipantRequest { dtmf: "*123#ww456".into(), ..waiting() };
    let mut story = Story::answered(&digits);
    assert_eq!(story.statuses(), ["dialing", "ringing", "automation"]);
    assert!(matches!(story.commands()[..], [BridgeCommand::Connect(_), BridgeCommand::SendDigits(_)]));
    assert!(story.replies().is_empty());
    story.pass(Duration::from_secs(4));
    story.input(CallInput::Bridge(BridgeEvent::DigitsSent));
    assert_eq!(story.statuses(), ["dialing", "ringing", "automation", "active"]);
    assert!(matches!(story.commands().last(), Some(BridgeCommand::Open)));
    assert!(story.replies()[0].is_ok());
}

#[test]
fn a_phone_without_telephone_event_gets_digits_as_sound_and_the_record_says_so() {
    let digits = CreateSipParticipantRequest { dtmf: "1".into(), ..request() };
    let mut story = Story::ringing(&digits);
    story.answer(&ANSWER.replace(" 101", "").replace("a=rtpmap:101 telephone-event/8000\r\n", ""));
    assert_eq!(story.statuses(), ["dialing", "ringing", "automation"]);
    assert!(matches!(story.commands()[..], [BridgeCommand::Connect(_), BridgeCommand::SendDigits(_)]));
    story.input(CallInput::Bridge(BridgeEvent::DigitsSent));
    assert_eq!(story.statuses(), ["dialing", "ringing", "automation", "active"]);
    story.sip(LegEvent::RemoteBye { headers: sip::msg::Headers::new() });
    story.everybody_is_gone();
    assert!(story.summary().digits_as_sound);
}

#[test]
fn the_dial_tone_begins_with_the_invite() {
    let tone = CreateSipParticipantRequest { play_dialtone: true, ..request() };
    let story = Story::dialing(&tone);
    assert!(matches!(story.commands()[..], [BridgeCommand::DialTone(true)]));
}

#[test]
fn a_hundred_is_no_ringing_and_every_180_to_199_is() {
    for code in [180, 181, 182, 183, 199] {
        let mut story = Story::dialing(&request());
        story.sip(LegEvent::Trying);
        story.provisional(100);
        assert_eq!(story.statuses(), ["dialing"]);
        story.provisional(code);
        story.provisional(180);
        assert_eq!(story.statuses(), ["dialing", "ringing"], "{code}");
    }
}

#[test]
fn a_carriers_name_for_the_call_is_shown_as_it_comes_and_once() {
    let mut story = Story::dialing(&request());
    for _ in 0..2 {
        let response = response(183, "Progress", &[("X-Twilio-CallSid", "CA1")], None);
        story.sip(LegEvent::Provisional { response, to_tag: "t".into() });
    }
    let shown = story.outputs.iter().filter(
        |o| matches!(o, CallOutput::Attributes(u) if u.contains(&("sip.twilio.callSid".into(), "CA1".into()))),
    );
    assert_eq!(shown.count(), 1);
}

#[test]
fn a_phone_that_moves_is_followed_and_one_that_offers_nonsense_is_told_so() {
    let mut story = Story::answered(&request());
    story.sip(LegEvent::ReInvite { offer: Some(ANSWER.replace("4000", "5000")) });
    let moved = |command: &&&BridgeCommand| matches!(command, BridgeCommand::Connect(n) if n.remote_rtp.port() == 5000);
    assert_eq!(story.commands().iter().filter(moved).count(), 1);
    assert!(story.outputs.iter().any(|o| matches!(o, CallOutput::AnswerReInvite(Ok(_)))));
    story.sip(LegEvent::ReInvite { offer: Some("nonsense".into()) });
    assert!(story.outputs.iter().any(|o| matches!(o, CallOutput::AnswerReInvite(Err(488)))));
    assert!(story.left().is_empty(), "the call goes on");
}

#[test]
fn a_phone_that_asks_for_our_offer_answers_it_in_its_ack() {
    let mut story = Story::answered(&request());
    let moves = |story: &Story, to: u16| {
        let to = |command: &&&BridgeCommand| matches!(command, BridgeCommand::Connect(n) if n.remote_rtp.port() == to);
        story.commands().iter().filter(to).count()
    };
    story.sip(LegEvent::ReInvite { offer: None });
    assert!(story.outputs.iter().any(|o| matches!(o, CallOutput::AnswerReInvite(Ok(_)))));
    story.sip(LegEvent::Acked { body: Some(ANSWER.replace("4000", "5000")) });
    assert_eq!(moves(&story, 5000), 1);
    story.sip(LegEvent::Acked { body: Some(ANSWER.replace("4000", "6000")) });
    assert_eq!(moves(&story, 6000), 0, "nothing was offered");
    story.sip(LegEvent::ReInvite { offer: None });
    story.sip(LegEvent::Acked { body: Some("nonsense".into()) });
    story.sip(LegEvent::ReInvite { offer: None });
    story.sip(LegEvent::Acked { body: None });
    assert!(story.left().is_empty(), "the call goes on as it was");
}
