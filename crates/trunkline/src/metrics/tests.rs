use tower::ServiceExt;

use super::*;
use crate::eventually::eventually;
use crate::worker::{Workers, WorkersConfig};

fn text(metrics: &Metrics) -> String {
    String::from_utf8(metrics.text()).unwrap().replace(",node_id=\"NE_test\"", "")
}

#[test]
fn a_call_shows_under_the_names_that_dashboards_know() {
    let metrics = Metrics::new("NE_test").unwrap();
    metrics.invite_sent();
    metrics.invite_accepted("sip.example.com");
    let active = metrics.call_active("sip.example.com");
    let page = text(&metrics);
    assert!(page.contains(r#"livekit_sip_invite_requests{dir="out"} 1"#), "{page}");
    assert!(String::from_utf8(metrics.text()).unwrap().contains(r#"node_id="NE_test""#));
    assert!(page.contains(r#"livekit_sip_calls_active{dir="out",to="sip.example.com"} 1"#), "{page}");
    drop(active);
    metrics.call_ended("sip.example.com", "success", "bye");
    let page = text(&metrics);
    assert!(page.contains(r#"to="sip.example.com"} 0"#), "{page}");
    assert!(
        page.contains(
            r#"livekit_sip_calls_terminated{dir="out",reason="bye",result="success",to="sip.example.com"} 1"#
        ),
        "{page}"
    );
}

#[test]
fn hosts_past_the_limit_are_counted_together() {
    let metrics = Metrics::new("NE_test").unwrap();
    for host in 0..1000 {
        metrics.invite_accepted(&format!("host{host}"));
    }
    let page = text(&metrics);
    assert!(page.contains(r#"livekit_sip_invite_accepted{dir="out",to="other"} 800"#), "{page}");
}

#[test]
fn packets_that_were_dropped_are_counted_by_reason() {
    let metrics = Metrics::new("NE_test").unwrap();
    let dropped = media::session::Dropped { malformed: 3, foreign_source: 2, ..Default::default() };
    metrics.rtp_dropped(&dropped);
    metrics.rtp_dropped(&dropped);
    let page = text(&metrics);
    assert!(page.contains(r#"trunkline_rtp_dropped{reason="malformed"} 6"#), "{page}");
    assert!(page.contains(r#"trunkline_rtp_dropped{reason="foreign_source"} 4"#), "{page}");
    assert!(!page.contains(r#"reason="stray""#), "{page}");
}

#[test]
fn every_reason_to_drop_a_packet_is_on_the_page() {
    let metrics = Metrics::new("NE_test").unwrap();
    let dropped = media::session::Dropped {
        before_negotiation: 1,
        malformed: 1,
        wrong_payload_type: 1,
        foreign_source: 1,
        duplicate: 1,
        stray: 1,
        while_held: 1,
        not_authentic: 1,
    };
    metrics.rtp_dropped(&dropped);
    let page = text(&metrics);
    assert_eq!(page.matches("trunkline_rtp_dropped{").count() as u64, dropped.total(), "{page}");
}

#[test]
fn what_phones_do_in_their_rtp_is_counted() {
    let metrics = Metrics::new("NE_test").unwrap();
    let leg = media::session::SessionStats { source_changes: 2, ..Default::default() };
    metrics.rtp_seen(&leg);
    metrics.rtp_seen(&media::session::SessionStats { comfort_noise: 7, ..leg });
    let page = text(&metrics);
    assert!(page.contains(r#"trunkline_rtp_seen{what="source_change"} 4"#), "{page}");
    assert!(page.contains(r#"trunkline_rtp_seen{what="comfort_noise"} 7"#), "{page}");
}

#[test]
fn what_finds_no_place_on_its_way_to_a_phone_is_counted() {
    let metrics = Metrics::new("NE_test").unwrap();
    let report = call::bridge::BridgeReport { digits_dropped: 3, unheard: 50, ..Default::default() };
    metrics.call_dropped(&report);
    let page = text(&metrics);
    assert!(page.contains(r#"trunkline_call_dropped{what="digits"} 3"#), "{page}");
    assert!(page.contains(r#"trunkline_call_dropped{what="talkers"} 50"#), "{page}");
}

async fn page(router: &axum::Router) -> String {
    let request = axum::http::Request::get("/metrics").body(axum::body::Body::empty()).unwrap();
    let body = router.clone().oneshot(request).await.unwrap().into_body();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec())
        .unwrap()
        .replace(",node_id=\"NE_test\"", "")
        .replace("{node_id=\"NE_test\"}", "")
}

/// The page of a server with nothing in it, and what is behind it.
async fn a_page() -> (axum::Router, Sources, tempfile::TempDir) {
    let agent = sip::AgentConfig {
        contacts: sip::Contacts::default(),
        user_agent: "test".to_owned(),
        timers: sip::Timers::default(),
        limits: sip::Limits::default(),
        inbound: sip::Inbound::Refuse(403),
    };
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let (stack, _incoming) = sip_io::Stack::bind(sip_io::StackConfig::new(listen, agent)).await.unwrap();
    let stacks = crate::calls::Stacks::from(stack);
    let (workers, _) = Workers::start(WorkersConfig::loopback()).unwrap();
    let metrics = Metrics::new("NE_test").unwrap();
    let directory = tempfile::TempDir::new().unwrap();
    let store = crate::store::Store::open(directory.path(), None).unwrap();
    let calls = crate::calls::Calls::new(crate::calls::Parts {
        workers: workers.clone(),
        stacks: stacks.clone(),
        store: store.clone(),
        metrics: metrics.clone(),
        max_active: 7,
        trunks: crate::calls::Trunks::default(),
        max_cpu_utilization: 1.0,
    });
    let (connections, in_flight) = (crate::api::Connections::new(), crate::api::InFlight::default());
    let sources = Sources { stacks, workers, calls, store, connections, in_flight };
    (router(metrics, sources.clone()), sources, directory)
}

#[tokio::test]
async fn every_limited_table_and_queue_is_on_the_page() {
    let (router, _sources, _directory) = a_page().await;
    let page = page(&router).await;
    let bounds = [
        "store_queue",
        "trunks",
        "calls",
        "http_connections",
        "worker_queue",
        "rooms",
        "rtp_ports",
        "sip_legs",
        "sip_transactions",
        "sip_connections",
        "sip_commands",
        "sip_events",
        "sip_incoming",
        "sip_datagrams",
        "sip_connection_queue",
        "sip_penalties",
        "sip_probes",
        "sip_lookups",
        "sip_datagram_peers",
        "sip_tls_peers",
        "requests_in_flight",
        "call_events",
    ];
    for what in bounds {
        for family in ["trunkline_held", "trunkline_held_most", "trunkline_refused"] {
            assert!(page.contains(&format!("{family}{{what=\"{what}\"}} ")), "{family} {what}: {page}");
        }
    }
    assert!(page.contains(r#"trunkline_held_most{what="calls"} 7"#), "{page}");
}

#[tokio::test]
async fn whoever_reads_the_page_sees_rubbish_rooms_and_memory_of_this_moment() {
    let (router, Sources { stacks, workers, .. }, _directory) = a_page().await;
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let before = page(&router).await;
    assert!(before.contains("trunkline_rooms 0"), "{before}");
    let memory = before.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    assert!(memory.unwrap().parse::<u64>().unwrap() > 1_000_000);
    for family in ["trunkline_tasks", "process_threads", "process_open_fds"] {
        let figure = before.lines().find_map(|line| line.strip_prefix(&format!("{family} ")));
        assert!(figure.unwrap().parse::<u64>().unwrap() > 0, "{family}");
    }

    let request = room::proto::CreateRoomRequest { name: "r".to_owned(), ..Default::default() };
    workers.create_room(request).await.unwrap();
    let gun = tokio::net::UdpSocket::bind(listen).await.unwrap();
    for _ in 0..2 {
        gun.send_to(b"this is no SIP message\r\n\r\n", stacks.of(listen.ip()).local_addr()).await.unwrap();
    }
    let counted = r#"trunkline_sip_discarded{reason="malformed"} 2"#;
    eventually("the rubbish is counted", async || page(&router).await.contains(counted)).await;
    let seen = page(&router).await;
    assert!(seen.contains("trunkline_rooms 1"), "{seen}");
    stacks.shutdown(Duration::ZERO).await;
    let after = page(&router).await;
    assert!(after.contains(counted), "counters never fall: {after}");
}
