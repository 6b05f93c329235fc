//! Every way to end: what the phone, the room, the caller and the record are told.

use std::time::Duration;

use livekit_protocol::{CreateSipParticipantRequest, DisconnectReason as Leave};
use proptest::prelude::*;
use sip::LegEvent;
use sip::msg::Headers;

use super::story::{ANSWER, Story, request, response, seconds, waiting};
use crate::bridge::{BridgeCommand, BridgeEvent};
use crate::error::ErrorCode;
use crate::rpc::{END_CALL, GET_REMOTE_HEADERS, RpcCall};
use crate::states::{Abort, CallInput, CallOutput};
use crate::verdict::{JoinFailure, Unreachable};

fn bye() -> LegEvent {
    LegEvent::RemoteBye { headers: Headers::new() }
}

fn rpc(method: &str, payload: &str) -> CallInput {
    let (from, id) = ("agent".to_owned(), "1".to_owned());
    CallInput::Rpc(RpcCall { from, id, method: method.into(), payload: payload.into() })
}

#[test]
fn the_phone_hangs_up() {
    let mut story = Story::answered(&request());
    story.pass(Duration::from_secs(60));
    story.sip(bye());
    assert_eq!(story.statuses().last(), Some(&"hangup"));
    assert_eq!(story.left(), [Leave::ClientInitiated]);
    assert!(story.hangups().is_empty(), "its BYE has been answered already");
    story.everybody_is_gone();
    let summary = story.summary();
    assert_eq!((summary.blame.as_str(), summary.label.as_ref()), ("success", "bye"));
    assert_eq!(summary.times.talked(), Some(Duration::from_secs(60)));
    assert_eq!((summary.error.as_ref(), summary.sip_status), (None, Some(200)));
}

#[test]
fn the_phone_hangs_up_while_digits_are_being_sent() {
    let digits = CreateSipParticipantRequest { dtmf: "123".into(), ..waiting() };
    let mut story = Story::answered(&digits);
    story.sip(bye());
    assert_eq!(story.statuses(), ["dialing", "ringing", "automation", "hangup"]);
    assert_eq!(story.error().code, ErrorCode::Aborted);
    story.input(CallInput::Bridge(BridgeEvent::DigitsSent));
    assert_eq!(story.replies().len(), 1, "what comes late changes nothing");
}

#[test]
fn a_bye_carries_what_the_api_has_set_meanwhile() {
    let mut story = Story::answered(&request());
    for outcome in ["won", "lost", ""] {
        story.input(CallInput::Attributes([("outcome".to_owned(), outcome.to_owned())].into()));
    }
    story.input(CallInput::Attributes([("outcome".to_owned(), "won after all".to_owned())].into()));
    assert!(!story.outputs.iter().any(|output| {
        matches!(output, CallOutput::Attributes(shown) if shown.iter().any(|(key, _)| key == "outcome"))
    }));
    story.input(rpc(END_CALL, ""));
    story.input(CallInput::BridgeClosed(Box::default()));
    let expected = ("X-Outcome".to_owned(), "won after all".to_owned());
    assert!(story.hangups()[0].contains(&expected), "{:?}", story.hangups());
}

#[test]
fn a_refusal_reaches_the_caller_with_its_sip_status() {
    let mut story = Story::ringing(&waiting());
    story.refuse(486, "Busy Here");
    let error = story.error();
    assert_eq!(error.message, "INVITE failed: sip status: 486: Busy Here");
    assert_eq!(error.sip_status, Some((486, "Busy Here".into())));
    assert_eq!(story.left(), [Leave::UserRejected]);
    assert_eq!(story.statuses().last(), Some(&"hangup"));
    assert!(story.hangups().is_empty());
}

#[test]
fn nobody_answers_in_time() {
    let impatient = CreateSipParticipantRequest { ringing_timeout: seconds(20), ..waiting() };
    let mut story = Story::ringing(&impatient);
    story.pass(Duration::from_millis(19_900));
    assert!(story.hangups().is_empty());
    story.pass(Duration::from_millis(200));
    assert_eq!(story.hangups().len(), 1, "CANCEL");
    assert_eq!(story.left(), [Leave::UserUnavailable]);
    assert_eq!(
        (story.error().code, story.error().message.as_str()),
        (ErrorCode::Canceled, "sip request timed out")
    );
    story.refuse(487, "Request Terminated");
    story.input(CallInput::BridgeClosed(Box::default()));
    assert_eq!(story.summary().label, "no-answer");
    assert_eq!(story.summary().sip_status, Some(487));
}

#[test]
fn the_participant_is_removed_while_the_phone_rings() {
    let mut story = Story::ringing(&waiting());
    story.input(CallInput::Removed(Leave::ParticipantRemoved));
    assert_eq!(story.hangups().len(), 1, "CANCEL at once");
    assert!(story.left().is_empty(), "it is out already");
    assert_eq!(story.statuses(), ["dialing", "ringing"], "nobody is there to be shown");
    assert_eq!(story.error().code, ErrorCode::Canceled);
    story.everybody_is_gone();
    assert_eq!(story.summary().leave, Leave::ParticipantRemoved);
}

#[test]
fn the_room_is_deleted_during_the_call() {
    let mut story = Story::answered(&request());
    story.input(CallInput::Removed(Leave::RoomDeleted));
    assert!(story.hangups().is_empty(), "the last words are on their way");
    story.input(CallInput::BridgeClosed(Box::default()));
    assert_eq!(story.hangups().len(), 1, "they are through");
    story.everybody_is_gone();
    assert_eq!((story.summary().blame.as_str(), story.summary().label.as_ref()), ("success", "removed"));
}

#[test]
fn the_longest_duration_counts_from_the_request() {
    let short = CreateSipParticipantRequest { max_call_duration: seconds(30), ..request() };
    let mut story = Story::ringing(&short);
    story.pass(Duration::from_secs(20));
    story.answer(ANSWER);
    story.pass(Duration::from_secs(9));
    assert!(story.hangups().is_empty());
    story.pass(Duration::from_secs(1));
    assert_eq!(story.left(), [Leave::ClientInitiated]);
    story.pass(Duration::from_secs(1));
    assert_eq!(story.hangups().len(), 1, "BYE");
}

#[test]
fn a_participant_ends_the_call_even_while_it_rings() {
    let mut story = Story::ringing(&request());
    story.input(rpc(END_CALL, r#"{"headers":{"X-Why":"done"}}"#));
    assert_eq!(story.hangups(), [[("X-Why".to_owned(), "done".to_owned())]]);
    let data = story.outputs.iter().filter(|output| matches!(output, CallOutput::Data(_))).count();
    assert_eq!(data, 2, "acknowledged and answered");
    let answered = story.outputs.iter().rposition(|output| matches!(output, CallOutput::Data(_)));
    let left = story.outputs.iter().position(|output| matches!(output, CallOutput::Leave(_)));
    assert!(answered < left, "the answer goes out before the participant does");
}

#[test]
fn the_phone_is_told_of_the_end_before_anything_waits_for_the_room() {
    for mut story in [Story::answered(&request()), Story::ringing(&request())] {
        story.outputs.clear();
        story.input(CallInput::Abort(Abort::Shutdown));
        assert!(matches!(story.outputs[0], CallOutput::Hangup { .. }), "{:?}", story.outputs);
    }
}

#[test]
fn the_rooms_last_words_are_waited_for_but_not_for_long() {
    for end in [rpc(END_CALL, "{}"), CallInput::Removed(Leave::ParticipantRemoved)] {
        let mut story = Story::answered(&request());
        story.input(end);
        assert!(story.hangups().is_empty());
        story.pass(Duration::from_millis(650));
        assert!(story.hangups().is_empty());
        story.pass(Duration::from_millis(100));
        assert_eq!(story.hangups().len(), 1, "the worker may be busy; the phone must not wait for it");
        story.everybody_is_gone();
        assert_eq!(story.hangups().len(), 1);
        assert!(story.summary().times.talked().is_some());
    }
}

#[test]
fn a_phone_that_hangs_up_during_the_last_words_is_not_hung_up() {
    let mut story = Story::answered(&request());
    story.input(rpc(END_CALL, "{}"));
    story.sip(bye());
    story.sip(LegEvent::Ended);
    story.input(CallInput::BridgeClosed(Box::default()));
    assert!(story.hangups().is_empty());
    assert_eq!(story.summary().leave, Leave::ClientInitiated);
}

#[test]
fn the_remote_headers_are_told_on_request() {
    let mut story = Story::answered(&request());
    story.input(rpc(GET_REMOTE_HEADERS, "{}"));
    let answers: Vec<_> = story.outputs.iter().filter(|o| matches!(o, CallOutput::Data(_))).collect();
    assert!(format!("{:?}", answers[1]).contains(r#"\"X-Tenant\":\"blue\""#));
}

#[test]
fn the_caller_goes_away_while_waiting() {
    let mut story = Story::ringing(&waiting());
    story.input(CallInput::Abort(Abort::CallerGone));
    assert_eq!(story.hangups().len(), 1);
    assert_eq!(story.left(), [Leave::ClientInitiated]);
}

#[test]
fn the_caller_goes_away_after_the_answer_and_nothing_happens() {
    let mut story = Story::answered(&waiting());
    story.input(CallInput::Abort(Abort::CallerGone));
    assert!(story.hangups().is_empty());
}

#[test]
fn the_deadline_passes_while_the_phone_rings() {
    let mut story = Story::ringing(&waiting());
    story.pass(Duration::from_secs(80));
    assert_eq!(
        (story.error().code, story.error().message.as_str()),
        (ErrorCode::DeadlineExceeded, "request timed out")
    );
    assert_eq!(story.hangups().len(), 1);
}

#[test]
fn the_deadline_does_not_cut_an_answered_call() {
    let digits = CreateSipParticipantRequest { dtmf: "123".into(), ..waiting() };
    let mut story = Story::ringing(&digits);
    story.pass(Duration::from_secs(79));
    story.answer(ANSWER);
    story.pass(Duration::from_secs(2));
    assert!(story.replies()[0].is_ok());
    assert!(story.hangups().is_empty());
}

#[test]
fn the_server_stops() {
    for mut story in [Story::dialing(&waiting()), Story::ringing(&waiting()), Story::answered(&waiting())] {
        story.input(CallInput::Abort(Abort::Shutdown));
        assert_eq!(story.hangups().len(), 1);
        assert_eq!(story.left(), [Leave::ServerShutdown]);
        assert_eq!(story.replies().len(), 1);
    }
}

#[test]
fn the_server_takes_no_calls_any_more_and_only_those_that_are_answered_go_on() {
    for mut story in [Story::begin(&waiting()), Story::dialing(&waiting()), Story::ringing(&waiting())] {
        story.input(CallInput::Abort(Abort::Draining));
        assert_eq!(story.error().message, "service shutting down");
        assert!(story.left().iter().all(|reason| *reason == Leave::ServerShutdown));
    }
    let mut story = Story::answered(&waiting());
    story.input(CallInput::Abort(Abort::Draining));
    assert!(story.hangups().is_empty() && story.left().is_empty());
    story.input(CallInput::Abort(Abort::Shutdown));
    assert_eq!((story.hangups().len(), story.left().len()), (1, 1));
}

#[test]
fn an_answer_that_cannot_be_used_is_ended_with_its_reason() {
    for sdp in [
        "nonsense",
        &ANSWER.replace("RTP/AVP 0 101", "RTP/AVP 18").replace("rtpmap:0 PCMU", "rtpmap:18 G729"),
    ] {
        let mut story = Story::ringing(&waiting());
        story.answer(sdp);
        assert_eq!(story.error().code, ErrorCode::FailedPrecondition);
        assert_eq!(story.left(), [Leave::MediaFailure]);
        assert_eq!(story.hangups().len(), 1, "BYE: the ACK is out");
    }
}

#[test]
fn no_audio_comes_for_too_long() {
    let mut story = Story::answered(&request());
    story.input(CallInput::Bridge(BridgeEvent::MediaTimeout));
    assert_eq!(story.left(), [Leave::MediaFailure]);
    assert_eq!(story.hangups().len(), 1);
}

#[test]
fn the_session_is_not_refreshed() {
    let mut story = Story::answered(&request());
    story.sip(LegEvent::SessionExpired);
    story.sip(LegEvent::Ended);
    assert_eq!(story.left(), [Leave::ConnectionTimeout]);
    assert!(story.hangups().is_empty(), "the leg sends its BYE by itself");
}

#[test]
fn the_trunk_does_not_answer() {
    let mut story = Story::dialing(&waiting());
    story.sip(LegEvent::TransactionTimeout { after_provisional: false, provisionals: 0 });
    assert_eq!(
        story.error().message,
        "transaction failed to complete (0 intermediate responses): the trunk does not answer"
    );
    assert_eq!(story.left(), [Leave::SipTrunkFailure]);
    assert!(story.hangups().is_empty());
}

#[test]
fn the_trunks_name_does_not_resolve() {
    let mut story = Story::begin(&waiting());
    story.input(CallInput::Joined {
        participant_sid: "PA_1".into(),
        local: story
            .call
            .local
            .clone()
            .unwrap_or_else(|| Story::answered(&request()).call.local.clone().unwrap()),
    });
    story.input(CallInput::Unreachable(Unreachable::Dns("no address for host sip.example.com".into())));
    assert_eq!(story.error().code, ErrorCode::InvalidArgument);
    assert!(story.hangups().is_empty());
    story.input(CallInput::BridgeClosed(Box::default()));
    assert_eq!(story.summary().label, "dns-resolution");
}

#[test]
fn the_participant_cannot_join() {
    let mut story = Story::begin(&request());
    story.input(CallInput::JoinFailed(JoinFailure::NoPort));
    assert_eq!(story.error().code, ErrorCode::ResourceExhausted);
    assert!(story.left().is_empty() && story.hangups().is_empty());
    assert_eq!(story.summary().label, "no-rtp-port");
}

#[test]
fn mapped_attributes_go_onto_the_bye() {
    let mut with = request();
    with.participant_attributes.insert("outcome".into(), "sold".into());
    let mut story = Story::answered(&with);
    story.input(CallInput::Removed(Leave::ParticipantRemoved));
    story.input(CallInput::BridgeClosed(Box::default()));
    assert_eq!(story.hangups(), [[("X-Outcome".to_owned(), "sold".to_owned())]]);
}

#[test]
fn a_phone_that_never_acknowledges_the_end_is_not_waited_for_forever() {
    let mut story = Story::answered(&request());
    story.input(CallInput::Removed(Leave::RoomDeleted));
    story.pass(Duration::from_secs(60));
    assert_eq!(story.summary().label, "removed");
    assert_eq!(story.call.next_timeout(), None);
}

#[test]
fn the_worker_breaks_down() {
    let mut story = Story::answered(&request());
    story.input(CallInput::Abort(Abort::WorkerGone));
    assert_eq!(story.hangups().len(), 1);
    story.sip(LegEvent::Ended);
    assert_eq!(story.summary().label, "internal");
}

fn any_input() -> impl Strategy<Value = u8> {
    0..21_u8
}

fn throw(story: &mut Story, what: u8) {
    match what {
        0 => story.provisional(180),
        1 => story.answer(ANSWER),
        2 => story.answer("nonsense"),
        3 => story.refuse(486, "Busy Here"),
        4 => story.sip(bye()),
        5 => story.sip(LegEvent::Ended),
        6 => story.sip(LegEvent::TransactionTimeout { after_provisional: true, provisionals: 1 }),
        7 => story.sip(LegEvent::DialogLost),
        8 => story.sip(LegEvent::ReInvite { offer: None }),
        9 => story.input(CallInput::Removed(Leave::RoomDeleted)),
        10 => story.input(CallInput::Abort(Abort::CallerGone)),
        11 => story.input(CallInput::Abort(Abort::Shutdown)),
        12 => story.input(CallInput::Bridge(BridgeEvent::DigitsSent)),
        13 => story.input(CallInput::Bridge(BridgeEvent::MediaTimeout)),
        14 => story.input(rpc(END_CALL, "{}")),
        15 => story.pass(Duration::from_secs(10)),
        16 => story.input(CallInput::BridgeClosed(Box::default())),
        17 => story.sip(LegEvent::Failed { response: response(503, "x", &[], None) }),
        18 => story.pass(Duration::from_secs(100)),
        19 => story.input(CallInput::Abort(Abort::Draining)),
        _ => story.input(CallInput::Dialed),
    }
}

proptest! {
    /// Whatever happens in whatever order: one reply, one summary, at most one CANCEL or BYE, at most one leave, nothing after
    /// the end, and the end comes.
    #[test]
    fn every_schedule_ends_once_and_tells_everybody_once(
        waits in any::<bool>(),
        dtmf in any::<bool>(),
        inputs in proptest::collection::vec(any_input(), 0..30),
    ) {
        let base = if waits { waiting() } else { request() };
        let dtmf = if dtmf { "12".to_owned() } else { String::new() };
        let mut story = Story::dialing(&CreateSipParticipantRequest { dtmf, ..base });
        for what in inputs {
            throw(&mut story, what);
        }
        story.pass(Duration::from_secs(25 * 60 * 60));
        prop_assert_eq!(story.summaries().len(), 1);
        prop_assert!(matches!(story.outputs.last(), Some(CallOutput::Ended(_))));
        prop_assert_eq!(story.replies().len(), 1);
        prop_assert!(story.hangups().len() <= 1);
        prop_assert!(story.left().len() <= 1);
        prop_assert!(story.statuses().iter().filter(|status| **status == "hangup").count() <= 1);
        let opened = story.commands().iter().filter(|c| matches!(c, BridgeCommand::Open)).count();
        prop_assert!(opened <= 1);
    }
}
