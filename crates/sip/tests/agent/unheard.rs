//! A phone behind a TCP connection that answers between two runs of the program: nobody hears it, and yet its call ends.

use sip::msg::{HeaderName, Method, NameAddr, Request, Transport};
use sip::{InviteState, LegEvent, LostState};

use crate::support::wire::Wire;

const ROUTE: &str = "<sip:192.0.2.9;transport=tcp;lr>";

/// A call over TCP that is written down, to its INVITE.
fn journaled(transport: Transport) -> (Wire, sip::LegId, Request) {
    let mut wire = Wire::new();
    wire.transport = transport;
    let options = sip::CallOptions::default().journaled();
    let (now, peer) = (wire.now, wire.peer());
    let leg = wire.agent.call_with(now, crate::support::invite("call"), peer, options).expect("placed");
    wire.told(&["Record"]);
    wire.agent.recorded(wire.now, leg);
    let invite = wire.request(Method::Invite);
    (wire, leg, invite)
}

fn ring(wire: &mut Wire, invite: &Request, tag: &str) {
    wire.reply_with(invite, 180, tag, |response| response.headers.push(HeaderName::RecordRoute, ROUTE));
}

/// What is on the disk after these forks have rung, and the INVITE.
fn left_ringing(tags: &[&str]) -> (InviteState, Request) {
    let (mut wire, leg, invite) = journaled(Transport::Tcp);
    for tag in tags {
        ring(&mut wire, &invite, tag);
    }
    (wire.agent.unanswered(leg).expect("it rings"), invite)
}

/// The next run, with its CANCEL under way.
fn next_run(state: &InviteState) -> (Wire, Request) {
    let mut after = Wire::new();
    after.transport = Transport::Tcp;
    let headers = [("Reason".to_owned(), "SIP;cause=503".to_owned())];
    after.agent.cancel_lost_call(after.now, state, None, &headers).expect("a whole INVITE");
    let cancel = after.request(Method::Cancel);
    (after, cancel)
}

#[test]
fn an_early_dialog_is_written_down_once_and_nothing_waits_for_it() {
    let (mut wire, leg, invite) = journaled(Transport::Tcp);
    ring(&mut wire, &invite, "b");
    let events = wire.events();
    let [LegEvent::Record { state, is_awaited: false }, LegEvent::Provisional { .. }] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    let LostState::Ringing(written) = state.as_ref() else { panic!("{state:?}") };
    assert_eq!(written.early.len(), 1);
    assert!(written.early[0].contains("tag=b") && written.early[0].contains(ROUTE), "{written:?}");
    ring(&mut wire, &invite, "b");
    wire.told(&["Provisional 180"]);

    wire.reply(&invite, 200, "b");
    wire.silent();
    wire.told(&["Record", "Answered 200"]);
    wire.agent.recorded(wire.now, leg);
    wire.request(Method::Ack);
}

#[test]
fn over_udp_the_answer_comes_again_and_nothing_more_is_written() {
    let (mut wire, leg, invite) = journaled(Transport::Udp);
    ring(&mut wire, &invite, "b");
    wire.told(&["Provisional 180"]);
    assert!(wire.agent.unanswered(leg).expect("it rings").early.is_empty());
}

#[test]
fn a_peer_that_invents_forks_does_not_fill_the_disk() {
    let tags: Vec<String> = (0..40).map(|n| format!("fork-{n}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    assert_eq!(left_ringing(&tags).0.early.len(), 8);
}

#[test]
fn an_answer_that_nobody_heard_is_ended_with_bye_by_the_way_of_its_ringing() {
    let (state, invite) = left_ringing(&["b"]);
    let (mut after, cancel) = next_run(&state);
    after.reply(&cancel, 200, "b");
    after.pass_ms(900);
    after.silent();
    after.pass_ms(200);
    let (to, bye) = after.request_to(Method::Bye);
    assert_eq!(to.addr, crate::support::addr("192.0.2.9:5060"), "by the route set");
    assert_eq!(bye.uri.to_string(), "sip:bob@192.0.2.1:5060");
    assert_eq!(bye.headers.call_id(), invite.headers.call_id());
    let tags = (bye.headers.from_tag(), bye.headers.to_tag());
    assert_eq!(tags, (invite.headers.from_tag(), Some("b".to_owned())));
    assert!(bye.headers.cseq().expect("CSeq").number > 1);
    assert_eq!(bye.headers.get_text("Reason"), Some("SIP;cause=503"));
    after.reply(&bye, 200, "b");
    after.told(&["Ended"]);
    after.all_gone();
}

#[test]
fn an_early_dialog_of_a_phone_behind_nat_is_ended_where_the_phone_was_called() {
    let (mut wire, leg, invite) = journaled(Transport::Tcp);
    wire.reply_with(&invite, 180, "b", |response| {
        let contact = NameAddr::new(crate::support::uri("sip:bob@192.168.1.20:5062;transport=tcp"));
        response.headers.set(HeaderName::Contact, contact);
    });
    let state = wire.agent.unanswered(leg).expect("it rings");
    let (mut after, cancel) = next_run(&state);
    after.reply(&cancel, 200, "b");
    after.pass_ms(1_100);
    let (to, bye) = after.request_to(Method::Bye);
    assert_eq!(to, after.peer());
    assert_eq!(bye.uri.to_string(), "sip:bob@192.168.1.20:5062;transport=tcp");
}

#[test]
fn each_fork_gets_its_bye_and_the_end_waits_for_all_of_them() {
    let (state, _) = left_ringing(&["b", "c"]);
    let (mut after, cancel) = next_run(&state);
    after.reply(&cancel, 481, "p");
    after.pass_ms(1_100);
    let (first, second) = (after.request(Method::Bye), after.request(Method::Bye));
    assert_ne!(first.headers.to_tag(), second.headers.to_tag());
    after.reply(&first, 481, "b");
    after.told(&[]);
    after.reply(&second, 200, "c");
    after.told(&["Ended"]);
    after.all_gone();
}

#[test]
fn a_cancel_that_ends_the_ringing_is_enough() {
    let (state, invite) = left_ringing(&["b"]);
    let (mut after, cancel) = next_run(&state);
    after.reply(&cancel, 200, "b");
    after.reply(&invite, 487, "b");
    after.request(Method::Ack);
    after.told(&["Failed 487", "Ended"]);
    after.pass_ms(2_000);
    after.silent();
    after.all_gone();
}

#[test]
fn nobody_waits_for_ever_for_a_phone_that_says_nothing_at_all() {
    let (state, _) = left_ringing(&["b"]);
    let (mut after, _) = next_run(&state);
    after.pass_ms(1_100);
    after.request(Method::Bye);
    after.all_gone();
    after.told(&["TransactionTimeout", "Ended"]);
}

#[test]
fn a_damaged_record_of_an_early_dialog_costs_no_more_than_its_bye() {
    let (mut state, _) = left_ringing(&["b"]);
    state.early = vec!["nonsense".to_owned(), String::new()];
    let (mut after, _) = next_run(&state);
    after.pass_ms(2_000);
    after.silent();
    after.all_gone();
}
