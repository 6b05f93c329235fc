//! Data packets between participants (LiveKit's `_reliable` and `_lossy` channels).

mod backpressure;
mod outbox;
mod wire;

use std::time::Instant;

use bytes::Bytes;
use livekit_protocol as proto;
use prost::Message;

use crate::ids::ParticipantId;
use crate::lifecycle::Room;
use crate::output::{LocalEvent, Output};
use crate::participant::{Link, Participant};
use crate::peer::Sent;
use wire::{Content, Envelope, Sender};

pub(crate) use outbox::Outbox;

impl Room {
    /// A data packet from a client's channel.
    pub(crate) fn data_from_client(
        &mut self,
        now: Instant,
        from: ParticipantId,
        reliable: bool,
        packet: &[u8],
    ) {
        let Some(envelope) = wire::read(packet) else {
            tracing::debug!("a data packet that is none");
            return;
        };
        let Some(sender) = self.participants.get_mut(&from) else { return };
        if !may_send(sender, &envelope) || (reliable && is_repeated(sender, envelope.sequence)) {
            return;
        }
        if envelope.content == Content::RpcReply && self.rpc_reply(from, packet) {
            return;
        }
        self.route(now, from, reliable, packet, &envelope);
    }

    /// Sends a data packet of a local participant that may send; reliably or not as its `kind` says.
    #[allow(deprecated, reason = "the packet's own kind is how local senders choose the channel")]
    pub fn send_data(&mut self, now: Instant, id: ParticipantId, packet: &proto::DataPacket) {
        let reliable = packet.kind != i32::from(proto::data_packet::Kind::Lossy);
        let bytes = packet.encode_to_vec();
        let Some(envelope) = wire::read(&bytes) else { return };
        if !self.participants.get(&id).is_some_and(|sender| may_send(sender, &envelope)) {
            return;
        }
        if envelope.content != Content::RpcReply || !self.rpc_reply(id, &bytes) {
            self.route(now, id, reliable, &bytes, &envelope);
        }
        self.flush(now);
    }

    /// Sends a data packet of nobody in the room, under the identity it carries.
    pub(crate) fn send_from_server(&mut self, now: Instant, reliable: bool, packet: &proto::DataPacket) {
        let bytes = packet.encode_to_vec();
        if let Some(envelope) = wire::read(&bytes) {
            let sender = Sender { identity: envelope.identity, sid: "", reliable, for_another: false };
            self.deliver(now, None, sender, &bytes, &envelope);
        }
    }

    fn route(
        &mut self,
        now: Instant,
        from: ParticipantId,
        reliable: bool,
        packet: &[u8],
        envelope: &Envelope<'_>,
    ) {
        let Some(sender) = self.participants.get(&from) else { return };
        let for_another = speaks_for_another(sender, envelope);
        let identity = match () {
            () if sender.is_hidden() => String::new(),
            () if for_another => envelope.identity.to_owned(),
            () => sender.identity.clone(),
        };
        let sid = sender.sid.clone();
        let sender = Sender { identity: &identity, sid: &sid, reliable, for_another };
        self.deliver(now, Some(from), sender, packet, envelope);
    }

    /// Sends a packet to whom it is addressed, but not back to where it came from.
    fn deliver(
        &mut self,
        now: Instant,
        from: Option<ParticipantId>,
        sender: Sender<'_>,
        packet: &[u8],
        envelope: &Envelope<'_>,
    ) {
        let Sender { identity, reliable, .. } = sender;
        let out = Bytes::from(wire::rewrite(packet, envelope, sender));
        let mut decoded = None;
        for to in self.everybody() {
            if Some(to) == from {
                continue;
            }
            let Some(recipient) = self.participants.get_mut(&to) else { continue };
            if !is_addressed(recipient, envelope) {
                continue;
            }
            match &mut recipient.link {
                Link::Remote(_) => {
                    let waited = self.data_to_client(now, to, reliable, &out);
                    if let Some(from) = from.filter(|_| waited) {
                        self.note_slow_reader(from, to);
                    }
                }
                Link::Guest(_) => {}
                Link::Local(_) => {
                    let packet = decoded.get_or_insert_with(|| proto::DataPacket::decode(&*out).ok());
                    if let Some(packet) = packet.clone().map(Box::new) {
                        let event = LocalEvent::Data { packet, from: identity.to_owned() };
                        self.out.push_back(Output::Local { to, event });
                    }
                }
            }
        }
    }

    /// Sends a packet, or keeps it until it can be sent; whether it has to wait.
    fn data_to_client(&mut self, now: Instant, to: ParticipantId, reliable: bool, packet: &Bytes) -> bool {
        let Some(remote) = self.remote_mut(to) else { return false };
        let sent = match (reliable, remote.outbox.is_empty()) {
            (true, false) => Sent::NotNow,
            _ => remote.transport.primary().send_data(reliable, packet),
        };
        match sent {
            Sent::Yes => self.touch(to),
            Sent::NotNow if reliable => {
                let first_loss = !remote.outbox.has_lost();
                if !remote.outbox.push(now, packet.clone()) && first_loss {
                    tracing::warn!("a client does not take its data; its reliable packets are dropped");
                }
                return true;
            }
            Sent::NotNow | Sent::Never => {}
        }
        false
    }

    /// A client's channels opened, or have room again.
    pub(crate) fn flush_outbox(&mut self, now: Instant, to: ParticipantId) {
        let Some(remote) = self.remote_mut(to) else { return };
        if !remote.connected {
            remote.outbox.expire(now);
        }
        let is_back = remote.outbox.is_away(now);
        let mut sent = false;
        while let Some(packet) = remote.outbox.front() {
            match remote.transport.primary().send_data(true, packet) {
                Sent::NotNow => break,
                Sent::Yes | Sent::Never => {}
            }
            remote.outbox.pop(now);
            sent = true;
        }
        // Its media was away too, so that a new session interrupts nothing; going on would hide the gap in its data.
        let begins_anew = sent && is_back && remote.outbox.has_lost();
        if begins_anew {
            self.end(now, to, proto::DisconnectReason::StateMismatch, true);
        } else if sent {
            self.touch(to);
        }
    }
}

fn may_send(sender: &Participant, envelope: &Envelope<'_>) -> bool {
    sender.permission.can_publish_data
        && match envelope.content {
            Content::Metrics => false,
            Content::Transcription => is_agent(sender),
            Content::User | Content::RpcReply | Content::Attributable | Content::Other => true,
        }
}

/// Senders number their reliable packets from 1; what comes again after a reconnect was forwarded already.
fn is_repeated(sender: &mut Participant, sequence: u32) -> bool {
    if sequence == 0 {
        return false;
    }
    let repeated = sequence <= sender.last_sequence;
    sender.last_sequence = sender.last_sequence.max(sequence);
    repeated
}

fn is_agent(participant: &Participant) -> bool {
    participant.kind == proto::participant_info::Kind::Agent
}

/// Agents may speak for others in chat and text streams; recipients then see those as the sender.
fn speaks_for_another(sender: &Participant, envelope: &Envelope<'_>) -> bool {
    is_agent(sender)
        && !sender.is_hidden()
        && envelope.content == Content::Attributable
        && !envelope.identity.is_empty()
        && envelope.identity != sender.identity
}

fn is_addressed(recipient: &Participant, envelope: &Envelope<'_>) -> bool {
    let to_all = envelope.destination_identities.is_empty() && envelope.destination_sids.is_empty();
    to_all
        || envelope.destination_identities.contains(&recipient.identity.as_str())
        || envelope.destination_sids.contains(&recipient.sid.as_str())
}
