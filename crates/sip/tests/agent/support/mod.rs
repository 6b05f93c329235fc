//! Two ways to test an agent: against a peer that follows a script, message by message ([`wire`]), and against
//! another agent over a network that loses, repeats, delays and reorders ([`net`]). Time is virtual in both.

pub(crate) mod net;
pub(crate) mod wire;

use sip::msg::{NameAddr, Uri};
use sip::{AgentConfig, Contacts, Inbound, Invite, LegEvent, Limits, Timers};
use std::net::SocketAddr;

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub(crate) fn uri(text: &str) -> Uri {
    text.parse().expect("a URI")
}

pub(crate) fn config(at: SocketAddr) -> AgentConfig {
    AgentConfig {
        contacts: Contacts::udp_and_tcp(at),
        user_agent: "trunkline-test/1".into(),
        timers: Timers::default(),
        limits: Limits::default(),
        inbound: Inbound::Offer,
    }
}

pub(crate) fn invite(call_id: &str) -> Invite {
    Invite {
        request_uri: uri("sip:200@192.0.2.1"),
        to: NameAddr::new(uri("sip:200@192.0.2.1")),
        from: NameAddr::new(uri("sip:100@10.0.0.1")),
        call_id: call_id.into(),
        from_tag: format!("tag-{call_id}"),
        headers: Vec::new(),
        body: Some("offer".into()),
        other_body: None,
        credentials: None,
    }
}

/// An event's name, with the code where it has one.
pub(crate) fn name(event: &LegEvent) -> String {
    match event {
        LegEvent::Provisional { response, .. } => format!("Provisional {}", response.code),
        LegEvent::Answered { response, .. } => format!("Answered {}", response.code),
        LegEvent::Failed { response } => format!("Failed {}", response.code),
        LegEvent::ReInviteAnswered { response } => format!("ReInviteAnswered {}", response.code),
        LegEvent::RequestAnswered { method, code } => format!("RequestAnswered {method} {code}"),
        LegEvent::ReInvite { offer } => format!("ReInvite {}", offer.as_deref().unwrap_or("-")),
        other => {
            let text = format!("{other:?}");
            text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
        }
    }
}
