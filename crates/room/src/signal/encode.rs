//! Encoding of `SignalResponse` frames.

use bytes::Bytes;
use livekit_protocol as proto;
use prost::Message;

use proto::signal_response::Message as Response;

/// One binary frame.
pub(crate) fn frame(message: Response) -> Bytes {
    Bytes::from(proto::SignalResponse { message: Some(message) }.encode_to_vec())
}

/// The frame that hands a client its new token.
#[must_use]
pub fn refresh_token(jwt: String) -> Bytes {
    frame(Response::RefreshToken(jwt))
}

/// The frame that tells a client of the room that it was moved to.
#[must_use]
pub fn room_moved(moved: proto::RoomMovedResponse) -> Bytes {
    frame(Response::RoomMoved(moved))
}

/// The first and only frame for a client that wants to resume a session: it shall join anew. The signalling
/// connection is closed after it. (Any other action than RECONNECT would end the client's session for good.)
#[must_use]
pub fn resume_refused() -> Bytes {
    leave(proto::DisconnectReason::StateMismatch, proto::leave_request::Action::Reconnect)
}

/// The frame that ends or restarts a client's session.
pub(crate) fn leave(reason: proto::DisconnectReason, action: proto::leave_request::Action) -> Bytes {
    frame(Response::Leave(proto::LeaveRequest {
        can_reconnect: action != proto::leave_request::Action::Disconnect,
        reason: reason.into(),
        action: action.into(),
        regions: None,
    }))
}
