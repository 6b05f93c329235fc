//! What the phone's side changes on the way: early media and its forks, hold, moved media, keys by INFO.

use media::sdp::{Direction, Encryption, LocalAudio, Negotiated};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rtp::srtp::LocalKeys;
use sip::LegEvent;

use super::story::{ANSWER, Story, local, request, response};
use crate::PlanDefaults;
use crate::bridge::BridgeCommand;
use crate::states::{CallInput, CallOutput};

/// The answer of a phone at this host, holding the call or not.
fn description(host: &str, direction: &str) -> String {
    ANSWER.replace("192.0.2.9", host).replace("sendrecv", direction)
}

/// Where early media was heard from, in order.
fn early(story: &Story) -> Vec<String> {
    let hosts = story.commands().into_iter().filter_map(|command| match command {
        BridgeCommand::EarlyMedia(negotiated) => Some(negotiated.remote_rtp.ip().to_string()),
        _ => None,
    });
    hosts.collect()
}

fn connected(story: &Story) -> Vec<&Negotiated> {
    let terms = story.commands().into_iter().filter_map(|command| match command {
        BridgeCommand::Connect(negotiated) => Some(negotiated),
        _ => None,
    });
    terms.collect()
}

fn holds(story: &Story) -> Vec<&str> {
    let shown = story.outputs.iter().filter_map(|output| match output {
        CallOutput::Attributes(update) => update.iter().find(|(key, _)| key == "sip.hold"),
        _ => None,
    });
    shown.map(|(_, value)| value.as_str()).collect()
}

fn answer_without_description(story: &mut Story, tag: &str) {
    story.sip(LegEvent::Answered { response: response(200, "OK", &[], None), remote_tag: tag.into() });
}

fn last_answer(story: &Story) -> &str {
    let mut answers = story.outputs.iter().filter_map(|output| match output {
        CallOutput::AnswerReInvite(Ok(answer)) => Some(answer.as_str()),
        _ => None,
    });
    answers.next_back().expect("an answer")
}

#[test]
fn early_media_is_heard_at_once_and_described_twice_is_heard_once() {
    let mut story = Story::dialing(&request());
    story.progress(183, "a", Some(ANSWER));
    story.progress(180, "a", Some(ANSWER));
    assert_eq!(early(&story), ["192.0.2.9"]);
    assert_eq!(story.statuses(), ["dialing", "ringing"]);
    story.answer(ANSWER);
    assert_eq!(connected(&story).len(), 1);
}

#[test]
fn the_fork_that_described_itself_last_is_heard_and_the_one_before_it_when_it_ends() {
    let mut story = Story::dialing(&request());
    story.progress(183, "a", Some(&description("192.0.2.1", "sendrecv")));
    story.progress(183, "b", Some(&description("192.0.2.2", "sendrecv")));
    story.progress(199, "b", None);
    story.progress(199, "a", None);
    assert_eq!(early(&story), ["192.0.2.1", "192.0.2.2", "192.0.2.1"]);
    story.answer(&description("192.0.2.3", "sendrecv"));
    assert_eq!(connected(&story)[0].remote_rtp.to_string(), "192.0.2.3:4000");
}

#[test]
fn an_answer_without_a_description_means_that_of_its_early_dialog() {
    let mut story = Story::dialing(&request());
    story.progress(183, "their-tag", Some(&description("192.0.2.1", "sendrecv")));
    story.progress(183, "other", Some(&description("192.0.2.2", "sendrecv")));
    answer_without_description(&mut story, "their-tag");
    assert_eq!(connected(&story)[0].remote_rtp.to_string(), "192.0.2.1:4000");
    assert_eq!(story.statuses().last(), Some(&"active"));
}

fn early_offer(story: &mut Story, tag: &str, offer: String) {
    story.sip(LegEvent::EarlyOffer { offer, to_tag: tag.to_owned() });
}

#[test]
fn a_phone_may_change_its_early_session_and_its_answer_changes_nothing_more() {
    let mut story = Story::dialing(&request());
    story.progress(183, "their-tag", Some(&description("192.0.2.1", "sendrecv")));
    early_offer(&mut story, "their-tag", description("192.0.2.2", "sendrecv"));
    assert!(last_answer(&story).contains("m=audio"));
    story.progress(180, "their-tag", Some(&description("192.0.2.1", "sendrecv")));
    assert_eq!(early(&story), ["192.0.2.1", "192.0.2.2"]);
    story.answer(&description("192.0.2.1", "sendrecv"));
    assert_eq!(connected(&story)[0].remote_rtp.to_string(), "192.0.2.2:4000");
    assert_eq!(story.statuses().last(), Some(&"active"));
}

#[test]
fn an_early_offer_of_no_use_is_refused_and_a_fork_that_made_one_does_not_change_the_others() {
    let mut story = Story::dialing(&request());
    story.progress(183, "other", Some(&description("192.0.2.2", "sendrecv")));
    early_offer(&mut story, "other", ANSWER.replace("RTP/AVP 0 101", "RTP/AVP 18"));
    assert!(matches!(story.outputs.last(), Some(CallOutput::AnswerReInvite(Err(488)))));
    early_offer(&mut story, "other", ANSWER.replace("RTP/AVP 0 101", "RTP/AVP 0"));
    assert!(last_answer(&story).contains("RTP/AVP 0\r\n"), "{}", last_answer(&story));
    story.answer(ANSWER);
    assert!(connected(&story)[0].dtmf_payload_type.is_some(), "read as an answer to the offer");
}

#[test]
fn early_media_may_be_switched_off_and_nonsense_is_no_early_media() {
    let defaults = PlanDefaults { early_media: false, ..PlanDefaults::default() };
    let mut story = Story::begin_with(&request(), &defaults);
    story.dialed();
    story.progress(183, "a", Some(ANSWER));
    assert!(early(&story).is_empty());
    let mut story = Story::dialing(&request());
    story.progress(183, "a", Some("v=0"));
    assert!(early(&story).is_empty());
    story.answer(ANSWER);
    assert_eq!(connected(&story).len(), 1);
}

#[test]
fn an_answer_given_in_a_183_counts_where_early_media_is_switched_off_too() {
    let defaults = PlanDefaults { early_media: false, ..PlanDefaults::default() };
    let mut story = Story::begin_with(&request(), &defaults);
    story.dialed();
    story.progress(183, "other", Some(&description("192.0.2.2", "sendrecv")));
    story.progress(183, "their-tag", Some(&description("192.0.2.1", "sendrecv")));
    story.progress(183, "third", Some(&description("192.0.2.3", "sendrecv")));
    story.progress(199, "third", None);
    answer_without_description(&mut story, "their-tag");
    assert!(early(&story).is_empty(), "and is not heard before");
    assert_eq!(connected(&story)[0].remote_rtp.to_string(), "192.0.2.1:4000");
    assert_eq!(story.statuses().last(), Some(&"active"));
}

#[test]
fn a_call_that_forks_without_end_is_not_followed_without_end() {
    for (answers, status) in [("tag-99", "active"), ("tag-0", "hangup")] {
        let mut story = Story::dialing(&request());
        for n in 0..100 {
            story.progress(183, &format!("tag-{n}"), Some(&description(&format!("192.0.2.{n}"), "sendrecv")));
        }
        assert_eq!(early(&story).len(), 100, "the last one is heard");
        answer_without_description(&mut story, answers);
        assert_eq!(story.statuses().last(), Some(&status), "{answers}: the first ones are forgotten");
    }
}

#[test]
fn what_happens_before_the_answer_is_told_apart_with_its_times() {
    let mut story = Story::dialing(&request());
    for code in [182, 181, 183, 180] {
        story.now += std::time::Duration::from_secs(1);
        story.progress(code, "a", None);
    }
    story.refuse(486, "Busy Here");
    story.everybody_is_gone();
    let times = story.summary().times;
    let after = |at: Option<std::time::Instant>| (at.unwrap() - times.invited.unwrap()).as_secs();
    assert_eq!((after(times.queued), after(times.forwarded)), (1, 2));
    assert_eq!((after(times.session_progress), after(times.alerting)), (3, 4));
    assert_eq!(after(times.ringing), 1);
    let shown = story.attribute("sip.progress");
    assert_eq!(shown, ["queued", "forwarded", "session_progress", "ringing"]);
    assert_eq!(story.statuses()[..2], ["dialing", "ringing"], "which is all that callStatus tells");
}

#[test]
fn a_phone_that_holds_is_answered_in_kind_and_watchers_see_it() {
    for (theirs, ours, direction) in
        [("sendonly", "a=recvonly", Direction::RecvOnly), ("inactive", "a=inactive", Direction::Inactive)]
    {
        let mut story = Story::answered(&request());
        let offer = description("192.0.2.9", theirs);
        story.sip(LegEvent::ReInvite { offer: Some(offer.clone()) });
        assert!(last_answer(&story).contains(ours), "{}", last_answer(&story));
        assert_eq!(connected(&story).last().unwrap().direction, direction);
        story.sip(LegEvent::ReInvite { offer: Some(offer) });
        story.sip(LegEvent::ReInvite { offer: Some(description("192.0.2.9", "sendrecv")) });
        assert!(last_answer(&story).contains("a=sendrecv"));
        assert_eq!(holds(&story), ["true", "false"]);
    }
}

#[test]
fn the_old_manner_of_holding_is_understood() {
    let mut story = Story::answered(&request());
    story.sip(LegEvent::ReInvite { offer: Some(description("0.0.0.0", "sendrecv")) });
    assert_eq!(holds(&story), ["true"]);
    assert!(last_answer(&story).contains("a=recvonly"));
}

#[test]
fn a_phone_that_moves_is_followed_and_an_offer_of_no_use_leaves_the_call_as_it_was() {
    let mut story = Story::answered(&request());
    story.sip(LegEvent::ReInvite { offer: Some(description("192.0.2.77", "sendrecv")) });
    assert_eq!(connected(&story).last().unwrap().remote_rtp.to_string(), "192.0.2.77:4000");
    let before = connected(&story).len();
    story.sip(LegEvent::ReInvite { offer: Some(ANSWER.replace("RTP/AVP 0 101", "RTP/AVP 18")) });
    assert!(matches!(story.outputs.last(), Some(CallOutput::AnswerReInvite(Err(488)))));
    assert_eq!(connected(&story).len(), before);
}

#[test]
fn every_description_of_ours_has_a_version_of_its_own() {
    let mut story = Story::answered(&request());
    let mut versions = Vec::new();
    for offer in [Some(ANSWER.to_owned()), None, Some(ANSWER.to_owned())] {
        story.sip(LegEvent::ReInvite { offer });
        versions.push(version(last_answer(&story)));
    }
    assert_eq!(versions, [8, 9, 10]);
}

/// A call whose audio is encrypted if the phone can, and the phone's answer to one of our two offers.
fn answered_with_keys(profile: &str) -> Story {
    let mut story = Story::begin(&request());
    let encryption = Encryption::Allowed(LocalKeys::generate(&mut StdRng::seed_from_u64(1)));
    let local = LocalAudio { encryption, ..local() };
    story.input(CallInput::Joined { participant_sid: "PA_1".into(), local });
    story.input(CallInput::Dialed);
    let key = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\r\n", "A".repeat(40));
    story.answer(&(ANSWER.replace("RTP/AVP", profile) + &key));
    story
}

#[test]
fn a_phone_that_wants_the_profile_of_srtp_gets_new_versions_after_it_and_the_same_profile() {
    for (profile, versions) in [("RTP/SAVP", [7, 8, 9, 10]), ("RTP/AVP", [7, 8, 8, 9])] {
        let mut story = answered_with_keys(profile);
        assert!(connected(&story)[0].srtp.is_some());
        let mut told: Vec<u64> = story
            .outputs
            .iter()
            .filter_map(|output| match output {
                CallOutput::Dial(invite) => Some([invite.body.as_deref(), invite.other_body.as_deref()]),
                _ => None,
            })
            .flatten()
            .map(|offer| version(offer.expect("two offers")))
            .collect();
        story.sip(LegEvent::ReInvite { offer: None });
        assert!(last_answer(&story).contains(&format!(" {profile} ")), "{}", last_answer(&story));
        told.push(version(last_answer(&story)));
        story.sip(LegEvent::ReInvite { offer: Some(ANSWER.to_owned()) });
        told.push(version(last_answer(&story)));
        assert_eq!(told, versions, "{profile}: the second offer only counts where it was made");
    }
}

/// The version of a description's `o=` line.
fn version(description: &str) -> u64 {
    let origin = description.lines().find(|line| line.starts_with("o=")).expect("an origin");
    origin.split(' ').nth(2).unwrap().parse().unwrap()
}

#[test]
fn the_answer_to_a_refresh_counts_where_it_differs() {
    let mut story = Story::answered(&request());
    story.sip(LegEvent::Refreshed { answer: description("192.0.2.88", "sendrecv") });
    assert_eq!(connected(&story).last().unwrap().remote_rtp.to_string(), "192.0.2.88:4000");
}

#[test]
fn keys_in_info_requests_of_both_kinds_go_to_the_bridge() {
    let mut story = Story::answered(&request());
    let info =
        |kind: &str, body: &'static str| LegEvent::Info { content_type: kind.into(), body: body.into() };
    story.sip(info("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"));
    story.sip(info("application/dtmf", "#"));
    story.sip(info("text/plain", "7"));
    let keys: String = story
        .commands()
        .into_iter()
        .filter_map(|command| match command {
            BridgeCommand::Pressed(digit) => Some(digit.as_char()),
            _ => None,
        })
        .collect();
    assert_eq!(keys, "5#");
}
