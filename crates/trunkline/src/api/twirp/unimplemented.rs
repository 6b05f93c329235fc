//! Methods that LiveKit has and trunkline has not: known by name, refused in words.

use axum::response::Response;
use call::ErrorCode;
use room::grants::Claims;

use super::{TwirpError, require_token};

/// The methods of a service that are not built.
pub(super) fn methods(service: &str) -> &'static [&'static str] {
    match service {
        "livekit.SIP" => &[
            "CreateSIPInboundTrunk",
            "UpdateSIPInboundTrunk",
            "GetSIPInboundTrunk",
            "ListSIPInboundTrunk",
            "CreateSIPDispatchRule",
            "UpdateSIPDispatchRule",
            "ListSIPDispatchRule",
            "DeleteSIPDispatchRule",
            "TransferSIPParticipant",
        ],
        "livekit.Egress" => &[
            "StartEgress",
            "StartRoomCompositeEgress",
            "StartWebEgress",
            "StartParticipantEgress",
            "StartTrackCompositeEgress",
            "StartTrackEgress",
            "UpdateEgress",
            "UpdateLayout",
            "UpdateStream",
            "ListEgress",
            "StopEgress",
        ],
        "livekit.Ingress" => &["CreateIngress", "UpdateIngress", "ListIngress", "DeleteIngress"],
        "livekit.AgentDispatchService" => &["CreateDispatch", "DeleteDispatch", "ListDispatch"],
        _ => &[],
    }
}

/// Refuses a method that is not built.
pub(super) fn refuse(service: &str, method: &str, claims: &Option<Claims>) -> Result<Response, TwirpError> {
    require_token(claims)?;
    let text = format!("unimplemented: {service}/{method} is not part of trunkline yet");
    Err(TwirpError::new(ErrorCode::Unimplemented, text))
}
