//! Outbound trunks: create, change, replace, list, delete.

use std::collections::HashMap;

use livekit_api::services::sip::{CreateSIPOutboundTrunkOptions, ListSIPOutboundTrunkFilter};
use livekit_protocol::{ListUpdate, SipOutboundTrunkInfo, SipOutboundTrunkUpdate, SipTransport};

use crate::world::{refusal, sip, trunk_to, with_secret};

async fn listed(id: &str) -> Option<SipOutboundTrunkInfo> {
    let all = sip().list_sip_outbound_trunk(ListSIPOutboundTrunkFilter::All).await.unwrap();
    all.into_iter().find(|trunk| trunk.sip_trunk_id == id)
}

fn one(name: &str, value: &str) -> HashMap<String, String> {
    HashMap::from([(name.to_owned(), value.to_owned())])
}

#[tokio::test]
async fn a_trunk_comes_back_as_it_was_created() {
    let options = CreateSIPOutboundTrunkOptions {
        transport: SipTransport::Tcp,
        metadata: "m".to_owned(),
        auth_username: "caller".to_owned(),
        auth_password: "correct horse".to_owned(),
        headers: Some(one("X-Account", "42")),
        headers_to_attributes: Some(one("X-Carrier", "carrier.name")),
        attributes_to_headers: Some(one("ticket", "X-Ticket")),
        ..Default::default()
    };
    let numbers = vec!["+15105550100".to_owned(), "+15105550101".to_owned()];
    let made = sip()
        .create_sip_outbound_trunk(
            "carrier".to_owned(),
            "sip.example.com:5080".to_owned(),
            numbers.clone(),
            options,
        )
        .await
        .unwrap();
    assert!(made.sip_trunk_id.starts_with("ST_"));
    assert_eq!(made.name, "carrier");
    assert_eq!(made.address, "sip.example.com:5080");
    assert_eq!(made.numbers, numbers);
    assert_eq!(made.transport(), SipTransport::Tcp);
    assert_eq!(made.metadata, "m");
    assert_eq!((made.auth_username.as_str(), made.auth_password.as_str()), ("caller", "correct horse"));
    assert_eq!(made.headers, one("X-Account", "42"));
    assert_eq!(made.headers_to_attributes, one("X-Carrier", "carrier.name"));
    assert_eq!(made.attributes_to_headers, one("ticket", "X-Ticket"));
    assert_eq!(listed(&made.sip_trunk_id).await, Some(made));
}

#[tokio::test]
async fn single_fields_change_and_the_others_stay() {
    let id = trunk_to("sip.example.com").await;
    let update = SipOutboundTrunkUpdate {
        address: Some("other.example.com".to_owned()),
        name: Some("renamed".to_owned()),
        numbers: Some(ListUpdate { add: vec!["+15105550199".to_owned()], ..Default::default() }),
        ..Default::default()
    };
    let changed = sip().update_sip_outbound_trunk(id.clone(), update).await.unwrap();
    assert_eq!((changed.address.as_str(), changed.name.as_str()), ("other.example.com", "renamed"));
    assert_eq!(changed.numbers, ["+15105550100", "+15105550199"]);
    let nothing = SipOutboundTrunkUpdate { numbers: Some(ListUpdate::default()), ..Default::default() };
    assert_eq!(refusal(sip().update_sip_outbound_trunk(id, nothing).await).code, "invalid_argument");
}

#[tokio::test]
async fn a_trunk_is_replaced_whole() {
    let id = trunk_to("sip.example.com").await;
    let second = SipOutboundTrunkInfo {
        address: "other.example.com".to_owned(),
        numbers: vec!["+15105550177".to_owned()],
        ..Default::default()
    };
    let replaced = sip().update_sip_outbound_trunk_replace(id.clone(), second).await.unwrap();
    assert_eq!((replaced.sip_trunk_id.as_str(), replaced.name.as_str()), (id.as_str(), ""));
    assert_eq!(listed(&id).await.unwrap().address, "other.example.com");
}

#[tokio::test]
async fn a_deleted_trunk_is_gone() {
    let id = trunk_to("sip.example.com").await;
    assert_eq!(sip().delete_sip_trunk(&id).await.unwrap().sip_trunk_id, id);
    assert_eq!(listed(&id).await, None);
    let update = SipOutboundTrunkUpdate { name: Some("ghost".to_owned()), ..Default::default() };
    let refused = refusal(sip().update_sip_outbound_trunk(id, update).await);
    assert_eq!(
        (refused.code.as_str(), refused.msg.as_str()),
        ("not_found", "requested sip trunk does not exist")
    );
}

#[tokio::test]
async fn a_trunk_that_breaks_a_rule_is_refused_with_the_rule() {
    let number = || vec!["+15105550100".to_owned()];
    for (address, numbers, headers, text) in [
        ("a.com", vec![], HashMap::new(), "no trunk numbers specified"),
        ("", number(), HashMap::new(), "no outbound address specified"),
        ("sip:a.com", number(), HashMap::new(), "not SIP URI"),
        ("a.com;transport=tcp", number(), HashMap::new(), "transport parameter"),
        ("a.com", number(), one("From", "<sip:evil@a.com>"), "header name From not supported"),
        ("a.com", number(), one("X-A", "b\r\nFrom: <sip:evil@a.com>"), "invalid header value"),
    ] {
        let options = CreateSIPOutboundTrunkOptions { headers: Some(headers), ..Default::default() };
        let made =
            sip().create_sip_outbound_trunk("x".to_owned(), address.to_owned(), numbers, options).await;
        let refused = refusal(made);
        assert_eq!(refused.code, "invalid_argument", "{text}");
        assert!(refused.msg.contains(text), "{} should say: {text}", refused.msg);
    }
}

#[tokio::test]
async fn whoever_has_not_the_key_gets_nothing() {
    let impostor = with_secret("not-the-secret-of-this-key-at-all");
    impostor
        .list_sip_outbound_trunk(ListSIPOutboundTrunkFilter::All)
        .await
        .expect_err("a wrong secret is refused");
}
