//! The keys of every section.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde_yaml_ng::Value;

use super::{
    Config, Keys, Logging, Room, Rtc, Sip, TurnServer,
    section::{Notes, Section, ip, scalar},
    tls, trunks,
};

/// Reads a whole file over the defaults.
pub(super) fn config(value: Value, base: Config, notes: &Notes) -> Config {
    let mut config = base;
    let mut root = Section::new(String::new(), value, notes);
    root.port("port", &mut config.port);
    bind_addresses(&mut root, &mut config);
    keys(&mut root, &mut config.keys);
    if let Some(dir) = root.checked_text("data_dir", "a directory", |_| true) {
        config.data_dir = PathBuf::from(dir);
    }
    root.optional_port("prometheus_port", &mut config.prometheus_port);
    rtc(root.section("rtc"), &mut config.rtc);
    sip(root.section("sip"), &mut config.sip);
    room(root.section("room"), &mut config.room);
    logging(root.section("logging"), &mut config.logging);
    let mut shutdown = root.section("shutdown");
    shutdown.duration("drain", &mut config.shutdown.drain);
    shutdown.finish();
    let mut api = root.section("api");
    api.boolean("hide_passwords", &mut config.api.hide_passwords);
    api.finish();
    let mut limit = root.section("limit");
    limit.size("max_api_request_body_size", &mut config.limit.max_api_request_body_size);
    limit.finish();
    root.finish();
    config
}

fn bind_addresses(root: &mut Section<'_>, config: &mut Config) {
    let Some(list) = root.list("bind_addresses") else { return };
    let mut addresses = Vec::new();
    for (path, value) in list {
        match (ip(&value), value.as_str()) {
            (Some(address), _) => addresses.push(address),
            // livekit-server writes "all addresses" as an empty string
            (None, Some("")) => addresses.push(std::net::Ipv4Addr::UNSPECIFIED.into()),
            _ => root.notes().problem(path, "an IP address", &value),
        }
    }
    if !addresses.is_empty() {
        config.bind_addresses = addresses;
    }
}

fn keys(root: &mut Section<'_>, keys: &mut Keys) {
    let mut read = BTreeMap::new();
    for (path, key, value) in root.entries("keys") {
        match scalar(&value) {
            Some(secret) if !secret.is_empty() => {
                if secret.len() < 32 {
                    let path = path.clone();
                    root.notes()
                        .warn(format!("{path}: the secret is shorter than 32 characters and can be guessed"));
                }
                read.insert(key, secret);
            }
            _ => root.notes().secret_problem(path, "a secret, as text"),
        }
    }
    if !read.is_empty() {
        *keys = Keys::new(read);
    }
}

fn rtc(mut section: Section<'_>, rtc: &mut Rtc) {
    section.count("workers", &mut rtc.workers);
    section.ports("udp_port", &mut rtc.udp_port);
    section.optional_ports("tcp_port", &mut rtc.tcp_port);
    section.optional_address("node_ip", &mut rtc.node_ip);
    section.boolean("use_external_ip", &mut rtc.use_external_ip);
    section.boolean("narrowband_for_phones", &mut rtc.narrowband_for_phones);
    section.boolean("comfort_noise", &mut rtc.comfort_noise);
    section.boolean("opus_when_lossy", &mut rtc.opus_when_lossy);
    if let Some(list) = section.list("stun_servers") {
        rtc.stun_servers =
            list.iter().filter_map(|(path, value)| stun_server(&section, path, value)).collect();
    }
    if let Some(list) = section.list("turn_servers") {
        let notes = section.notes();
        rtc.turn_servers =
            list.into_iter().filter_map(|(path, value)| turn_server(path, value, notes)).collect();
    }
    section.finish();
}

fn stun_server(section: &Section<'_>, path: &str, value: &Value) -> Option<String> {
    let text = value.as_str().filter(|text| !text.is_empty());
    if text.is_none() {
        section.notes().problem(path.to_owned(), "host:port", value);
    }
    text.map(str::to_owned)
}

fn turn_server(path: String, value: Value, notes: &Notes) -> Option<TurnServer> {
    let mut section = Section::new(path.clone(), value, notes);
    let host = section.checked_text("host", "a host name or IP", |host| !host.contains([' ', '/', ':']));
    let mut server = TurnServer {
        host: host.unwrap_or_default(),
        port: 3478,
        protocol: "udp".to_owned(),
        username: String::new(),
        credential: String::new(),
    };
    section.port("port", &mut server.port);
    let protocol =
        section.checked_text("protocol", "udp, tcp or tls", |p| matches!(p, "udp" | "tcp" | "tls"));
    server.protocol = protocol.unwrap_or(server.protocol);
    section.text("username", &mut server.username);
    section.text("credential", &mut server.credential);
    section.finish();
    if server.host.is_empty() {
        notes.secret_problem(format!("{path}.host"), "the host of a TURN server");
        return None;
    }
    Some(server)
}

fn sip(mut section: Section<'_>, sip: &mut Sip) {
    section.port("sip_port", &mut sip.sip_port);
    section.optional_port("sip_port_listen", &mut sip.sip_port_listen);
    section.address("listen_ip", &mut sip.listen_ip);
    section.optional_address("listen_ip_v6", &mut sip.listen_ip_v6);
    let expected = "a host name, which may hold ${IP}";
    if let Some(name) = section.checked_text("sip_hostname", expected, is_hostname) {
        sip.sip_hostname = name;
    }
    section.ports("rtp_port", &mut sip.rtp_port);
    section.optional_address("nat_1_to_1_ip", &mut sip.nat_1_to_1_ip);
    section.optional_address("media_nat_1_to_1_ip", &mut sip.media_nat_1_to_1_ip);
    section.boolean("use_external_ip", &mut sip.use_external_ip);
    section.network("local_net", &mut sip.local_net);
    section.duration("media_timeout", &mut sip.media_timeout);
    section.duration("media_timeout_initial", &mut sip.media_timeout_initial);
    section.boolean("symmetric_rtp", &mut sip.symmetric_rtp);
    section.duration("no_response_timeout", &mut sip.no_response_timeout);
    section.duration("keep_alive", &mut sip.keep_alive);
    section.boolean("early_media", &mut sip.early_media);
    section.boolean("follow_redirects", &mut sip.follow_redirects);
    if let Some(list) = section.list("name_servers") {
        let notes = section.notes();
        sip.name_servers = list.iter().filter_map(|(path, value)| name_server(path, value, notes)).collect();
    }
    tls::read(section.section("tls"), &mut sip.tls);
    sip.trunks = trunks::read(&mut section);
    section.count("max_active_calls", &mut sip.max_active_calls);
    section.share("max_cpu_utilization", &mut sip.max_cpu_utilization);
    codecs(&mut section, sip);
    check_sip(&section, sip);
    section.finish();
}

fn is_hostname(name: &str) -> bool {
    tls::is_host(&name.replace("${IP}", "1-2-3-4")) && name.parse::<IpAddr>().is_err()
}

/// An address, with port 53 where it names none.
fn name_server(path: &str, value: &Value, notes: &Notes) -> Option<SocketAddr> {
    let text = value.as_str().unwrap_or_default();
    let address = text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)));
    if address.is_none() {
        notes.problem(path.to_owned(), "an IP address, with or without a port", value);
    }
    address
}

fn codecs(section: &mut Section<'_>, sip: &mut Sip) {
    for (path, name, value) in section.entries("codecs") {
        let Some(enabled) = value.as_bool() else {
            section.notes().problem(path, "true or false", &value);
            continue;
        };
        let name = name.to_ascii_uppercase();
        let known =
            matches!(name.as_str(), "PCMU/8000" | "PCMA/8000" | "CN/8000" | "G722/8000" | "OPUS/48000");
        if !known && enabled {
            section.notes().warn(format!("{path}: not supported yet, ignored"));
        }
        if known {
            sip.codecs.insert(name, enabled);
        }
    }
}

/// Rules over more than one key.
fn check_sip(section: &Section<'_>, sip: &Sip) {
    if sip.use_external_ip && sip.nat_1_to_1_ip.is_some() {
        let expected = "absent when sip.nat_1_to_1_ip is given";
        section.notes().secret_problem("sip.use_external_ip".to_owned(), expected);
    }
    let other_family = |ip: &IpAddr| ip.is_ipv4() != sip.listen_ip.is_ipv4();
    let announced = [("nat_1_to_1_ip", sip.nat_1_to_1_ip), ("media_nat_1_to_1_ip", sip.media_nat_1_to_1_ip)];
    for (key, _) in announced.into_iter().filter(|(_, ip)| ip.as_ref().is_some_and(other_family)) {
        let expected = "of the same family, IPv4 or IPv6, as sip.listen_ip";
        section.notes().secret_problem(format!("sip.{key}"), expected);
    }
    if sip.listen_ip_v6.is_some_and(|ip| ip.is_ipv4() || sip.listen_ip.is_ipv6()) {
        let expected = "an address of IPv6, beside a sip.listen_ip of IPv4";
        section.notes().secret_problem("sip.listen_ip_v6".to_owned(), expected);
    }
    let waits = [("no_response_timeout", sip.no_response_timeout), ("keep_alive", sip.keep_alive)];
    for (key, _) in waits.into_iter().filter(|(_, wait)| *wait < Duration::from_secs(1)) {
        section.notes().secret_problem(format!("sip.{key}"), "1s or more");
    }
    let is = |name: &str, state| sip.codecs.get(name) == Some(&state);
    let narrow = !is("PCMU/8000", false) || !is("PCMA/8000", false);
    if !narrow && !is("G722/8000", true) && !is("OPUS/48000", true) {
        let expected = "a mapping that leaves a codec on";
        section.notes().secret_problem("sip.codecs".to_owned(), expected);
    }
}

fn room(mut section: Section<'_>, room: &mut Room) {
    section.boolean("auto_create", &mut room.auto_create);
    section.duration("empty_timeout", &mut room.empty_timeout);
    section.duration("departure_timeout", &mut room.departure_timeout);
    section.count("max_participants", &mut room.max_participants);
    section.boolean("enable_remote_unmute", &mut room.enable_remote_unmute);
    section.finish();
}

fn logging(mut section: Section<'_>, logging: &mut Logging) {
    let expected = "trace, debug, info, warn, error, or a filter such as info,trunkline=debug";
    let valid = |level: &str| level.parse::<tracing_subscriber::EnvFilter>().is_ok() && known_level(level);
    logging.level = section.checked_text("level", expected, valid).unwrap_or_else(|| logging.level.clone());
    section.boolean("json", &mut logging.json);
    section.finish();
}

/// A bare word must be a level: as a filter it would name a module that nobody has.
fn known_level(text: &str) -> bool {
    let bare = !text.contains(['=', ',']);
    !bare || matches!(text, "trace" | "debug" | "info" | "warn" | "error" | "off")
}
