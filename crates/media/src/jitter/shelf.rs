//! Packets that wait for their turn: a ring by sequence number that reuses its memory.

/// Packets that can wait: a second and a quarter of 10 ms ones.
pub(super) const SLOTS: usize = 128;

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
    waiting: usize,
    samples: usize,
}

impl Shelf {
    pub(super) fn new() -> Self {
        Self { slots: std::iter::repeat_with(Packet::default).take(SLOTS).collect(), waiting: 0, samples: 0 }
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
