//! Calls that are refused, and calls that break.

use std::net::SocketAddr;

use tempfile::TempDir;

use super::*;
use crate::worker::WorkersConfig;

async fn calls(max_active: u32) -> (Calls, TempDir) {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let directory = TempDir::new().unwrap();
    let (workers, _) = Workers::start(WorkersConfig::loopback()).unwrap();
    let agent = sip::AgentConfig {
        contacts: sip::Contacts::default(),
        user_agent: "test".to_owned(),
        timers: sip::Timers::default(),
        limits: sip::Limits::default(),
        inbound: sip::Inbound::Refuse(403),
    };
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let (stack, _) = sip_io::Stack::bind(sip_io::StackConfig::new(listen, agent)).await.unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    let metrics = Metrics::new("NE_test").unwrap();
    let trunks = Trunks::default();
    let max_cpu_utilization = 1.0;
    (
        Calls::new(Parts {
            workers,
            stacks: stack.into(),
            store,
            metrics,
            max_active,
            trunks,
            max_cpu_utilization,
        }),
        directory,
    )
}

fn plan() -> Plan {
    let request = proto::CreateSipParticipantRequest {
        sip_trunk_id: "ST_1".into(),
        sip_call_to: "+15550101".into(),
        room_name: "room".into(),
        ..proto::CreateSipParticipantRequest::default()
    };
    let trunk = proto::SipOutboundTrunkInfo {
        sip_trunk_id: "ST_1".into(),
        address: "sip.example.com".into(),
        numbers: vec!["+15550199".into()],
        ..proto::SipOutboundTrunkInfo::default()
    };
    Plan::new(&request, Some(&trunk), &call::PlanDefaults::default(), &mut rand::rng()).unwrap()
}

#[tokio::test]
async fn a_call_whose_task_panics_is_counted_and_struck_off() {
    let (calls, _directory) = calls(0).await;
    let parts = &calls.0.parts;
    let plan = plan();
    let destination = sip::Destination::new(sip::Transport::Udp, SocketAddr::from(([127, 0, 0, 1], 9)));
    let state =
        sip::LostState::Ringing(sip::InviteState { head: String::new(), destination, early: Vec::new() });
    let record = dial::record(&plan, state);
    parts.store.put_open_call(record).await.unwrap();
    let (reply, answer) = oneshot::channel::<()>();
    let task = Box::pin(async move {
        let _held = reply;
        tokio::task::yield_now().await;
        panic!("a bug in a call");
    });
    guard::run(calls.admit("room").unwrap(), guard::Names::of(&plan), task).await;
    assert!(answer.await.is_err(), "the caller does not wait any longer");
    assert!(parts.store.open_calls().await.unwrap().is_empty());
    assert_eq!(calls.active(), 0);
    let metrics = String::from_utf8(parts.metrics.text()).unwrap();
    assert!(metrics.lines().any(|line| line.contains("internal") && line.ends_with(" 1")), "{metrics}");
}

#[tokio::test]
async fn as_many_calls_are_taken_as_may_be_at_once() {
    let (calls, _directory) = calls(2).await;
    let first = calls.admit("room").unwrap();
    let _second = calls.admit("room").unwrap();
    assert_eq!(calls.admit("room").err().unwrap().code, ErrorCode::ResourceExhausted);
    assert_eq!(calls.active(), 2, "a refused call does not count");
    drop(first);
    let _third = calls.admit("room").unwrap();
}

#[tokio::test]
async fn a_server_that_stops_refuses_calls_and_waits_for_none_of_them() {
    let (calls, _directory) = calls(0).await;
    calls.drain(Duration::ZERO).await;
    assert_eq!(calls.admit("room").err().unwrap().code, ErrorCode::Unavailable);
    assert_eq!(calls.active(), 0);
}
