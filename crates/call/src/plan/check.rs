//! What can be refused of a request without looking at its trunk.

use ::media::dtmf::DialString;
use livekit_protocol::{CreateSipParticipantRequest, Destination, SipOutboundConfig};

use super::PlanError;
use crate::rules;

/// What can be said without looking at the trunk.
pub(super) fn request(request: &CreateSipParticipantRequest) -> Result<(), PlanError> {
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
    let metadata = &request.participant_metadata;
    rules::length("participant metadata", metadata, rules::MAX_PARTICIPANT_METADATA)?;
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
