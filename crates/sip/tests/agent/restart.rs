//! A program that crashed ends the calls it left behind.

use sip::Flow;
use sip::msg::{HeaderName, Method, NameAddr, Transport};

use crate::support::wire::{PEER, Wire};
use crate::support::{addr, uri};

#[test]
fn a_call_left_behind_gets_its_bye_from_the_next_run() {
    let mut before = Wire::new();
    let (leg, invite) = before.call();
    assert_eq!(before.agent.dialog(leg), None, "nothing to end with BYE before the answer");
    before.reply_with(&invite, 200, "b", |response| {
        response.headers.push(HeaderName::RecordRoute, "<sip:192.0.2.9;lr>");
    });
    before.request(Method::Ack);
    let dialog = before.agent.dialog(leg).expect("the call is up");

    let mut after = Wire::new();
    let lost = after.agent.end_lost_call(after.now, &dialog, None, &[]).expect("a whole dialog");
    let (to, bye) = after.request_to(Method::Bye);
    assert_eq!(to.addr, crate::support::addr("192.0.2.9:5060"));
    assert_eq!(bye.uri.to_string(), "sip:bob@192.0.2.1:5060");
    assert_eq!(bye.headers.call_id(), invite.headers.call_id());
    assert_eq!(
        (bye.headers.from_tag(), bye.headers.to_tag().as_deref()),
        (invite.headers.from_tag(), Some("b"))
    );
    assert!(bye.headers.cseq().expect("CSeq").number > 1);
    after.agent.hangup(after.now, lost, &[]);
    after.reply(&bye, 200, "b");
    after.told(&["Ended"]);
    after.all_gone();
}

#[test]
fn a_phone_behind_nat_gets_its_bye_where_it_was_seen() {
    for named in ["192.168.1.20:5062", "192.168.1.20:5060", "10.0.0.9", "0.0.0.0:5062", "[fd00::20]:5062"] {
        let mut before = Wire::new();
        let (leg, invite) = before.call();
        let contact = format!("sip:bob@{named}");
        before.reply_with(&invite, 200, "b", |response| {
            response.headers.set(HeaderName::Contact, NameAddr::new(uri(&contact)));
        });
        before.request(Method::Ack);
        let dialog = before.agent.dialog(leg).expect("the call is up");

        let mut after = Wire::new();
        after.agent.end_lost_call(after.now, &dialog, None, &[]).expect("a whole dialog");
        let (to, bye) = after.request_to(Method::Bye);
        assert_eq!(to.addr, addr(PEER), "{named}");
        assert_eq!(bye.uri.to_string(), contact);
    }
}

#[test]
fn a_phone_behind_nat_that_has_moved_gets_its_bye_where_it_was_seen_last() {
    let mut before = Wire::new();
    let (leg, invite) = before.call_up();
    let mut update = before.inside(&invite, Method::Update, 1, "b");
    update.headers.set(HeaderName::Contact, NameAddr::new(uri("sip:bob@192.168.1.20:5062")));
    let seen = Flow { remote: addr("192.0.2.77:4321"), ..before.flow() };
    before.agent.handle_message(before.now, seen, &update.encode());
    before.response(200);
    let dialog = before.agent.dialog(leg).expect("the call is up");
    assert_eq!(dialog.destination.transport, Transport::Udp);

    let mut after = Wire::new();
    after.agent.end_lost_call(after.now, &dialog, None, &[]).expect("a whole dialog");
    assert_eq!(after.request_to(Method::Bye).0.addr, seen.remote);
}

#[test]
fn a_dialog_that_cannot_be_read_is_refused_and_one_that_is_up_is_not_taken_for_lost() {
    let mut wire = Wire::new();
    let (leg, _) = wire.call_up();
    let dialog = wire.agent.dialog(leg).expect("the call is up");
    let broken = sip::DialogState { target: "nonsense".into(), ..dialog.clone() };
    let mut after = Wire::new();
    assert_eq!(after.agent.end_lost_call(after.now, &broken, None, &[]), Err(sip::DialError::Dialog));
    assert_eq!(wire.agent.end_lost_call(wire.now, &dialog, None, &[]), Err(sip::DialError::Duplicate));
    wire.told(&[]);
    wire.silent();
}

#[test]
fn a_call_left_ringing_gets_its_cancel_from_the_next_run() {
    let mut before = Wire::new();
    let (leg, invite) = before.call();
    before.reply(&invite, 180, "b");
    let ringing = before.agent.unanswered(leg).expect("it rings");
    assert!(!ringing.head.contains("offer"), "no body");

    let mut after = Wire::new();
    let lost = after.agent.cancel_lost_call(after.now, &ringing, None, &[]).expect("a whole INVITE");
    let cancel = after.request(Method::Cancel);
    assert_eq!(cancel.headers.branch(), invite.headers.branch());
    assert_eq!(cancel.headers.call_id(), invite.headers.call_id());
    assert_eq!(cancel.headers.get(&HeaderName::CSeq), Some("1 CANCEL"));
    after.agent.hangup(after.now, lost, &[]);
    after.reply(&cancel, 200, "b");
    after.reply(&invite, 487, "b");
    assert_eq!(after.request(Method::Ack).headers.branch(), invite.headers.branch());
    after.told(&["Failed 487", "Ended"]);
    after.all_gone();
}

#[test]
fn a_call_left_ringing_that_is_answered_meanwhile_gets_ack_and_bye() {
    let mut before = Wire::new();
    let (leg, invite) = before.call();
    let ringing = before.agent.unanswered(leg).expect("it is under way");
    let mut after = Wire::new();
    after.agent.cancel_lost_call(after.now, &ringing, None, &[]).expect("a whole INVITE");
    let cancel = after.request(Method::Cancel);
    after.reply(&cancel, 481, "b");
    after.reply(&invite, 200, "b");
    after.request(Method::Ack);
    let bye = after.request(Method::Bye);
    after.reply(&bye, 200, "b");
    after.told(&["Ended"]);
    after.all_gone();
}

#[test]
fn a_call_left_ringing_that_nobody_knows_any_more_ends_by_itself() {
    let mut before = Wire::new();
    let (leg, _) = before.call();
    let ringing = before.agent.unanswered(leg).expect("it is under way");
    let mut after = Wire::new();
    after.agent.cancel_lost_call(after.now, &ringing, None, &[]).expect("a whole INVITE");
    after.pass(std::time::Duration::from_secs(40));
    after.told(&["TransactionTimeout", "Ended"]);
    after.all_gone();
    let broken = sip::InviteState { head: "nonsense".into(), ..ringing.clone() };
    assert_eq!(after.agent.cancel_lost_call(after.now, &broken, None, &[]), Err(sip::DialError::Dialog));
    let same = before.agent.cancel_lost_call(before.now, &ringing, None, &[]);
    assert_eq!(same, Err(sip::DialError::Duplicate));
}
