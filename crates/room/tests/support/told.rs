//! What clients were told over their signalling connections.

use room::proto::signal_response::Message as Response;
use room::{ParticipantId, proto};

use super::World;

impl World {
    /// Signals a client got, as far as `pick` picks them.
    pub(crate) fn signals<T>(&self, id: ParticipantId, pick: impl Fn(&Response) -> Option<T>) -> Vec<T> {
        self.clients[&id].signals.iter().filter_map(pick).collect()
    }

    /// What a client was told to leave with.
    pub(crate) fn leaves(&self, id: ParticipantId) -> Vec<proto::LeaveRequest> {
        self.signals(
            id,
            |signal| if let Response::Leave(leave) = signal { Some(leave.clone()) } else { None },
        )
    }

    /// The updates a client got of a participant.
    pub(crate) fn updates(&self, id: ParticipantId, of: &str) -> Vec<proto::ParticipantInfo> {
        let updates = self.signals(id, |signal| match signal {
            Response::Update(update) => Some(update.participants.clone()),
            _ => None,
        });
        updates.into_iter().flatten().filter(|info| info.identity == of).collect()
    }
}
