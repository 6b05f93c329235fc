//! Changing a participant's name, metadata, attributes and permission.

use std::time::Instant;

use livekit_protocol as proto;

use super::ModerationError;
use crate::ids::ParticipantId;
use crate::lifecycle::Room;
use crate::output::{LocalEvent, Output};
use crate::participant::{Participant, check_limits, merge_attributes};

impl Room {
    /// Changes a participant as a request says: an empty name or metadata stays as it is, attributes are added, an
    /// empty value deletes its key, a permission replaces the whole. Everybody who may know is told; the participant
    /// gets a token with the new values.
    ///
    /// # Errors
    /// When there is no such participant or it is a guest, or a value is too long. Nothing has changed then.
    pub fn update_participant(
        &mut self,
        now: Instant,
        request: &proto::UpdateParticipantRequest,
    ) -> Result<proto::ParticipantInfo, ModerationError> {
        let id = self.known(&request.identity)?;
        if self.participants.get(&id).is_some_and(Participant::is_guest) {
            return Err(ModerationError::Guest);
        }
        let changed = self.update_record(id, request)?;
        if changed {
            self.announce(id);
        }
        let permitted = request.permission.as_ref().is_some_and(|new| self.set_permission(now, id, new));
        if changed || permitted {
            self.refresh_token(id);
        }
        self.flush(now);
        self.participant(&request.identity).ok_or(ModerationError::NoParticipant)
    }

    /// Whether anything was asked to change.
    fn update_record(
        &mut self,
        id: ParticipantId,
        request: &proto::UpdateParticipantRequest,
    ) -> Result<bool, ModerationError> {
        let participant = self.participants.get_mut(&id).ok_or(ModerationError::NoParticipant)?;
        let mut attributes = participant.attributes.clone();
        merge_attributes(&mut attributes, &request.attributes);
        check_limits(&request.name, &request.metadata, &attributes)?;
        participant.attributes = attributes;
        if !request.name.is_empty() {
            participant.name.clone_from(&request.name);
        }
        if !request.metadata.is_empty() {
            participant.metadata.clone_from(&request.metadata);
        }
        if !request.attributes.is_empty() && participant.is_local() {
            let event = LocalEvent::Attributes(request.attributes.clone());
            self.out.push_back(Output::Local { to: id, event });
        }
        let given = [request.name.is_empty(), request.metadata.is_empty(), request.attributes.is_empty()];
        Ok(given.contains(&false))
    }
}
