//! Hosts, with or without a port, as trunks and SIP addresses name them.

/// What is wrong with a URI, for the text of an error.
pub(crate) type Flaw = String;

/// Splits `host`, `host:port` or `[v6]:port`; the host keeps its brackets.
pub(crate) fn split_host_port(text: &str) -> Result<(String, Option<u16>), Flaw> {
    let (host, port) = match text.rfind(']') {
        Some(end) => (&text[..=end], text[end + 1..].strip_prefix(':')),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map(parse_port).transpose()?;
    if is_host(host) {
        Ok((host.to_owned(), port))
    } else {
        Err("its host is not a host name or IP".to_owned())
    }
}

fn parse_port(text: &str) -> Result<u16, Flaw> {
    let port: u16 = text.parse().map_err(|_| "its port should be a number up to 65535".to_owned())?;
    if port == 0 { Err("its port should not be 0".to_owned()) } else { Ok(port) }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.len() <= 255
                && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        }
    }
}

/// Checks a host that may carry a port; an IPv6 address may go without brackets.
pub(super) fn check_host(value: &str) -> Result<(), Flaw> {
    if value.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok(());
    }
    split_host_port(value).map(drop)
}
