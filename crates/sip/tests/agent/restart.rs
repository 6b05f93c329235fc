//! A program that crashed ends the calls it left behind.

use sip::msg::{HeaderName, Method};

use crate::support::wire::Wire;

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
