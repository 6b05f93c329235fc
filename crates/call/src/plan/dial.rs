//! The INVITE's addresses and headers, and where it is sent.

use livekit_protocol::{CreateSipParticipantRequest, sip_named_dest, sip_request_dest};

use super::{
    Dial, NamedUri, NextHop, PlanDefaults, PlanError,
    address::{self, SipUri, Transport},
    line::Line,
};
use crate::rules;

/// Puts the INVITE together.
pub(super) fn dial(
    request: &CreateSipParticipantRequest,
    line: &Line<'_>,
    number: &str,
    defaults: &PlanDefaults,
) -> Result<Dial, PlanError> {
    let default_uri = || SipUri::from_parts(&request.sip_call_to, &with_brackets(line.host), line.transport);
    let request_uri = match request.sip_request_uri.as_ref().and_then(|dest| dest.uri.as_ref()) {
        Some(uri) => requested_uri(uri, line.transport),
        None => default_uri(),
    }
    .map_err(PlanError::RequestUri)?;
    let to = to_uri(request, line, &request_uri)?;
    let from = from(request, line, number, defaults, &defaults.from_host)?;
    let over_ipv6 = defaults.from_host_over_ipv6.as_ref();
    let over_ipv6 = over_ipv6.map(|host| self::from(request, line, number, defaults, host)).transpose()?;
    let headers = line.headers(request);
    let next_hop = match headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("route")) {
        Some((_, route)) => first_route(route)?,
        None => request_uri.next_hop(),
    };
    Ok(Dial {
        request_uri: request_uri.to_string(),
        to: NamedUri { display_name: None, uri: to.to_string() },
        from_over_ipv6: over_ipv6.filter(|other| *other != from),
        from,
        next_hop,
        credentials: line.credentials(),
        headers,
    })
}

fn to_uri(
    request: &CreateSipParticipantRequest,
    line: &Line<'_>,
    request_uri: &SipUri,
) -> Result<SipUri, PlanError> {
    let user = match request.to_user_override.as_str() {
        "" => &request.sip_call_to,
        replaced => replaced,
    };
    let host = with_brackets(line.host);
    if host.is_empty() {
        let mut uri = request_uri.clone();
        uri.user = SipUri::from_parts(user, &uri.host, None).map_err(PlanError::ToHeader)?.user;
        uri.rest.clear();
        return Ok(uri);
    }
    SipUri::from_parts(user, &host, line.transport).map_err(PlanError::ToHeader)
}

fn from(
    request: &CreateSipParticipantRequest,
    line: &Line<'_>,
    number: &str,
    defaults: &PlanDefaults,
    own_host: &str,
) -> Result<NamedUri, PlanError> {
    if let Some(dest) = &request.sip_from_header
        && let Some(uri) = &dest.uri
    {
        let uri = match uri {
            sip_named_dest::Uri::Raw(raw) => SipUri::parse(raw),
            sip_named_dest::Uri::Values(values) => values_uri(values),
        };
        let uri = uri.map_err(PlanError::FromHeader)?.to_string();
        let name = rules::display_name(&dest.display_name)?;
        return Ok(NamedUri { display_name: Some(name).filter(|name| !name.is_empty()), uri });
    }
    let over_tls = defaults.from_host_over_tls.as_ref().filter(|_| line.transport == Some(Transport::Tls));
    let own_host = over_tls.map_or(own_host, String::as_str);
    let host = if line.from_host.is_empty() { own_host } else { line.from_host };
    let number = twilio_number(number, line.host);
    let uri = SipUri::from_parts(&number, &with_brackets(host), line.transport)
        .map_err(PlanError::FromHeader)?
        .to_string();
    let display_name = match &request.display_name {
        None => Some(number),
        Some(name) => Some(rules::display_name(name)?).filter(|name| !name.is_empty()),
    };
    Ok(NamedUri { display_name, uri })
}

/// Twilio wants E.164 with its plus sign.
fn twilio_number(number: &str, host: &str) -> String {
    let name = host.split(':').next().unwrap_or(host);
    let plus = name.ends_with("twilio.com") && !number.starts_with('+');
    if plus { format!("+{number}") } else { number.to_owned() }
}

fn requested_uri(uri: &sip_request_dest::Uri, transport: Option<Transport>) -> Result<SipUri, String> {
    let uri = match uri {
        sip_request_dest::Uri::Raw(raw) => SipUri::parse(raw)?,
        sip_request_dest::Uri::Values(values) => agreeing(values_uri(values)?, transport)?,
    };
    uri.with_transport(transport)
}

/// A raw URI may name any transport, the trunk's counts. Who spells out the parts means what they say.
fn agreeing(uri: SipUri, transport: Option<Transport>) -> Result<SipUri, String> {
    match (uri.transport, transport) {
        (Some(asked), Some(of_trunk)) if asked != of_trunk => {
            let (asked, of_trunk) = (asked.as_str(), of_trunk.as_str());
            Err(format!("its transport should be left open or the trunk's, {of_trunk}, but is {asked}"))
        }
        _ => Ok(uri),
    }
}

fn values_uri(values: &livekit_protocol::SipUri) -> Result<SipUri, String> {
    if values.user.is_empty() {
        return Err("user must be set".to_owned());
    }
    let host = if values.host.is_empty() { with_brackets(&values.ip) } else { values.host.clone() };
    if host.is_empty() {
        return Err("address must be set".to_owned());
    }
    let transport = address::transport(values.transport, "transport").map_err(|error| error.to_string())?;
    let mut uri = SipUri::from_parts(&values.user, &host, transport)?;
    if uri.port.is_some() {
        return Err("host must not contain a port".to_owned());
    }
    let port = u16::try_from(values.port).map_err(|_| "port should be a number up to 65535".to_owned())?;
    uri.port = Some(port).filter(|port| *port != 0);
    Ok(uri)
}

/// The next hop of a preset route set: the first URI of the Route header.
fn first_route(value: &str) -> Result<NextHop, PlanError> {
    let inner =
        value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(value, |(uri, _)| uri);
    let uri = SipUri::parse(inner.split(',').next().unwrap_or(inner));
    let uri = uri.map_err(|flaw| PlanError::Invalid(format!("headers: invalid Route: {flaw}")))?;
    Ok(uri.next_hop())
}

/// An IPv6 address gets the brackets that a URI wants.
fn with_brackets(host: &str) -> String {
    if host.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() }
}
