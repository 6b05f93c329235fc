//! Giving up before the answer, and the answers that cross it.

use std::time::Duration;

use sip::msg::{HeaderName, Message, Method};

use crate::support::wire::Wire;

#[test]
fn cancel_waits_for_the_first_provisional_response() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.agent.hangup(wire.now, leg, &[("X-Why".into(), "tired".into())]);
    wire.silent();
    wire.reply(&invite, 100, "");
    let cancel = wire.request(Method::Cancel);
    assert_eq!(cancel.headers.get_text("X-Why"), Some("tired"));
    wire.told(&[]);
    wire.reply(&cancel, 200, "b");
    wire.reply(&invite, 487, "b");
    wire.request(Method::Ack);
    wire.told(&["Failed 487", "Ended"]);
    wire.all_gone();
}

#[test]
fn cancel_names_its_invite_and_is_resent_by_its_own_transaction() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.reply(&invite, 180, "b");
    wire.agent.hangup(wire.now, leg, &[]);
    let cancel = wire.request(Method::Cancel);
    assert_eq!(cancel.headers.get(&HeaderName::Via), invite.headers.get(&HeaderName::Via));
    assert_eq!(cancel.uri, invite.uri);
    assert_eq!(cancel.headers.to_tag(), None);
    assert_eq!(cancel.headers.get(&HeaderName::CSeq), Some("1 CANCEL"));
    wire.pass_ms(1500);
    let copies = wire.take_sent();
    assert_eq!(copies, [cancel.clone().into(), cancel.clone().into()] as [Message; 2]);
    wire.reply(&cancel, 200, "b");
    wire.pass(Duration::from_secs(2));
    wire.silent();
    wire.reply(&invite, 487, "b");
    wire.request(Method::Ack);
    wire.reply(&invite, 487, "b");
    wire.request(Method::Ack);
    wire.all_gone();
}

#[test]
fn ringing_that_goes_on_after_cancel_changes_nothing_and_is_not_told() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.reply(&invite, 100, "");
    wire.agent.hangup(wire.now, leg, &[]);
    let cancel = wire.request(Method::Cancel);
    wire.reply(&cancel, 200, "b");
    wire.reply(&invite, 180, "b");
    wire.reply(&invite, 183, "c");
    wire.silent();
    wire.told(&["Trying"]);
    wire.reply(&invite, 487, "b");
    wire.request(Method::Ack);
    wire.told(&["Failed 487", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_200_that_crosses_cancel_gets_ack_and_bye_and_is_never_told_as_an_answer() {
    for seconds in [0, 8, 31] {
        let mut wire = Wire::new();
        let (leg, invite) = wire.call();
        wire.reply(&invite, 180, "b");
        wire.told(&["Provisional 180"]);
        wire.agent.hangup(wire.now, leg, &[("X-Why".into(), "tired".into())]);
        let cancel = wire.request(Method::Cancel);
        wire.reply(&cancel, 481, "b");
        wire.pass(Duration::from_secs(seconds));
        wire.reply(&invite, 200, "b");
        wire.request(Method::Ack);
        let bye = wire.request(Method::Bye);
        assert_eq!(bye.headers.get_text("X-Why"), Some("tired"));
        wire.reply(&bye, 200, "b");
        wire.told(&["Ended"]);
        wire.reply(&invite, 200, "b");
        wire.request(Method::Ack);
        wire.silent();
        wire.all_gone();
    }
}

#[test]
fn a_200_without_any_provisional_after_hanging_up_gets_ack_and_bye() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.agent.hangup(wire.now, leg, &[]);
    wire.reply(&invite, 200, "b");
    wire.request(Method::Ack);
    let bye = wire.request(Method::Bye);
    wire.reply(&bye, 200, "b");
    wire.told(&["Ended"]);
    wire.all_gone();
}

#[test]
fn two_forks_that_answer_after_cancel_are_both_ended() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.reply(&invite, 180, "a");
    wire.agent.hangup(wire.now, leg, &[]);
    wire.request(Method::Cancel);
    for tag in ["a", "b"] {
        wire.reply(&invite, 200, tag);
        assert_eq!(wire.request(Method::Ack).headers.to_tag().as_deref(), Some(tag));
        let bye = wire.request(Method::Bye);
        assert_eq!(bye.headers.to_tag().as_deref(), Some(tag));
        wire.reply(&bye, 200, tag);
    }
    wire.told(&["Provisional 180", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_cancel_that_is_answered_but_never_ends_the_invite_is_waited_for_32_seconds() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.reply(&invite, 180, "b");
    wire.agent.hangup(wire.now, leg, &[]);
    let cancel = wire.request(Method::Cancel);
    wire.reply(&cancel, 200, "b");
    wire.pass(Duration::from_millis(31_900));
    wire.told(&["Provisional 180"]);
    wire.pass(Duration::from_millis(200));
    wire.told(&["TransactionTimeout", "Ended"]);
    wire.silent();
    wire.all_gone();
}

#[test]
fn a_call_hung_up_before_any_response_that_never_gets_one_ends_after_32_seconds() {
    let mut wire = Wire::new();
    let (leg, _) = wire.call();
    wire.agent.hangup(wire.now, leg, &[]);
    wire.pass(Duration::from_secs(33));
    wire.told(&["TransactionTimeout", "Ended"]);
    wire.all_gone();
}

#[test]
fn a_phone_that_rings_for_ever_is_cancelled() {
    let mut wire = Wire::new();
    let (_, invite) = wire.call();
    wire.reply(&invite, 180, "b");
    wire.pass(Duration::from_secs(599));
    wire.silent();
    wire.pass(Duration::from_secs(1));
    wire.request(Method::Cancel);
    wire.all_gone();
}

#[test]
fn hanging_up_twice_is_hanging_up_once() {
    let mut wire = Wire::new();
    let (leg, invite) = wire.call();
    wire.reply(&invite, 180, "b");
    wire.agent.hangup(wire.now, leg, &[]);
    wire.agent.hangup(wire.now, leg, &[]);
    wire.request(Method::Cancel);
    wire.silent();
    wire.reply(&invite, 486, "b");
    wire.request(Method::Ack);
    wire.told(&["Provisional 180", "Failed 486", "Ended"]);
    wire.agent.hangup(wire.now, leg, &[]);
    wire.silent();
    wire.all_gone();
}
