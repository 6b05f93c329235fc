//! What goes into a [`Call`](super::Call) and what comes out.

use std::collections::HashMap;

use livekit_protocol::{self as proto, DisconnectReason};
use media::sdp::LocalAudio;
use sip::LegEvent;

use crate::bridge::{BridgeCommand, BridgeEvent, BridgeReport};
use crate::error::CallError;
use crate::record::Summary;
use crate::rpc::RpcCall;
use crate::verdict::JoinFailure;

/// Something that happened to a call.
#[derive(Debug)]
pub enum CallInput {
    /// The participant is in the room and its RTP port is bound.
    Joined {
        /// `PA_...`
        participant_sid: String,
        /// What our SDP says: the announced RTP address, the codecs.
        local: LocalAudio,
    },
    /// The participant did not get into the room.
    JoinFailed(JoinFailure),
    /// The INVITE has been handed to the network.
    Dialed,
    /// The INVITE could not even be tried: the target's name or address is of no use.
    Unreachable(crate::verdict::Unreachable),
    /// The SIP leg reports.
    Sip(LegEvent),
    /// The bridge reports.
    Bridge(BridgeEvent),
    /// The bridge is closed; what it measured.
    BridgeClosed(Box<BridgeReport>),
    /// Somebody else has set attributes of the participant; an empty value deletes its key.
    Attributes(HashMap<String, String>),
    /// The participant is no longer in the room.
    Removed(DisconnectReason),
    /// Another participant asks something of the phone.
    Rpc(RpcCall),
    /// Somebody no longer wants the call.
    Abort(Abort),
}

/// Who no longer wants the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abort {
    /// The caller of the API closed its connection while waiting.
    CallerGone,
    /// The server stops taking calls: what nobody has answered yet is not to be answered any more.
    Draining,
    /// The server stops.
    Shutdown,
    /// The worker that carried the call's media is gone.
    WorkerGone,
}

/// Something that a call wants done, in this order.
#[derive(Debug)]
pub enum CallOutput {
    /// Put the participant into the room and bind an RTP port.
    Join,
    /// Send this INVITE.
    Dial(Box<sip::Invite>),
    /// CANCEL or BYE, whichever the dialog is at, with these headers.
    Hangup {
        /// Extra header fields.
        headers: Vec<(String, String)>,
    },
    /// Answer the phone's re-INVITE: with this SDP, or with this status code.
    AnswerReInvite(Result<String, u16>),
    /// For the bridge.
    Bridge(BridgeCommand),
    /// Show these attributes on the participant, in one update.
    Attributes(Vec<(String, String)>),
    /// Send this data packet into the room.
    Data(Box<proto::DataPacket>),
    /// Take the participant out of the room and close the bridge.
    Leave(DisconnectReason),
    /// Answer the caller of the API. Comes exactly once.
    Reply(Result<Box<proto::SipParticipantInfo>, CallError>),
    /// The call is over; nothing follows.
    Ended(Box<Summary>),
}
