//! From request, trunk and defaults to a plan.

use std::collections::{BTreeMap, HashMap};

use ::media::dtmf::DialString;
use livekit_protocol::{
    CreateSipParticipantRequest, Destination, SipHeaderOptions, SipOutboundConfig, SipOutboundTrunkInfo,
    sip_named_dest, sip_request_dest,
};
use rand::RngCore;

use super::{
    Credentials, DEFAULT_RINGING_TIMEOUT, Dial, IncludeHeaders, MAX_CALL_DURATION, Mapping, NamedUri,
    Numbers, Participant, Plan, PlanDefaults, PlanError,
    address::{self, SipUri, Transport},
    media,
};
use crate::{ids, rules, trunk};

impl Plan {
    /// Validates `request` and merges it with `trunk`, the stored trunk that its `sip_trunk_id` names.
    ///
    /// # Errors
    /// Says what the request should hold instead; see [`PlanError`].
    pub fn new(
        request: &CreateSipParticipantRequest,
        trunk: Option<&SipOutboundTrunkInfo>,
        defaults: &PlanDefaults,
        rng: &mut (impl RngCore + ?Sized),
    ) -> Result<Self, PlanError> {
        check_request(request)?;
        if !request.sip_trunk_id.is_empty() && trunk.is_none() {
            return Err(PlanError::UnknownTrunk);
        }
        let line = Line::of(request, trunk)?;
        let number = line.choose_number(request, rng)?;
        let trunk_media = trunk.map(trunk::media_of).unwrap_or_default();
        let media = media::plan(trunk::request_media(request).as_ref(), trunk_media.as_ref(), defaults)?;
        Ok(Self {
            call_id: ids::generate(ids::CALL, rng),
            trunk_id: request.sip_trunk_id.clone(),
            room_name: request.room_name.clone(),
            participant: participant(request, rng),
            dial: dial(request, &line, &number, defaults)?,
            numbers: Numbers {
                called: request.sip_call_to.clone(),
                caller: number,
                hostname: line.host.to_owned(),
                hidden: request.hide_phone_number,
            },
            mapping: line.mapping(request),
            media,
            dtmf: Some(request.dtmf.clone()).filter(|digits| !digits.is_empty()),
            dial_tone: wants_dial_tone(request),
            voice_isolation: request.krisp_enabled,
            ringing_timeout: positive(request.ringing_timeout.as_ref()).unwrap_or(DEFAULT_RINGING_TIMEOUT),
            max_duration: positive(request.max_call_duration.as_ref())
                .filter(|limit| *limit <= MAX_CALL_DURATION)
                .unwrap_or(MAX_CALL_DURATION),
            wait_until_answered: request.wait_until_answered,
        })
    }
}

/// What can be said without looking at the trunk.
fn check_request(request: &CreateSipParticipantRequest) -> Result<(), PlanError> {
    let has_line =
        !request.sip_trunk_id.is_empty() || request.trunk.is_some() || !request.sip_number.is_empty();
    if !has_line {
        return Err(PlanError::MissingTrunk);
    }
    if let Some(trunk) = &request.trunk {
        check_inline_trunk(trunk)?;
    }
    check_callee(&request.sip_call_to)?;
    if request.room_name.is_empty() {
        return Err(PlanError::MissingRoom);
    }
    rules::length("room name", &request.room_name, rules::MAX_NAME)?;
    rules::header_map(&request.headers)?;
    check_participant(request)?;
    if !request.to_user_override.is_empty() {
        rules::user_override("to_user_override", &request.to_user_override)?;
    }
    check_dtmf(&request.dtmf)?;
    request.destination.as_ref().map_or(Ok(()), check_destination)?;
    if request.sip_to_header.is_some() {
        return Err(PlanError::ToHeader("cannot use both CallTo and SipToHeader".to_owned()));
    }
    Ok(())
}

fn check_inline_trunk(trunk: &SipOutboundConfig) -> Result<(), PlanError> {
    if trunk.hostname.is_empty() {
        return Err(PlanError::Invalid("no outbound hostname specified".to_owned()));
    }
    rules::host("trunk hostname", &trunk.hostname)?;
    rules::host("from_host", &trunk.from_host)?;
    rules::header_names(trunk.headers_to_attributes.keys())?;
    rules::header_names(trunk.attributes_to_headers.values())?;
    Ok(())
}

fn check_callee(callee: &str) -> Result<(), PlanError> {
    if callee.is_empty() {
        return Err(PlanError::MissingCallee);
    }
    if callee.contains('@') {
        return Err(PlanError::CalleeIsUri);
    }
    rules::length("sip_call_to", callee, rules::MAX_NAME)?;
    Ok(())
}

fn check_participant(request: &CreateSipParticipantRequest) -> Result<(), PlanError> {
    rules::length("participant identity", &request.participant_identity, rules::MAX_NAME)?;
    rules::length("participant name", &request.participant_name, rules::MAX_NAME)?;
    rules::length("participant metadata", &request.participant_metadata, rules::MAX_METADATA)?;
    let attributes: usize = request.participant_attributes.iter().map(|(k, v)| k.len() + v.len()).sum();
    if attributes > rules::MAX_METADATA {
        let limit = rules::MAX_METADATA;
        return Err(PlanError::Invalid(format!("participant attributes exceed limits: max length {limit}")));
    }
    Ok(())
}

/// What cannot be sent is refused: silence in its place would be a wrong extension.
fn check_dtmf(digits: &str) -> Result<(), PlanError> {
    DialString::parse(digits).map_err(|error| PlanError::Invalid(format!("dtmf: {error}")))?;
    Ok(())
}

fn check_destination(destination: &Destination) -> Result<(), PlanError> {
    if !destination.city.is_empty() && destination.country.is_empty() && destination.region.is_empty() {
        return Err(PlanError::Invalid("destination: city needs a country or a region".to_owned()));
    }
    if !destination.country.is_empty() {
        rules::country("destination: country", &destination.country)?;
    }
    Ok(())
}

/// The stored trunk or the inline one, whichever the call uses. They are not mixed, but for the From host.
struct Line<'a> {
    host: &'a str,
    transport: Option<Transport>,
    username: &'a str,
    password: &'a str,
    numbers: &'a [String],
    from_host: &'a str,
    stored: Option<&'a SipOutboundTrunkInfo>,
    inline: Option<&'a SipOutboundConfig>,
}

impl<'a> Line<'a> {
    fn of(
        request: &'a CreateSipParticipantRequest,
        stored: Option<&'a SipOutboundTrunkInfo>,
    ) -> Result<Self, PlanError> {
        let inline = request.trunk.as_ref();
        let inline_from = inline.map_or("", |trunk| trunk.from_host.as_str());
        let line = match (stored, inline) {
            (Some(trunk), _) => Self {
                host: &trunk.address,
                transport: address::transport(trunk.transport, "trunk transport")?,
                username: &trunk.auth_username,
                password: &trunk.auth_password,
                numbers: &trunk.numbers,
                from_host: if trunk.from_host.is_empty() { inline_from } else { &trunk.from_host },
                stored,
                inline: None,
            },
            (None, Some(trunk)) => Self {
                host: &trunk.hostname,
                transport: address::transport(trunk.transport, "trunk.transport")?,
                username: &trunk.auth_username,
                password: &trunk.auth_password,
                numbers: &[],
                from_host: &trunk.from_host,
                stored: None,
                inline,
            },
            (None, None) => Self {
                host: "",
                transport: None,
                username: "",
                password: "",
                numbers: &[],
                from_host: "",
                stored: None,
                inline: None,
            },
        };
        Ok(line)
    }

    /// The caller's number: the request's, else a random one of the trunk. `*` allows any number and is none.
    fn choose_number(
        &self,
        request: &CreateSipParticipantRequest,
        rng: &mut (impl RngCore + ?Sized),
    ) -> Result<String, PlanError> {
        if !request.sip_number.is_empty() {
            rules::length("sip_number", &request.sip_number, rules::MAX_NAME)?;
            return Ok(request.sip_number.clone());
        }
        let usable: Vec<&String> = self.numbers.iter().filter(|number| *number != "*").collect();
        if usable.is_empty() {
            return Err(PlanError::NoNumbers);
        }
        Ok(usable[ids::uniform(usable.len(), rng)].clone())
    }

    fn credentials(&self) -> Option<Credentials> {
        let (username, password) = (self.username.to_owned(), self.password.to_owned());
        Some(Credentials { username, password }).filter(|c| !c.username.is_empty())
    }

    /// Extra headers: the trunk's, then the request's over them, whatever the spelling of a name.
    fn headers(&self, request: &CreateSipParticipantRequest) -> Vec<(String, String)> {
        let mut merged: BTreeMap<String, (String, String)> = BTreeMap::new();
        let trunk = self.stored.map(|trunk| &trunk.headers);
        for (name, value) in trunk.into_iter().chain([&request.headers]).flatten() {
            merged.insert(name.to_ascii_lowercase(), (name.clone(), value.clone()));
        }
        let (route, others): (Vec<_>, Vec<_>) = merged.into_iter().partition(|(key, _)| key == "route");
        route.into_iter().chain(others).map(|(_, header)| header).collect()
    }

    fn mapping(&self, request: &CreateSipParticipantRequest) -> Mapping {
        let sorted = |map: &HashMap<String, String>| map.clone().into_iter().collect::<BTreeMap<_, _>>();
        let of = |stored: Option<&HashMap<String, String>>, inline: Option<&HashMap<String, String>>| {
            stored.or(inline).map(sorted).unwrap_or_default()
        };
        Mapping {
            include_headers: include_headers(request, self.stored),
            headers_to_attributes: of(
                self.stored.map(|t| &t.headers_to_attributes),
                self.inline.map(|t| &t.headers_to_attributes),
            ),
            attributes_to_headers: of(
                self.stored.map(|t| &t.attributes_to_headers),
                self.inline.map(|t| &t.attributes_to_headers),
            ),
        }
    }
}

fn include_headers(
    request: &CreateSipParticipantRequest,
    trunk: Option<&SipOutboundTrunkInfo>,
) -> IncludeHeaders {
    let asked = match request.include_headers() {
        SipHeaderOptions::SipNoHeaders => {
            trunk.map_or(SipHeaderOptions::SipNoHeaders, |t| t.include_headers())
        }
        other => other,
    };
    match asked {
        SipHeaderOptions::SipNoHeaders => IncludeHeaders::None,
        SipHeaderOptions::SipXHeaders => IncludeHeaders::X,
        SipHeaderOptions::SipAllHeaders => IncludeHeaders::All,
    }
}

fn participant(request: &CreateSipParticipantRequest, rng: &mut (impl RngCore + ?Sized)) -> Participant {
    let identity = match request.participant_identity.as_str() {
        // A hidden number must not show in the identity either.
        "" if request.hide_phone_number => ids::generate("sip_", rng),
        "" => format!("sip_{}", request.sip_call_to),
        given => given.to_owned(),
    };
    Participant {
        identity,
        name: request.participant_name.clone(),
        metadata: request.participant_metadata.clone(),
        attributes: request.participant_attributes.clone().into_iter().collect(),
    }
}

fn dial(
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
    let from = from(request, line, number, defaults)?;
    let headers = line.headers(request);
    let next_hop = match headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("route")) {
        Some((_, route)) => first_route(route)?,
        None => request_uri.next_hop(),
    };
    Ok(Dial {
        request_uri: request_uri.to_string(),
        to: NamedUri { display_name: None, uri: to.to_string() },
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
    let host = if line.from_host.is_empty() { &defaults.from_host } else { line.from_host };
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
        sip_request_dest::Uri::Values(values) => values_uri(values)?,
    };
    Ok(uri.with_transport(transport))
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
fn first_route(value: &str) -> Result<super::NextHop, PlanError> {
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

#[allow(deprecated, reason = "old clients still send play_ringtone")]
fn wants_dial_tone(request: &CreateSipParticipantRequest) -> bool {
    request.play_dialtone || request.play_ringtone
}

fn positive(value: Option<&pbjson_types::Duration>) -> Option<std::time::Duration> {
    value.map(rules::duration).filter(|duration| !duration.is_zero())
}
