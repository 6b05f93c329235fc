use super::*;

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
