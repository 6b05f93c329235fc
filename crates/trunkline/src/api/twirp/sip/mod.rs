//! `livekit.SIP`: outbound trunks and calls.

mod participants;
pub(crate) mod repetition;
mod trunks;

use axum::response::Response;

use super::{TwirpError, json::sip as message, rpc::Call, unimplemented};

/// What is built.
pub(super) const METHODS: &[&str] = &[
    "CreateSIPOutboundTrunk",
    "UpdateSIPOutboundTrunk",
    "GetSIPOutboundTrunk",
    "ListSIPOutboundTrunk",
    "ListSIPTrunk",
    "DeleteSIPTrunk",
    "CreateSIPParticipant",
];

/// Runs one method.
pub(super) async fn dispatch(method: &str, call: Call) -> Result<Response, TwirpError> {
    let trunk = &message::SIP_OUTBOUND_TRUNK_INFO;
    match method {
        "CreateSIPOutboundTrunk" => {
            call.run(&message::CREATE_SIP_OUTBOUND_TRUNK_REQUEST, trunk, trunks::create).await
        }
        "UpdateSIPOutboundTrunk" => {
            call.run(&message::UPDATE_SIP_OUTBOUND_TRUNK_REQUEST, trunk, trunks::update).await
        }
        "GetSIPOutboundTrunk" => {
            let response = &message::GET_SIP_OUTBOUND_TRUNK_RESPONSE;
            call.run(&message::GET_SIP_OUTBOUND_TRUNK_REQUEST, response, trunks::get).await
        }
        "ListSIPOutboundTrunk" => {
            let response = &message::LIST_SIP_OUTBOUND_TRUNK_RESPONSE;
            call.run(&message::LIST_SIP_OUTBOUND_TRUNK_REQUEST, response, trunks::list).await
        }
        "ListSIPTrunk" => {
            let response = &message::LIST_SIP_TRUNK_RESPONSE;
            call.run(&message::LIST_SIP_TRUNK_REQUEST, response, trunks::list_legacy).await
        }
        "DeleteSIPTrunk" => {
            call.run(&message::DELETE_SIP_TRUNK_REQUEST, &message::SIP_TRUNK_INFO, trunks::delete).await
        }
        "CreateSIPParticipant" => {
            let response = &message::SIP_PARTICIPANT_INFO;
            call.run(&message::CREATE_SIP_PARTICIPANT_REQUEST, response, participants::create).await
        }
        other => unimplemented::refuse("livekit.SIP", other, &call.claims),
    }
}
