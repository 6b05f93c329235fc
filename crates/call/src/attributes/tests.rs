use super::*;
use crate::plan::{IncludeHeaders, Mapping};

const ANSWER: &[(&str, &str)] = &[
    ("Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx"),
    ("X-Tenant", "blue"),
    ("x-tenant", "green"),
    ("Server", "phone"),
    ("X-Twilio-CallSid", "CA1"),
];

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn to_headers(list: &[(&str, &str)]) -> Mapping {
    Mapping { attributes_to_headers: pairs(list).into_iter().collect(), ..Mapping::default() }
}

#[test]
fn without_rules_the_answer_shows_call_id_and_tag_only() {
    let shown = answered_attributes(&Mapping::default(), ANSWER.iter().copied(), "call@x", "tag1");
    assert_eq!(shown, pairs(&[("sip.callIDFull", "call@x"), ("sip.callTag", "tag1")]));
}

#[test]
fn x_headers_are_shown_in_lower_case_and_the_last_value_wins() {
    let rules = Mapping { include_headers: IncludeHeaders::X, ..Mapping::default() };
    let shown = answered_attributes(&rules, ANSWER.iter().copied(), "c", "t");
    assert!(shown.contains(&("sip.h.x-tenant".into(), "green".into())));
    assert!(!shown.iter().any(|(key, _)| key == "sip.h.via"));
}

#[test]
fn all_headers_really_means_all() {
    let rules = Mapping { include_headers: IncludeHeaders::All, ..Mapping::default() };
    let shown = answered_attributes(&rules, ANSWER.iter().copied(), "c", "t");
    assert!(shown.iter().any(|(key, _)| key == "sip.h.via"));
}

#[test]
fn a_mapped_header_takes_its_first_value_whatever_its_case() {
    let headers_to_attributes = pairs(&[("X-TENANT", "tenant")]).into_iter().collect();
    let rules = Mapping { headers_to_attributes, ..Mapping::default() };
    let shown = answered_attributes(&rules, ANSWER.iter().copied(), "c", "t");
    assert_eq!(shown[0], ("tenant".into(), "blue".into()));
}

#[test]
fn carriers_names_for_the_call_are_shown() {
    assert_eq!(provider_attributes(ANSWER.iter().copied()), pairs(&[("sip.twilio.callSid", "CA1")]));
}

#[test]
fn bye_carries_mapped_attributes_and_the_callers_headers_win() {
    let rules = to_headers(&[("outcome", "X-Outcome"), ("agent", "X-Agent"), ("missing", "X-Missing")]);
    let live = |key: &str| match key {
        "outcome" => Some("sold"),
        "agent" => Some("a1"),
        _ => None,
    };
    let headers = headers_for_bye(&rules, live, &pairs(&[("x-agent", "a2")]));
    assert_eq!(headers, pairs(&[("X-Outcome", "sold"), ("x-agent", "a2")]));
}

#[test]
fn an_attribute_with_a_line_break_never_reaches_a_header() {
    let headers = headers_for_bye(&to_headers(&[("a", "X-A")]), |_| Some("1\r\nX-Evil: 2"), &[]);
    assert!(headers.is_empty());
}
