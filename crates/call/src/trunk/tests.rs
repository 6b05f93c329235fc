use livekit_protocol::{
    ListUpdate, SipMediaConfig, SipMediaEncryption, SipOutboundTrunkInfo, SipOutboundTrunkUpdate,
    UpdateSipOutboundTrunkRequest, update_sip_outbound_trunk_request::Action,
};

use super::*;

fn trunk() -> SipOutboundTrunkInfo {
    SipOutboundTrunkInfo {
        address: "sip.example.com".into(),
        numbers: vec!["+1".into(), "+2".into()],
        ..Default::default()
    }
}

type Change = fn(&mut SipOutboundTrunkInfo);

#[test]
fn a_wrong_trunk_is_refused_with_the_text_that_clients_know() {
    let cases: &[(Change, &str)] = &[
        (|t| t.sip_trunk_id = "ST_x".into(), "trunk id must not be set"),
        (|t| t.numbers.clear(), "no trunk numbers specified"),
        (|t| t.address.clear(), "no outbound address specified"),
        (|t| t.address = "sip:1.2.3.4".into(), "trunk address should be a hostname or IP, not SIP URI"),
        (|t| t.address = "user@host".into(), "trunk address should be a hostname or IP, not SIP URI"),
        (|t| t.address = "host;lr".into(), "trunk address should be a hostname or IP, not SIP URI"),
        (|t| t.address = "host;transport=tcp".into(), "trunk address should not contain transport parameter"),
        (
            |t| t.address = "host:notaport".into(),
            "trunk address should be a hostname or IP, with or without a port: its port should be a number up to 65535",
        ),
        (
            |t| t.address = "a host".into(),
            "trunk address should be a hostname or IP, with or without a port: its host is not a host name or IP",
        ),
        (|t| t.numbers.push(String::new()), "numbers: values must not be empty"),
        (|t| t.transport = 9, "transport: unknown transport 9"),
        (|t| t.from_host = "sips:x".into(), "from_host should be a hostname or IP, not SIP URI"),
        (
            |t| drop(t.headers.insert("CSeq".into(), "1".into())),
            "invalid header name: header name CSeq not supported",
        ),
        (
            |t| drop(t.headers_to_attributes.insert("X A".into(), "a".into())),
            "invalid header name: header name \"X A\" holds characters that are not allowed",
        ),
        (
            |t| drop(t.attributes_to_headers.insert("a".into(), String::new())),
            "invalid header name: header name must not be empty",
        ),
    ];
    for (change, text) in cases {
        let mut trunk = trunk();
        change(&mut trunk);
        let error = validate_new(Some(&trunk)).expect_err(text);
        assert_eq!((error.code(), error.to_string().as_str()), (ErrorCode::InvalidArgument, *text));
    }
    assert_eq!(validate_new(None).unwrap_err().to_string(), "missing trunk");
}

#[test]
fn hosts_with_ports_and_addresses_of_both_families_are_fine() {
    for address in
        ["sip.example.com", "sip.example.com:5080", "10.0.0.1", "10.0.0.1:5061", "::1", "[::1]:5060"]
    {
        let trunk = SipOutboundTrunkInfo { address: address.into(), ..trunk() };
        validate(&trunk).expect(address);
    }
}

#[test]
fn routing_and_identity_headers_may_be_set() {
    let mut trunk = trunk();
    for name in ["Route", "P-Asserted-Identity", "User-Agent", "Diversion", "X-Any"] {
        trunk.headers.insert(name.into(), "value".into());
    }
    validate(&trunk).unwrap();
}

fn update(update: SipOutboundTrunkUpdate) -> Result<SipOutboundTrunkInfo, TrunkError> {
    let stored = SipOutboundTrunkInfo { sip_trunk_id: "ST_1".into(), ..trunk() };
    let request =
        UpdateSipOutboundTrunkRequest { sip_trunk_id: "ST_1".into(), action: Some(Action::Update(update)) };
    apply_update(&stored, &request)
}

fn numbers(list: ListUpdate) -> Result<Vec<String>, String> {
    let update = update(SipOutboundTrunkUpdate { numbers: Some(list), ..Default::default() });
    update.map(|trunk| trunk.numbers).map_err(|error| error.to_string())
}

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

#[test]
fn a_list_is_set_added_to_and_removed_from() {
    assert_eq!(numbers(ListUpdate { set: list(&["+9"]), ..Default::default() }).unwrap(), ["+9"]);
    let both = ListUpdate { add: list(&["+1", "+3"]), remove: list(&["+2"]), ..Default::default() };
    assert_eq!(numbers(both).unwrap(), ["+1", "+3"]);
    let moved = ListUpdate { add: list(&["+1"]), remove: list(&["+1"]), ..Default::default() };
    assert_eq!(numbers(moved).unwrap(), ["+2", "+1"], "removed before it is added");
}

#[test]
fn a_change_of_a_list_must_be_one() {
    let cases = [
        (ListUpdate::default(), "numbers: list update must be set"),
        (
            ListUpdate { clear: true, add: list(&["+1"]), ..Default::default() },
            "numbers: clear cannot be combined with other changes",
        ),
        (
            ListUpdate { set: list(&["+1"]), remove: list(&["+1"]), ..Default::default() },
            "numbers: set cannot be combined with add or remove",
        ),
        (ListUpdate { add: list(&[""]), ..Default::default() }, "numbers: values must not be empty"),
        (ListUpdate { clear: true, ..Default::default() }, "no trunk numbers specified"),
    ];
    for (change, text) in cases {
        assert_eq!(numbers(change).unwrap_err(), text);
    }
}

#[test]
fn fields_that_an_update_does_not_name_stay() {
    let updated = update(SipOutboundTrunkUpdate { name: Some("new".into()), ..Default::default() }).unwrap();
    let expected = SipOutboundTrunkInfo { sip_trunk_id: "ST_1".into(), name: "new".into(), ..trunk() };
    assert_eq!(updated, expected);
}

#[test]
fn a_replacement_keeps_the_id_and_the_time_of_creation() {
    let created = Some(pbjson_types::Timestamp { seconds: 1, nanos: 2 });
    let stored = SipOutboundTrunkInfo { sip_trunk_id: "ST_1".into(), created_at: created, ..trunk() };
    let replace = |replacement| UpdateSipOutboundTrunkRequest {
        sip_trunk_id: "ST_1".into(),
        action: Some(Action::Replace(replacement)),
    };
    let replacement = SipOutboundTrunkInfo { address: "other.example.com".into(), ..trunk() };
    let updated = apply_update(&stored, &replace(replacement.clone())).unwrap();
    assert_eq!(updated.sip_trunk_id, "ST_1");
    assert_eq!((updated.created_at, updated.address.as_str()), (created, "other.example.com"));
    let other = SipOutboundTrunkInfo { sip_trunk_id: "ST_2".into(), ..replacement };
    assert_eq!(apply_update(&stored, &replace(other)), Err(TrunkError::IdMismatch));
}

#[test]
#[allow(deprecated, reason = "it is what the test is about")]
fn the_old_and_the_new_place_of_encryption_agree() {
    let allow = i32::from(SipMediaEncryption::SipMediaEncryptAllow);
    let old = update(SipOutboundTrunkUpdate { media_encryption: Some(allow), ..Default::default() }).unwrap();
    assert_eq!(shown(old).media.unwrap().encryption, Some(allow));
    let media = SipMediaConfig { encryption: Some(allow), ..Default::default() };
    let new = update(SipOutboundTrunkUpdate { media: Some(media), ..Default::default() }).unwrap();
    assert_eq!(new.media_encryption, allow);
}

#[test]
fn an_update_without_an_action_is_refused_before_anything_is_looked_up() {
    let request = UpdateSipOutboundTrunkRequest::default();
    assert_eq!(validate_request(&request), Err(TrunkError::IdMissing));
    let request = UpdateSipOutboundTrunkRequest { sip_trunk_id: "ST_1".into(), action: None };
    assert_eq!(validate_request(&request), Err(TrunkError::NoAction));
}
