//! Two stacks on the loopback interface, and waiting with a deadline.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use sip::auth::Credentials;
use sip::msg::{NameAddr, Request, Uri};
use sip::{AgentConfig, Contacts, Inbound, Invite, LegEvent, Limits, Timers, Transport};
use sip_io::{Incoming, LegHandle, Stack, StackConfig, Target};

/// Nothing on the loopback interface takes so long.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(5), future).await {
        Ok(value) => value,
        Err(_) => panic!("still waiting: {what}"),
    }
}

pub(crate) fn config(inbound: Inbound) -> StackConfig {
    let agent = AgentConfig {
        contacts: Contacts::default(),
        user_agent: "test/1".into(),
        timers: Timers::default(),
        limits: Limits::default(),
        inbound,
    };
    StackConfig::new("127.0.0.1:0".parse().unwrap(), agent)
}

pub(crate) async fn caller() -> Stack {
    Stack::bind(config(Inbound::Ignore)).await.unwrap().0
}

pub(crate) async fn callee() -> (Stack, Incoming) {
    Stack::bind(config(Inbound::Offer)).await.unwrap()
}

pub(crate) fn uri(to: SocketAddr, transport: Transport) -> Uri {
    Uri::sip(to.ip().into()).with_user("222").with_port(Some(to.port())).with_transport(transport)
}

pub(crate) fn invite(to: SocketAddr, transport: Transport) -> Invite {
    let nonce = rand::random::<u64>();
    Invite {
        request_uri: uri(to, transport),
        to: NameAddr::new(uri(to, transport)),
        from: NameAddr::new("sip:111@127.0.0.1".parse().unwrap()).with_display_name("111"),
        call_id: format!("{nonce:x}@test"),
        from_tag: format!("{nonce:x}"),
        headers: vec![("X-Test".into(), "1".into())],
        body: Some("v=0\r\n".into()),
        other_body: None,
        credentials: Some(Credentials::new("alice", "wonder")),
    }
}

pub(crate) async fn place(stack: &Stack, to: SocketAddr, transport: Transport) -> LegHandle {
    let invite = invite(to, transport);
    let target = Target::of_invite(&invite).unwrap();
    soon("placing a call", stack.call(invite, &target)).await.unwrap()
}

pub(crate) async fn taken(incoming: &mut Incoming) -> (LegHandle, Box<Request>) {
    soon("a call to come in", incoming.next()).await.expect("the stack is up")
}

/// The next event that is as wanted; what comes before it is passed over.
pub(crate) async fn until<T>(
    leg: &mut LegHandle,
    what: &str,
    mut wanted: impl FnMut(LegEvent) -> Option<T>,
) -> T {
    soon(what, async {
        loop {
            let event = leg.next_event().await.unwrap_or_else(|| panic!("the leg ended before: {what}"));
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    })
    .await
}

pub(crate) async fn ended(leg: &mut LegHandle) {
    until(leg, "the end", |event| matches!(event, LegEvent::Ended).then_some(())).await;
}
