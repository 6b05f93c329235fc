//! `sips:` (RFC 3261 §8.1.1.8, §12.1.2): Contact says it, too, and no redirection leads out of it.

use sip::msg::{HeaderName, Method, Request, Response, Transport};
use sip::{CallOptions, Contacts, Destination, Invite, Redirects};

use crate::support::wire::{OURS, Wire};
use crate::support::{addr, config, invite, uri};

/// A call over TLS to this URI.
fn call(to: &str) -> (Wire, Request) {
    let mut config = config(addr(OURS));
    config.contacts = Contacts { tls: Some(addr("10.0.0.1:5061").into()), ..config.contacts };
    let mut wire = Wire::with(config);
    wire.transport = Transport::Tls;
    let options = CallOptions::default().with_redirects(Redirects::WithinHost);
    let invite = Invite { request_uri: uri(to), ..invite("call") };
    let peer: Destination = wire.peer();
    wire.agent.call_with(wire.now, invite, peer, options).expect("placed");
    let request = wire.request(Method::Invite);
    (wire, request)
}

fn contact(headers: &sip::msg::Headers) -> String {
    headers.contact().expect("Contact").uri.to_string()
}

fn up(wire: &mut Wire, invite: &Request) {
    wire.reply(invite, 200, "b");
    wire.request(Method::Ack);
}

#[test]
fn a_call_to_sips_has_a_sips_contact_in_everything_it_says() {
    for (to, ours) in [
        ("sips:200@192.0.2.1", "sips:10.0.0.1:5061"),
        ("sip:200@192.0.2.1", "sip:10.0.0.1:5061;transport=tls"),
    ] {
        let (mut wire, invite) = call(to);
        assert_eq!(contact(&invite.headers), ours);
        up(&mut wire, &invite);
        let leg = wire.leg_told();
        let mut offer = wire.inside(&invite, Method::Invite, 1, "b");
        offer.set_body("application/sdp", "their offer");
        wire.send(&offer);
        wire.agent.answer_reinvite(wire.now, leg, Ok("our answer".into())).expect("an offer waits");
        let answer: Response = loop {
            match wire.take_sent().pop() {
                Some(sip::msg::Message::Response(response)) if response.status.code() == 200 => {
                    break response;
                }
                other => assert!(other.is_some(), "no 200"),
            }
        };
        assert_eq!(contact(&answer.headers), ours);
        assert_eq!(invite.headers.via().expect("Via").transport(), "TLS");
    }
}

#[test]
fn a_redirection_out_of_sips_is_not_followed() {
    for (to, followed) in [("sips:201@192.0.2.1", true), ("sip:201@192.0.2.1", false)] {
        let (mut wire, invite) = call("sips:200@192.0.2.1");
        wire.reply_with(&invite, 302, "b", |response| {
            response.headers.remove(&HeaderName::Contact);
            response.headers.push(HeaderName::Contact, format!("<{to}>"));
        });
        wire.request(Method::Ack);
        if followed {
            assert_eq!(wire.request(Method::Invite).uri.to_string(), to);
        } else {
            wire.told(&["Failed 302", "Ended"]);
        }
    }
}
