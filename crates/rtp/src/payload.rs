//! The payload of a packet, shared by all who are sent it, in memory that is used again once nobody holds it any more.
//!
//! A talker's packets have much the same length, so the first few that [`Payloads`] makes serve to the end. Never copies what is
//! shared, and never waits for anybody to let go.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A payload, or a part of one.
#[derive(Clone)]
pub struct Payload {
    memory: Arc<[u8]>,
    part: Range<usize>,
}

impl Payload {
    /// A part of it, sharing its memory; `None` if it reaches beyond the end, or holds nothing.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        let (start, end) =
            (self.part.start.checked_add(range.start)?, self.part.start.checked_add(range.end)?);
        let fits = start < end && end <= self.part.end;
        fits.then(|| Self { memory: Arc::clone(&self.memory), part: start..end })
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory.get(self.part.clone()).unwrap_or_default()
    }
}

impl From<Arc<[u8]>> for Payload {
    fn from(memory: Arc<[u8]>) -> Self {
        let part = 0..memory.len();
        Self { memory, part }
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self::from(Arc::<[u8]>::from(bytes))
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Arc::<[u8]>::from(bytes))
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

/// As many as may be on their way at once without new memory being taken.
const KEPT: usize = 4;
/// Memory is taken in steps of this many bytes: lengths differ a little from packet to packet.
const STEP: usize = 64;

/// Makes payloads of what is only lent, each in memory of one before it that nobody holds any more, where there is such.
#[derive(Debug, Default)]
pub struct Payloads {
    kept: [Option<Arc<[u8]>>; KEPT],
    /// The place of the next new one.
    next: usize,
}

impl Payloads {
    /// These bytes, to be shared.
    pub fn share(&mut self, bytes: &[u8]) -> Payload {
        let memory = self.memory(bytes.len(), |memory| memory[..bytes.len()].copy_from_slice(bytes));
        Payload { memory, part: 0..bytes.len() }
    }

    /// Memory for so many bytes that nobody else holds, when it has been written to.
    fn memory(&mut self, length: usize, write: impl FnOnce(&mut [u8])) -> Arc<[u8]> {
        for kept in self.kept.iter_mut().flatten().filter(|kept| kept.len() >= length) {
            if let Some(memory) = Arc::get_mut(kept) {
                write(memory);
                return Arc::clone(kept);
            }
        }
        let mut new = vec![0; length.next_multiple_of(STEP)];
        write(&mut new);
        let new: Arc<[u8]> = new.into();
        self.kept[self.next % KEPT] = Some(Arc::clone(&new));
        self.next = (self.next + 1) % KEPT;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_only_when_nobody_holds_it() {
        let mut payloads = Payloads::default();
        let first = payloads.share(&[1; 160]);
        let at = first.as_ptr();
        let second = payloads.share(&[2; 150]);
        assert_eq!((&*first, &*second), ([1; 160].as_slice(), [2; 150].as_slice()));
        drop(first);
        let third = payloads.share(&[3; 170]);
        assert_eq!((third.as_ptr(), &*third), (at, [3; 170].as_slice()), "a little longer is no matter");
        assert_eq!(&*second, [2; 150]);
    }

    #[test]
    fn any_number_may_be_held() {
        let mut payloads = Payloads::default();
        let held: Vec<_> = (0..20_u8).map(|byte| payloads.share(&vec![byte; usize::from(byte)])).collect();
        assert!(held.iter().zip(0..).all(|(payload, byte)| **payload == vec![byte; usize::from(byte)]));
    }

    #[test]
    fn a_part_shares_the_memory_and_keeps_it() {
        let mut payloads = Payloads::default();
        let whole = payloads.share(&[1, 2, 3, 4, 5]);
        let part = whole.part(1..4).unwrap();
        assert_eq!((part.as_ptr(), &*part), (whole[1..].as_ptr(), [2, 3, 4].as_slice()));
        assert_eq!(part.part(1..2).as_deref(), Some([3].as_slice()));
        drop(whole);
        assert_ne!(payloads.share(&[9; 5]).as_ptr(), part.as_ptr().wrapping_sub(1), "it is still held");
        assert_eq!(&*part, [2, 3, 4]);
    }

    #[test]
    fn a_part_of_nothing_or_beyond_the_end_is_none() {
        let whole = Payload::from([1, 2, 3].as_slice());
        for (start, end) in [(0, 4), (3, 4), (2, 2), (3, 2), (0, usize::MAX)] {
            assert_eq!(whole.part(Range { start, end }), None, "{start}..{end}");
        }
        assert_eq!(whole.part(0..2).unwrap().part(0..3), None, "beyond the end of a part");
    }
}
