//! From request, trunk and defaults to a plan.

use livekit_protocol::{CreateSipParticipantRequest, SipOutboundTrunkInfo};
use rand::RngCore;

use super::{
    DEFAULT_RINGING_TIMEOUT, MAX_CALL_DURATION, Numbers, Participant, Plan, PlanDefaults, PlanError, check,
    dial::dial, line::Line, media,
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
        check::request(request)?;
        if !request.sip_trunk_id.is_empty() && trunk.is_none() {
            return Err(PlanError::UnknownTrunk);
        }
        let line = Line::of(request, trunk)?;
        let number = line.choose_number(request, rng)?;
        let trunk_media = trunk.map(trunk::media_of).unwrap_or_default();
        let media = media::plan(trunk::request_media(request).as_ref(), trunk_media.as_ref(), defaults)?;
        let max_duration = rules::positive("max_call_duration", request.max_call_duration.as_ref())?
            .map_or(MAX_CALL_DURATION, |asked| asked.min(MAX_CALL_DURATION));
        let ringing_timeout = rules::positive("ringing_timeout", request.ringing_timeout.as_ref())?
            .map_or(DEFAULT_RINGING_TIMEOUT, |asked| asked.min(MAX_CALL_DURATION));
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
            early_media: defaults.early_media,
            voice_isolation: request.krisp_enabled,
            ringing_timeout,
            max_duration,
            wait_until_answered: request.wait_until_answered,
        })
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

#[allow(deprecated, reason = "old clients still send play_ringtone")]
fn wants_dial_tone(request: &CreateSipParticipantRequest) -> bool {
    request.play_dialtone || request.play_ringtone
}
