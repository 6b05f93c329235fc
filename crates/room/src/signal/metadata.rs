//! A client changes its own name, metadata and attributes.

use livekit_protocol as proto;
use proto::request_response::{Reason, Request};

use crate::ids::ParticipantId;
use crate::lifecycle::Room;
use crate::participant::{check_limits, merge_attributes};

impl Room {
    /// Everybody is told, the client gets a token that holds the new values, then its acknowledgement.
    pub(crate) fn update_own_metadata(
        &mut self,
        from: ParticipantId,
        update: proto::UpdateParticipantMetadata,
    ) {
        let outcome = self.apply_own_metadata(from, &update);
        let (reason, text) = match outcome {
            Ok(()) => {
                self.announce(from);
                self.refresh_token(from);
                (Reason::Ok, String::new())
            }
            Err((reason, text)) => (reason, text),
        };
        self.respond(from, update.request_id, reason, text, Request::UpdateMetadata(update));
    }

    fn apply_own_metadata(
        &mut self,
        from: ParticipantId,
        update: &proto::UpdateParticipantMetadata,
    ) -> Result<(), (Reason, String)> {
        let Some(participant) = self.participants.get_mut(&from) else {
            return Err((Reason::NotFound, "participant not found".to_owned()));
        };
        if !participant.permission.can_update_metadata {
            let text = "does not have permission to update own metadata";
            return Err((Reason::NotAllowed, text.to_owned()));
        }
        let mut attributes = participant.attributes.clone();
        merge_attributes(&mut attributes, &update.attributes);
        check_limits(&update.name, &update.metadata, &attributes)
            .map_err(|error| (Reason::LimitExceeded, error.to_string()))?;
        participant.attributes = attributes;
        if !update.name.is_empty() {
            participant.name.clone_from(&update.name);
        }
        if !update.metadata.is_empty() {
            participant.metadata.clone_from(&update.metadata);
        }
        Ok(())
    }

    /// Sets attributes of a participant; an empty value deletes the key.
    pub fn set_attributes(
        &mut self,
        now: std::time::Instant,
        id: ParticipantId,
        attributes: &[(String, String)],
    ) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let update = attributes.iter().map(|(key, value)| (key, value));
        merge_attributes(&mut participant.attributes, update);
        self.announce(id);
        self.flush(now);
    }
}
