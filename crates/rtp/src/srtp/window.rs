//! Which packets have come already (RFC 3711 §3.3.2).

/// Packets that are remembered: 2.5 s of audio, more than any network reorders.
const SIZE: u64 = 128;

/// The highest packet index seen, and which of those before it were.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    highest: Option<u64>,
    /// Bit n: the packet n before the highest has come.
    seen: u128,
}

impl Window {
    /// One that lets nothing through up to this index.
    pub(super) fn after(index: u64) -> Self {
        Self { highest: Some(index), seen: u128::MAX }
    }

    pub(super) fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Whether a packet of this index may still be let through.
    pub(super) fn admits(&self, index: u64) -> bool {
        let Some(highest) = self.highest else { return true };
        let Some(ago) = highest.checked_sub(index) else { return true };
        ago < SIZE && self.seen & (1 << ago) == 0
    }

    /// Remembers a packet that was let through.
    pub(super) fn note(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => {
                if highest - index < SIZE {
                    self.seen |= 1 << (highest - index);
                }
            }
            Some(highest) => {
                let step = index - highest;
                self.seen = if step < SIZE { self.seen << step } else { 0 } | 1;
                self.highest = Some(index);
            }
            None => *self = Self { highest: Some(index), seen: 1 },
        }
    }
}
