use std::{net::IpAddr, time::Duration};

use super::{
    load::{LoadError, load, parse},
    *,
};

const EXAMPLE: &str = include_str!("../../../../trunkline.example.yaml");

fn read(text: &str) -> (Config, Vec<String>, Vec<String>) {
    let (loaded, problems, _) = parse(text, Config::default()).unwrap();
    (loaded.config, loaded.warnings, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn the_example_holds_every_key_with_its_default() {
    let (loaded, problems, absent) = parse(EXAMPLE, Config::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert_eq!((problems, absent), (vec![], vec![]), "every key that can be read is shown");
}

#[test]
fn nothing_at_all_is_a_configuration() {
    for text in ["", "\n", "# only a comment\n", "{}", "rtc:\n"] {
        let (config, warnings, problems) = read(text);
        assert_eq!((config, warnings, problems), (Config::default(), vec![], vec![]), "{text:?}");
    }
}

#[test]
fn every_wrong_value_is_reported_at_once_with_its_path_and_what_would_be_right() {
    let (_, _, problems) = read(
        "port: 99999\nbind_addresses: [127.0.0.1, nowhere]\nkeys: {a: [1]}\nrtc: {udp_port: 9-5, use_external_ip: maybe}\n\
         sip: {rtp_port: all, media_timeout: soon, codecs: {PCMU/8000: 1}, nat_1_to_1_ip: 300.1.1.1, local_net: 10.0.0.0}\n\
         room: 7\nlogging: {level: loud}\nlimit: {max_api_request_body_size: 0}\n",
    );
    assert_eq!(
        problems,
        [
            "port: should be a port, 0 to 65535, not 99999",
            "bind_addresses[1]: should be an IP address, not \"nowhere\"",
            "keys.a: should be a secret, as text",
            "rtc.udp_port: should be a port or a range of ports, 7882-7897, not \"9-5\"",
            "rtc.use_external_ip: should be true or false, not \"maybe\"",
            "sip.rtp_port: should be a port or a range of ports, 7882-7897, not \"all\"",
            "sip.nat_1_to_1_ip: should be an IP address, not \"300.1.1.1\"",
            "sip.local_net: should be a network, 10.0.0.0/8, not \"10.0.0.0\"",
            "sip.media_timeout: should be a duration, 15s or 1m30s, not \"soon\"",
            "sip.codecs.PCMU/8000: should be true or false, not 1",
            "room: should be a mapping of keys to values, not 7",
            "logging.level: should be trace, debug, info, warn, error, or a filter such as info,trunkline=debug, not \"loud\"",
            "limit.max_api_request_body_size: should be a number of bytes, 1 or more, not 0",
        ]
    );
}

#[test]
fn a_livekit_server_file_loads_with_warnings() {
    let (config, warnings, problems) = read(
        "port: 7880\nbind_addresses:\n  - \"\"\nlog_level: info\nrtc:\n  tcp_port: 7881\n  port_range_start: 50000\n  \
         port_range_end: 60000\n  use_external_ip: true\nredis:\n  address: localhost:6379\nkeys:\n  APIkey: \
         0123456789abcdef0123456789abcdef\nroom:\n  auto_create: true\n  empty_timeout: 300\nlogging:\n  json: true\n  \
         level: info\nwebhook:\n  api_key: APIkey\n",
    );
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(config.keys.secret("APIkey"), Some("0123456789abcdef0123456789abcdef"));
    assert!(config.logging.json);
    assert_eq!(config.rtc.tcp_port, Some(PortRange::new(7881, 7881)));
    assert_eq!(
        warnings,
        [
            "rtc.port_range_start: unknown key, ignored",
            "rtc.port_range_end: unknown key, ignored",
            "log_level: unknown key, ignored",
            "redis: unknown key, ignored",
            "webhook: unknown key, ignored",
        ]
    );
}

#[test]
fn ports_and_durations_are_read_in_every_form() {
    let (config, _, problems) = read(
        "prometheus_port: 6789\nrtc: {udp_port: 7000, tcp_port: 0}\nsip: {rtp_port: 10000-20000, media_timeout: 1m30s, \
         media_timeout_initial: 500ms}\nroom: {empty_timeout: 60}\nshutdown: {drain: 1h}\n",
    );
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(config.prometheus_port, Some(6789));
    assert_eq!(config.rtc.udp_port, PortRange::new(7000, 7000));
    assert_eq!(config.rtc.tcp_port, None);
    assert_eq!(config.sip.rtp_port, PortRange::new(10_000, 20_000));
    assert_eq!(config.sip.media_timeout, Duration::from_secs(90));
    assert_eq!(config.sip.media_timeout_initial, Duration::from_millis(500));
    assert_eq!(config.room.empty_timeout, Duration::from_secs(60));
    assert_eq!(config.shutdown.drain, Duration::from_secs(3600));
}

#[test]
fn settings_that_contradict_one_another_are_wrong() {
    let (_, _, problems) = read("sip: {use_external_ip: true, nat_1_to_1_ip: 1.2.3.4}");
    assert_eq!(problems, ["sip.use_external_ip: should be absent when sip.nat_1_to_1_ip is given"]);
    let (_, _, problems) = read("sip: {listen_ip: '::1', nat_1_to_1_ip: 1.2.3.4}");
    assert_eq!(problems, ["sip.nat_1_to_1_ip: should be of the same family, IPv4 or IPv6, as sip.listen_ip"]);
    let (_, _, problems) = read("sip: {codecs: {PCMU/8000: false, PCMA/8000: false}}");
    assert_eq!(problems, ["sip.codecs: should be a mapping that leaves a codec on"]);
}

#[test]
fn what_is_different_for_some_trunks_is_read_with_its_place() {
    let (config, warnings, problems) = read(
        "sip: {name_servers: [10.0.0.53, '[::1]:5353'], tls: {certs: [{cert_file: a.pem, key_file: a.key}, {}], alpn: [sip]}, \
         trunks: [{ids: [ST_1], hosts: [sip.example.com, '::1'], early_media: false, tls: {server_name: inside.example}}]}",
    );
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(warnings, ["sip.tls.certs[1]: only the first certificate is used; ignored"]);
    let servers: Vec<_> = config.sip.name_servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["10.0.0.53:53", "[::1]:5353"]);
    let trunk = &config.sip.trunks[0];
    assert_eq!((trunk.path.as_str(), trunk.ids.len(), trunk.hosts.len()), ("sip.trunks[0]", 1, 2));
    assert_eq!((trunk.early_media, trunk.follow_redirects), (Some(false), None));
    assert_eq!(trunk.tls.server_name.as_deref(), Some("inside.example"));
    assert!(config.sip.tls.usual.certificate.is_some() && trunk.tls.certificate.is_none());
    let (_, _, problems) = read(
        "sip: {name_servers: [dns], no_response_timeout: 0s, trunks: [{early_media: true}, {ids: [abc], hosts: [a b], \
         tls: {cert_file: a.pem}}]}",
    );
    assert_eq!(
        problems,
        [
            "sip.name_servers[0]: should be an IP address, with or without a port, not \"dns\"",
            "sip.trunks[0]: should be a mapping with ids or hosts, which say what trunks it is for",
            "sip.trunks[1].ids[0]: should be the id of a trunk, ST_..., not \"abc\"",
            "sip.trunks[1].hosts[0]: should be a host name or IP, without a port, not \"a b\"",
            "sip.trunks[1].tls.key_file: should be given, too: a certificate and its key belong together",
            "sip.trunks[1]: should be a mapping with ids or hosts, which say what trunks it is for",
            "sip.no_response_timeout: should be 1s or more",
        ]
    );
}

#[test]
fn tls_versions_suites_and_the_servers_name_are_read_as_livekit_sip_has_them() {
    let (config, warnings, problems) = read(
        "sip: {sip_hostname: 'sip-${IP}.example.com', listen_ip_v6: '::1', tls: {min_version: tls1.1, max_version: tls1.2, \
         cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_RSA_WITH_AES_128_CBC_SHA]}}",
    );
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        warnings,
        [
            "sip.tls.min_version: tls1.1 is not spoken; the oldest is tls1.2",
            "sip.tls.cipher_suites: TLS_RSA_WITH_AES_128_CBC_SHA cannot be chosen, or is not spoken; left out",
        ]
    );
    let policy = config.sip.tls.policy;
    assert_eq!((policy.oldest, policy.newest), (None, Some(sip_io::TlsVersion::V1_2)));
    assert_eq!(policy.suites, ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]);
    let (_, _, problems) = read(
        "sip: {sip_hostname: 'a b', listen_ip_v6: 127.0.0.1, tls: {max_version: tls1.2, min_version: ssl3, \
         cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]}}",
    );
    assert_eq!(
        problems,
        [
            "sip.sip_hostname: should be a host name, which may hold ${IP}, not \"a b\"",
            "sip.tls.min_version: should be tls1.2 or tls1.3, not \"ssl3\"",
            "sip.tls.cipher_suites: should be a list with a suite of TLS 1.2 that is spoken",
            "sip.listen_ip_v6: should be an address of IPv6, beside a sip.listen_ip of IPv4",
        ]
    );
}

#[test]
fn a_codec_of_the_incumbent_that_is_not_built_is_warned_about() {
    let (config, warnings, problems) = read("sip: {codecs: {G729/8000: true, PCMA/8000: false}}");
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(warnings, ["sip.codecs.G729/8000: not supported yet, ignored"]);
    assert_eq!(config.sip.codecs.get("PCMA/8000"), Some(&false));
}

#[test]
fn a_server_needs_a_key_unless_it_is_for_development() {
    let Err(LoadError::Wrong(problems)) = load(None, false) else { panic!("no key, and nobody minds") };
    assert!(problems.to_string().contains("keys: should be a mapping of API keys to secrets"), "{problems}");
    let config = load(None, true).unwrap().config;
    assert_eq!(config.keys.secret(DEV_KEY), Some(DEV_SECRET));
    assert_eq!(config.bind_addresses, [IpAddr::from([127, 0, 0, 1])]);
    assert_eq!(config.shutdown.drain, Duration::ZERO);
}

#[test]
fn a_secret_shows_in_no_debug_output_and_in_no_problem() {
    let (config, warnings, problems) =
        read("keys: {APIkey: s3cr3t}\nrtc: {turn_servers: [{host: a, credential: s3cr3t}]}");
    let everything = format!("{config:?} {warnings:?} {problems:?}");
    assert!(!everything.contains("s3cr3t"), "{everything}");
    assert!(everything.contains("APIkey"));
}

proptest::proptest! {
    #[test]
    fn no_file_makes_the_reader_panic(text in "[a-z_]{1,8}: ?[\\[\\]{}a-z0-9:,. -]{0,40}") {
        let _ = parse(&text, Config::default());
    }

    #[test]
    fn no_text_makes_a_value_panic(text: String, likely in "[0-9.:a-zµ/-]{0,20}") {
        for text in [text, likely] {
            let duration = values::duration(&text);
            proptest::prop_assert!(duration.is_none_or(|duration| duration <= Duration::from_secs(366 * 24 * 3600)));
            let _ = PortRange::parse(&text);
            let _ = Network::parse(&text);
        }
    }

    #[test]
    fn a_duration_is_read_as_it_is_written(h in 0u32..1000, m in 0u32..1000, s in 0u32..1000, ms in 0u32..10_000) {
        let expected = Duration::from_millis(u64::from(ms)) + Duration::from_secs((u64::from(h) * 60 + u64::from(m)) * 60 + u64::from(s));
        let read = values::duration(&format!("{h}h{m}m{s}s{ms}ms")).unwrap();
        proptest::prop_assert!(read.abs_diff(expected) < Duration::from_micros(1), "{read:?} {expected:?}");
        proptest::prop_assert_eq!(values::duration(&s.to_string()), Some(Duration::from_secs(s.into())));
    }

    #[test]
    fn a_port_range_is_printed_as_it_is_read(first in 1u16.., last: u16) {
        let read = PortRange::parse(&format!("{first}-{last}"));
        proptest::prop_assert_eq!(read.is_some(), first <= last);
        if let Some(range) = read {
            proptest::prop_assert_eq!((range.first, range.last), (first, last));
            proptest::prop_assert_eq!(PortRange::parse(&range.to_string()), Some(range));
        }
    }

    #[test]
    fn a_network_holds_its_own_addresses(v4: bool, number: u128, bits in 0u8..=128, other: u128) {
        let ip = |number: u128| -> IpAddr {
            if v4 { IpAddr::V4(u32::try_from(number >> 96).unwrap().into()) } else { IpAddr::V6(number.into()) }
        };
        let bits = if v4 { bits.min(32) } else { bits };
        let net = Network::parse(&format!("{}/{bits}", ip(number))).unwrap();
        proptest::prop_assert_eq!(Network::parse(&net.to_string()), Some(net));
        proptest::prop_assert!(net.contains(ip(number)));
        let whole = bits == if v4 { 32 } else { 128 };
        proptest::prop_assert!(whole || net.contains(net.first_host()));
        let same = bits == 0 || (number ^ other) >> (128 - u32::from(bits)) == 0;
        proptest::prop_assert_eq!(net.contains(ip(other)), same);
    }
}
