//! Packets that wait for their turn: a ring by sequence number, and a few payloads whose memory is used in turn.

/// Packets that can wait: a second and a quarter of 10 ms ones.
pub(super) const SLOTS: usize = 128;

/// Payloads whose memory is kept: what waits of a talker on a steady network.
const SPARE: usize = 8;

/// What most packets fit into, in bytes: 20 ms of G.711, or of Opus at 64 kbit/s and more.
const USUAL: usize = 256;

/// A packet and where it belongs. Times are in microseconds since the buffer began, places in samples at 8 kHz.
#[derive(Debug, Default)]
pub(super) struct Packet {
    pub(super) seq: i64,
    pub(super) at: i64,
    pub(super) arrived: i64,
    pub(super) samples: usize,
    pub(super) payload: Vec<u8>,
    present: bool,
}

#[derive(Debug)]
pub(super) struct Shelf {
    slots: Vec<Packet>,
    /// Memory of payloads that were played, for those that come.
    spare: Vec<Vec<u8>>,
    waiting: usize,
    samples: usize,
}

impl Shelf {
    pub(super) fn new() -> Self {
        let slots = std::iter::repeat_with(Packet::default).take(SLOTS).collect();
        Self { slots, spare: Vec::with_capacity(SPARE), waiting: 0, samples: 0 }
    }

    /// Puts a packet away. The ring holds [`SLOTS`] consecutive numbers: what is in the way is older and goes.
    pub(super) fn put(&mut self, seq: i64, at: i64, arrived: i64, samples: usize, payload: &[u8]) {
        let slot = &mut self.slots[index(seq)];
        if slot.present {
            self.samples -= slot.samples;
        } else {
            self.waiting += 1;
        }
        self.samples += samples;
        if slot.payload.capacity() == 0 {
            slot.payload = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(USUAL));
        }
        slot.payload.clear();
        slot.payload.extend_from_slice(payload);
        (slot.seq, slot.at, slot.arrived, slot.samples, slot.present) = (seq, at, arrived, samples, true);
    }

    pub(super) fn get(&self, seq: i64) -> Option<&Packet> {
        let slot = &self.slots[index(seq)];
        (slot.present && slot.seq == seq).then_some(slot)
    }

    /// The waiting packet with the lowest number.
    pub(super) fn first(&self) -> Option<&Packet> {
        if self.waiting == 0 {
            return None;
        }
        self.slots.iter().filter(|slot| slot.present).min_by_key(|slot| slot.seq)
    }

    pub(super) fn remove(&mut self, seq: i64) {
        let slot = &mut self.slots[index(seq)];
        if slot.present && slot.seq == seq {
            slot.present = false;
            self.waiting -= 1;
            self.samples -= slot.samples;
            // A burst's memory is let go of.
            let payload = std::mem::take(&mut slot.payload);
            if self.spare.len() < SPARE {
                self.spare.push(payload);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// How much audio waits, in samples.
    pub(super) fn samples(&self) -> usize {
        self.samples
    }

    pub(super) fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.present = false);
        (self.waiting, self.samples) = (0, 0);
    }
}

fn index(seq: i64) -> usize {
    seq.rem_euclid(SLOTS as i64) as usize
}
