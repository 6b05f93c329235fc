//! Which transports a domain has, best first (RFC 3263 §4.1): its NAPTR records.

use hickory_resolver::proto::rr::rdata::NAPTR;
use sip::Transport;

/// One transport and the name of its SRV records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) transport: Transport,
    pub(super) name: String,
}

/// Those that we speak, in the domain's order; records for other services or with rewriting are passed over.
pub(super) fn services<'a>(records: impl Iterator<Item = &'a NAPTR>) -> Vec<Service> {
    let mut usable: Vec<_> = records.filter_map(|record| Some((record, service(record)?))).collect();
    usable.sort_by_key(|(record, _)| (record.order, record.preference));
    usable.into_iter().map(|(_, service)| service).collect()
}

fn service(record: &NAPTR) -> Option<Service> {
    let known = [("SIPS+D2T", Transport::Tls), ("SIP+D2T", Transport::Tcp), ("SIP+D2U", Transport::Udp)];
    let named = |name: &str| record.services.eq_ignore_ascii_case(name.as_bytes());
    let (_, transport) = known.into_iter().find(|(name, _)| named(name))?;
    let leads_to_srv = record.flags.eq_ignore_ascii_case(b"s") && record.regexp.is_empty();
    leads_to_srv.then(|| Service { transport, name: record.replacement.to_ascii() })
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::rr::Name;

    use super::*;

    fn record(order: u16, preference: u16, flags: &str, services: &str, name: &str) -> NAPTR {
        let (flags, services) = (flags.as_bytes().into(), services.as_bytes().into());
        let name = Name::from_ascii(name).expect("a name");
        NAPTR::new(order, preference, flags, services, Box::default(), name)
    }

    #[test]
    fn the_order_is_the_domains_and_other_services_are_passed_over() {
        let records = [
            record(50, 50, "s", "SIP+D2U", "_sip._udp.test."),
            record(20, 9, "S", "sip+d2t", "_sip._tcp.test."),
            record(20, 5, "s", "SIPS+D2T", "_sips._tcp.test."),
            record(10, 5, "s", "SIP+D2S", "_sip._sctp.test."),
            record(10, 5, "u", "SIP+D2U", "x.test."),
            record(10, 5, "s", "E2U+email", "x.test."),
        ];
        let found: Vec<_> = services(records.iter()).into_iter().map(|s| (s.transport, s.name)).collect();
        let expected = [
            (Transport::Tls, "_sips._tcp.test."),
            (Transport::Tcp, "_sip._tcp.test."),
            (Transport::Udp, "_sip._udp.test."),
        ];
        assert_eq!(found, expected.map(|(transport, name)| (transport, name.to_owned())));
    }
}
