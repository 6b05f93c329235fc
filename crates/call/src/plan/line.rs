//! The line that a call goes out on: the stored trunk or the inline one.

use std::collections::{BTreeMap, HashMap};

use livekit_protocol::{
    CreateSipParticipantRequest, SipHeaderOptions, SipOutboundConfig, SipOutboundTrunkInfo,
};
use rand::RngCore;

use super::{
    Credentials, IncludeHeaders, Mapping, PlanError,
    address::{self, Transport},
};
use crate::{ids, rules};

/// The stored trunk or the inline one, whichever the call uses. They are not mixed, but for the From host.
pub(super) struct Line<'a> {
    pub(super) host: &'a str,
    pub(super) transport: Option<Transport>,
    username: &'a str,
    password: &'a str,
    numbers: &'a [String],
    pub(super) from_host: &'a str,
    stored: Option<&'a SipOutboundTrunkInfo>,
    inline: Option<&'a SipOutboundConfig>,
}

impl<'a> Line<'a> {
    pub(super) fn of(
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
    pub(super) fn choose_number(
        &self,
        request: &CreateSipParticipantRequest,
        rng: &mut (impl RngCore + ?Sized),
    ) -> Result<String, PlanError> {
        if !request.sip_number.is_empty() {
            rules::length("sip_number", &request.sip_number, rules::MAX_NAME)?;
            return Ok(request.sip_number.clone());
        }
        let usable: Vec<&String> =
            self.numbers.iter().filter(|number| !matches!(number.as_str(), "*" | "")).collect();
        if usable.is_empty() {
            return Err(PlanError::NoNumbers);
        }
        Ok(usable[ids::uniform(usable.len(), rng)].clone())
    }

    pub(super) fn credentials(&self) -> Option<Credentials> {
        let (username, password) = (self.username.to_owned(), self.password.to_owned());
        // Either may be empty where a trunk has it so; both are none at all.
        Some(Credentials { username, password }).filter(|c| !c.username.is_empty() || !c.password.is_empty())
    }

    /// Extra headers: the trunk's, then the request's over them, whatever the spelling of a name.
    pub(super) fn headers(&self, request: &CreateSipParticipantRequest) -> Vec<(String, String)> {
        let mut merged: BTreeMap<String, (String, String)> = BTreeMap::new();
        let trunk = self.stored.map(|trunk| &trunk.headers);
        for (name, value) in trunk.into_iter().chain([&request.headers]).flatten() {
            merged.insert(name.to_ascii_lowercase(), (name.clone(), value.clone()));
        }
        let (route, others): (Vec<_>, Vec<_>) = merged.into_iter().partition(|(key, _)| key == "route");
        route.into_iter().chain(others).map(|(_, header)| header).collect()
    }

    pub(super) fn mapping(&self, request: &CreateSipParticipantRequest) -> Mapping {
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
