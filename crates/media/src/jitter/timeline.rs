//! Sequence numbers and timestamps that wrap, laid on lines that do not; and whether a packet belongs to the stream.

/// A jump of the sequence number beyond this is another stream (RFC 3550 §A.1 uses the like).
const MAX_JUMP: i64 = 500;

/// Where a packet lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the stream: its sequence number and its timestamp (in the codec's clock), both without wraps.
    Here { seq: i64, ticks: i64 },
    /// Far away from the stream. Nothing is believed yet: one stray packet must not end a stream.
    Stray,
    /// The second such packet in a row: another stream has begun with it.
    Elsewhere,
}

#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// The newest packet, by sequence number.
    newest: Option<(i64, i64)>,
    stray: Option<u16>,
}

impl Timeline {
    pub(super) fn place(&mut self, seq: u16, timestamp: u32) -> Place {
        let Some((newest_seq, newest_ticks)) = self.newest else {
            // Far from zero, so that older packets have room below.
            let (seq, ticks) = (i64::from(seq) + (1 << 16), i64::from(timestamp) + (1 << 32));
            self.newest = Some((seq, ticks));
            return Place::Here { seq, ticks };
        };
        let step = i64::from(seq.wrapping_sub(newest_seq as u16) as i16);
        if step.abs() > MAX_JUMP {
            let expected = self.stray.replace(seq).map(|before| before.wrapping_add(1));
            return if expected == Some(seq) { Place::Elsewhere } else { Place::Stray };
        }
        self.stray = None;
        let seq = newest_seq + step;
        let ticks = newest_ticks + i64::from(timestamp.wrapping_sub(newest_ticks as u32) as i32);
        if step > 0 {
            self.newest = Some((seq, ticks));
        }
        Place::Here { seq, ticks }
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}
