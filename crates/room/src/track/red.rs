//! Redundant audio (RED, RFC 2198): a packet that carries, in front of its own audio, that of earlier packets once more.
//!
//! Clients that negotiated RED get such packets as they came. Others get what is theirs taken out; a participant inside the
//! server also what fills the gap of a packet that got lost.

use std::ops::Range;

use rtp::Payload;

/// Blocks of one packet that are looked at.
const MAX_BLOCKS: usize = 8;
/// The F bit of a block's header: another one follows (RFC 2198 §3).
const MORE: u8 = 0x80;
const HEADER: usize = 4;

/// A packet's audio, and that of earlier ones.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Blocks {
    primary: Range<usize>,
    /// How many blocks of earlier packets there are.
    redundant: usize,
}

impl Blocks {
    /// Reads a payload; `None` if it is no RED.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let (mut redundant, mut length) = (0, 0);
        let mut rest = payload;
        while rest.first()? & MORE != 0 {
            let (header, after) = rest.split_first_chunk::<HEADER>()?;
            length += block(header).1;
            redundant += 1;
            if redundant > MAX_BLOCKS {
                return None;
            }
            rest = after;
        }
        let start = payload.len() - rest.len() + 1 + length;
        (start <= payload.len()).then_some(Self { primary: start..payload.len(), redundant })
    }

    /// The packet's own audio.
    pub(crate) fn primary(&self, payload: &Payload) -> Option<Payload> {
        payload.part(self.primary.clone())
    }

    /// The audio of the packets before this one that are missing: how many packets earlier each was sent, how much older it
    /// is, and what it holds; the oldest first. Each block is taken to be of the packet right before the next block's, as
    /// all senders do (libwebrtc has one block).
    pub(crate) fn before(&self, payload: &Payload, missing: u64) -> Vec<(u64, u32, Payload)> {
        let mut start = self.redundant * HEADER + 1;
        let (headers, _) = payload.as_chunks::<HEADER>();
        let blocks = headers.iter().take(self.redundant).enumerate().filter_map(|(number, header)| {
            let (age, length) = block(header);
            let range = start..start + length;
            start += length;
            let back = (self.redundant - number) as u64;
            let audio = payload.part(range).filter(|_| age > 0 && back <= missing)?;
            Some((back, age, audio))
        });
        blocks.collect()
    }
}

/// What the header of a block of an earlier packet says: how much older it is in the codec's clock, and how long.
fn block(header: &[u8; HEADER]) -> (u32, usize) {
    let word = u32::from_be_bytes(*header);
    ((word >> 10) & 0x3fff, (word & 0x3ff) as usize)
}

/// A packet of Opus, to be sent once more in the next one.
#[derive(Debug, Clone)]
pub(crate) struct Last {
    seq: u64,
    timestamp: u32,
    payload: Payload,
}

impl Last {
    pub(super) fn of(seq: u64, timestamp: u32, payload: &Payload) -> Self {
        Self { seq, timestamp, payload: payload.clone() }
    }

    /// The next packet with this one in front, Opus being `payload_type`; `None` where this is not the one right before it, or does
    /// not fit into a header (RFC 2198 §3).
    pub(super) fn in_front_of(
        &self,
        seq: u64,
        timestamp: u32,
        payload: &[u8],
        payload_type: u8,
    ) -> Option<Payload> {
        let age = timestamp.wrapping_sub(self.timestamp);
        let length = u32::try_from(self.payload.len()).ok()?;
        if self.seq.checked_add(1) != Some(seq) || age >= 1 << 14 || length >= 1 << 10 {
            return None;
        }
        let header = u32::from(MORE | payload_type) << 24 | age << 10 | length;
        Some([&header.to_be_bytes(), [payload_type].as_slice(), &self.payload, payload].concat().into())
    }
}

/// What is missing of a stream, packet by packet.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    /// The highest sequence number so far.
    highest: Option<u64>,
}

impl Gaps {
    /// How many packets right before this one are missing.
    pub(crate) fn before(&mut self, seq: u64) -> u64 {
        let missing = self.highest.map_or(0, |highest| seq.saturating_sub(highest).saturating_sub(1));
        self.highest = Some(self.highest.map_or(seq, |highest| highest.max(seq)));
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two earlier blocks of 3 and 2 bytes, and the packet's own.
    const PACKET: [u8; 18] =
        [0xef, 0x1e, 0x00, 0x03, 0xef, 0x0f, 0x00, 0x02, 0x6f, 1, 1, 1, 2, 2, 3, 3, 3, 3];

    #[test]
    fn a_packet_with_the_one_before_it_in_front_is_read_as_both() {
        let (first, second) = (Payload::from(vec![1; 60]), Payload::from(vec![2; 50]));
        let last = Last::of(7, u32::MAX - 100, &first);
        let joined = last.in_front_of(8, 859, &second, 111).unwrap();
        let blocks = Blocks::read(&joined).unwrap();
        assert_eq!(blocks.primary(&joined), Some(second.clone()));
        assert_eq!(blocks.before(&joined, 1), [(1, 960, first)]);
        assert_eq!(last.in_front_of(9, 1819, &second, 111), None, "it is not the one before");
        assert_eq!(last.in_front_of(8, 20_000, &second, 111), None, "a pause lies between them");
        assert_eq!(Last::of(7, 0, &vec![0; 1024].into()).in_front_of(8, 960, &second, 111), None);
    }

    #[test]
    fn blocks_are_taken_apart() {
        let (packet, blocks) = (Payload::from(PACKET.as_slice()), Blocks::read(&PACKET).unwrap());
        assert_eq!(blocks.primary(&packet).as_deref(), Some([3; 4].as_slice()));
        let before = |missing| -> Vec<(u64, u32, Vec<u8>)> {
            let found = blocks.before(&packet, missing).into_iter();
            found.map(|(back, age, audio)| (back, age, audio.to_vec())).collect()
        };
        assert!(before(0).is_empty());
        assert_eq!(before(1), vec![(1, 960, vec![2; 2])]);
        assert_eq!(before(9), vec![(2, 1920, vec![1; 3]), (1, 960, vec![2; 2])]);
    }

    #[test]
    fn a_packet_without_redundancy_has_its_own_audio_only() {
        let packet = Payload::from(vec![0x6f, 9, 9]);
        assert_eq!(Blocks::read(&packet).unwrap().primary(&packet).as_deref(), Some([9, 9].as_slice()));
        assert_eq!(Blocks::read(&[]), None);
        assert_eq!(Blocks::read(&PACKET[..10]), None, "cut off");
    }

    #[test]
    fn gaps_are_counted_once_and_late_packets_open_none() {
        let mut gaps = Gaps::default();
        assert_eq!([10, 11, 14, 13, 15].map(|seq| gaps.before(seq)), [0, 0, 2, 0, 0]);
    }

    proptest! {
        #[test]
        fn no_payload_makes_it_panic(payload in proptest::collection::vec(any::<u8>(), 0..60), missing in 0u64..9) {
            let payload = Payload::from(payload);
            if let Some(blocks) = Blocks::read(&payload) {
                let _ = (blocks.primary(&payload), blocks.before(&payload, missing));
            }
        }
    }
}
