//! Data that the API sends into a room: from nobody, each message once.

use std::collections::VecDeque;
use std::time::Instant;

use livekit_protocol as proto;

use crate::lifecycle::Room;

/// How many messages are remembered by their nonce (LiveKit: 100).
const REMEMBERED: usize = 100;

/// The nonces of the last messages.
#[derive(Debug, Default)]
pub(crate) struct Nonces(VecDeque<Vec<u8>>);

impl Nonces {
    /// Whether it is new; a message without one always is.
    fn is_new(&mut self, nonce: &[u8]) -> bool {
        if nonce.is_empty() {
            return true;
        }
        if self.0.iter().any(|known| known == nonce) {
            return false;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(nonce.to_vec());
        true
    }
}

impl Room {
    /// Sends a message to everybody, or to those it names. One whose nonce was seen before is dropped.
    #[allow(deprecated, reason = "older callers name sids, older clients read the inner fields")]
    pub fn send_message(&mut self, now: Instant, request: proto::SendDataRequest) {
        if !self.nonces.is_new(&request.nonce) {
            return;
        }
        let reliable = request.kind() == proto::data_packet::Kind::Reliable;
        let user = proto::UserPacket {
            payload: request.data,
            destination_sids: request.destination_sids,
            destination_identities: request.destination_identities.clone(),
            topic: request.topic,
            nonce: request.nonce,
            ..Default::default()
        };
        let packet = proto::DataPacket {
            destination_identities: request.destination_identities,
            value: Some(proto::data_packet::Value::User(user)),
            ..Default::default()
        };
        self.send_from_server(now, reliable, &packet);
        self.flush(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_counts_once_among_the_last_hundred() {
        let mut nonces = Nonces::default();
        assert!(nonces.is_new(b""));
        assert!(nonces.is_new(b""), "none is no nonce");
        assert!(nonces.is_new(b"first"));
        assert!(!nonces.is_new(b"first"));
        for number in 0..REMEMBERED {
            assert!(nonces.is_new(&number.to_be_bytes()));
        }
        assert!(nonces.is_new(b"first"), "forgotten");
        assert_eq!(nonces.0.len(), REMEMBERED);
    }
}
