//! The torture messages of RFC 4475, and those of RFC 5118 for IPv6: what a user agent does with each, printed as a table.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use sip::msg::Message;
use sip::{Agent, AgentConfig, Contacts, Flow, Inbound, LegEvent, Limits, Output, Timers, Transport};

/// What a user agent that takes calls does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The message is an INVITE that rings.
    Rings,
    /// It is understood and has this answer.
    Answered(u16),
    /// It is broken and has this answer.
    Refused(u16),
    /// A response that is understood and belongs to nothing here.
    Stray,
    /// Broken and dropped without an answer.
    Dropped,
}

use Verdict::{Answered, Dropped, Refused, Rings, Stray};

/// Name, section, verdict, remark.
const TABLE: &[(&str, &str, Verdict, &str)] = &[
    (
        "wsinv",
        "3.1.1.1",
        Answered(481),
        "folding, white space, compact forms, comma lists; inside a dialog that is not ours",
    ),
    ("intmeth", "3.1.1.2", Answered(501), "every character that a token, URI or quoted string may hold"),
    ("esc01", "3.1.1.3", Rings, "escapes in URIs stay as they are"),
    ("escnull", "3.1.1.4", Answered(405), "escaped NUL"),
    (
        "esc02",
        "3.1.1.5",
        Answered(501),
        "% in tokens is no escape: an unknown method, an unknown header field",
    ),
    ("lwsdisp", "3.1.1.6", Answered(200), "display name right before <"),
    ("longreq", "3.1.1.7", Rings, "long values, 34 Vias"),
    ("dblreq", "3.1.1.8", Answered(405), "what follows the first message is ignored"),
    ("semiuri", "3.1.1.9", Answered(200), "; in a user part"),
    ("transports", "3.1.1.10", Answered(200), "unknown transports in lower Vias"),
    ("mpart01", "3.1.1.11", Answered(405), "binary multipart body"),
    ("unreason", "3.1.1.12", Stray, "UTF-8 in the reason phrase"),
    ("noreason", "3.1.1.13", Stray, "empty reason phrase"),
    ("badinv01", "3.1.2.1", Refused(400), "empty elements in Via"),
    ("clerr", "3.1.2.2", Refused(400), "Content-Length beyond the datagram"),
    ("ncl", "3.1.2.3", Refused(400), "negative Content-Length"),
    ("scalar02", "3.1.2.4", Refused(400), "CSeq and Max-Forwards out of range"),
    ("scalarlg", "3.1.2.5", Dropped, "a response with CSeq out of range"),
    ("quotbal", "3.1.2.6", Refused(400), "open quotation mark in To"),
    ("ltgtruri", "3.1.2.7", Refused(400), "<> around the Request-URI"),
    ("lwsruri", "3.1.2.8", Refused(400), "white space in the Request-URI"),
    ("lwsstart", "3.1.2.9", Refused(400), "two spaces in the request line"),
    ("trws", "3.1.2.10", Refused(400), "white space after the version"),
    ("escruri", "3.1.2.11", Refused(400), "header fields in the Request-URI"),
    ("baddate", "3.1.2.12", Rings, "Date is not GMT; it is never read here (liberal, as the RFC allows)"),
    ("regbadct", "3.1.2.13", Refused(400), "? in a Contact without <>"),
    ("badaspec", "3.1.2.14", Answered(200), "spaces inside <> are passed over (liberal, as the RFC allows)"),
    ("baddn", "3.1.2.15", Refused(400), "comma in an unquoted display name"),
    ("badvers", "3.1.2.16", Refused(505), "SIP/7.0, in the Via too"),
    ("mismatch01", "3.1.2.17", Refused(400), "CSeq names another method"),
    ("mismatch02", "3.1.2.18", Refused(400), "CSeq names another method, the method is unknown"),
    ("bigcode", "3.1.2.19", Dropped, "status code out of range"),
    ("badbranch", "3.2.1", Answered(200), "branch is only the cookie: matched by RFC 2543 rules"),
    ("insuf", "3.3.1", Refused(400), "no From, To, Call-ID"),
    ("unkscm", "3.3.2", Answered(416), "unknown URI scheme"),
    ("novelsc", "3.3.3", Answered(416), "unknown URI scheme"),
    ("unksm2", "3.3.4", Answered(405), "unknown schemes in To, From, Contact"),
    ("bext01", "3.3.5", Answered(420), "Require of an unknown extension"),
    ("invut", "3.3.6", Answered(415), "unknown body type"),
    ("regaut01", "3.3.7", Answered(405), "unknown scheme in Authorization"),
    ("multi01", "3.3.8", Refused(400), "two values where one may stand"),
    ("mcl01", "3.3.9", Refused(400), "two Content-Lengths"),
    ("bcast", "3.3.10", Stray, "a response to somebody else"),
    ("zeromf", "3.3.11", Answered(200), "for the server at the end of the way 0 is fine"),
    ("cparam01", "3.3.12", Answered(405), "unknown Contact parameter"),
    ("cparam02", "3.3.13", Answered(405), "unknown URI parameter"),
    ("regescrt", "3.3.14", Answered(405), "header fields in a Contact's URI"),
    ("sdp01", "3.3.15", Answered(406), "no offer, and no acceptable type for ours"),
    ("inv2543", "3.4.1", Rings, "RFC 2543: no branch, no tag, no Max-Forwards, no Content-Length"),
];

/// The same for RFC 5118.
const IPV6: &[(&str, &str, Verdict, &str)] = &[
    ("ipv6-good", "4.1", Answered(405), "an address in the Request-URI"),
    ("ipv6-bad", "4.2", Refused(400), "an address without its brackets"),
    ("port-ambiguous", "4.3", Answered(405), "what looks like a port is the end of the address"),
    ("port-unambiguous", "4.4", Answered(405), "a port behind the brackets"),
    ("via-received-param-with-delim", "4.5", Answered(481), "received in brackets"),
    ("via-received-param-no-delim", "4.5", Answered(200), "received without"),
    ("ipv6-in-sdp", "4.6", Rings, "addresses in the description"),
    ("mult-ip-in-header", "4.7", Answered(481), "both families in the Vias"),
    ("mult-ip-in-sdp", "4.8", Rings, "both families in the description"),
    ("ipv4-mapped-ipv6", "4.9", Rings, "IPv4 in IPv6"),
    ("ipv6-bug-abnf-3-colons", "4.10", Answered(200), "the colon too many of RFC 3261's grammar"),
    ("ipv6-correct-abnf-2-colons", "4.10", Answered(200), "the same without it"),
];

fn message(folder: &str, name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder).join(format!("{name}.sip"));
    std::fs::read(path).unwrap()
}

fn agent() -> Agent {
    let config = AgentConfig {
        contacts: Contacts::udp_and_tcp("192.0.2.200:5060".parse().unwrap()),
        user_agent: "test/1".into(),
        timers: Timers::default(),
        limits: Limits::default(),
        inbound: Inbound::Offer,
    };
    Agent::new(config, 1)
}

fn verdict(bytes: &[u8]) -> (Verdict, String) {
    let (mut agent, mut verdict) = (agent(), None);
    let flow = Flow {
        transport: Transport::Udp,
        local: "192.0.2.200:5060".parse().unwrap(),
        remote: "192.0.2.201:5060".parse().unwrap(),
    };
    agent.handle_message(Instant::now(), flow, bytes);
    let broken = agent.stats().malformed > 0;
    let mut why = String::new();
    while let Some(output) = agent.poll_output() {
        match output {
            Output::Event { event: LegEvent::Incoming { .. }, .. } => verdict = Some(Rings),
            Output::Transmit(transmit) => {
                // The answer to a broken request may repeat what is broken: only its first line is read.
                let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
                let (start, code) = (text.lines().next().unwrap(), text.get(8..11).unwrap().parse().unwrap());
                why = start[12..].to_owned();
                if code != 100 {
                    verdict = Some(if broken { Refused(code) } else { Answered(code) });
                }
            }
            // Who is said to be behind it is looked up, and this shell has no names to tell.
            Output::Resolve { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    (verdict.unwrap_or(if broken { Dropped } else { Stray }), why)
}

fn judge(rfc: &str, folder: &str, table: &[(&str, &str, Verdict, &str)]) {
    let mut wrong = Vec::new();
    let mut printed = format!("\n{:<30} {rfc:<9} {:<13} remark\n", "message", "verdict");
    for &(name, section, expected, remark) in table {
        let (found, why) = verdict(&message(folder, name));
        let shown = format!("{found:?}");
        let colon = if why.is_empty() { "" } else { ": " };
        printed += &format!("{name:<30} {section:<9} {shown:<13} {remark}{colon}{why}\n");
        if found != expected {
            wrong.push(format!("{name}: {found:?} ({why}), expected {expected:?}"));
        }
    }
    // Straight to the screen: what is printed by macro is kept back where a test passes.
    std::io::stdout().write_all(printed.as_bytes()).unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_torture_message_gets_its_verdict() {
    judge("RFC 4475", "torture", TABLE);
    assert_eq!(TABLE.len(), 49, "RFC 4475 has 49 messages");
}

#[test]
fn every_torture_message_of_ipv6_gets_its_verdict() {
    judge("RFC 5118", "torture_ipv6", IPV6);
    assert_eq!(IPV6.len(), 12, "RFC 5118 has 12 messages");
}

#[test]
fn a_torture_message_that_is_read_prints_as_what_it_was() {
    for (folder, name) in
        TABLE.iter().map(|row| ("torture", row.0)).chain(IPV6.iter().map(|row| ("torture_ipv6", row.0)))
    {
        if let Ok(read) = Message::parse(&message(folder, name)) {
            assert_eq!(Message::parse(&read.encode()).as_ref(), Ok(&read), "{name}");
        }
    }
}

#[test]
fn folded_and_listed_header_fields_come_apart() {
    let read = Message::parse(&message("torture", "wsinv")).unwrap();
    let headers = read.headers();
    let vias: Vec<_> = headers.vias().map(|via| via.unwrap().to_string()).collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
            "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
            "SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239",
        ]
    );
    assert_eq!(headers.from().unwrap().display_name.as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(headers.from_tag().as_deref(), Some("98asjd8"));
    assert_eq!(headers.to_tag().as_deref(), Some("1918181833n"));
    assert_eq!(headers.max_forwards(), Ok(Some(68)));
    assert_eq!(headers.cseq().unwrap().number, 9);
    assert_eq!(headers.get_text("subject"), Some(""));
    let contact = headers.contact().unwrap();
    assert_eq!(contact.display_name.as_deref(), Some("Quoted string \"\""));
    assert_eq!((contact.params.get("newparam"), contact.params.get("q")), (Some("newvalue"), Some("0.33")));
    assert!(headers.routes().unwrap()[0].uri.is_loose_route());
}
