//! The payloads of packets into the room, in memory that is used again once nobody holds it any more.
//!
//! A payload is shared by all who are sent it (`Arc`), and let go of when the last of them has been. A phone's packets all have
//! one length, so a call's first few payloads serve to its end.

use std::sync::Arc;

/// As many as may be on their way at once without new memory being taken.
const KEPT: usize = 4;

/// Payloads that were made, to be made into others.
#[derive(Debug, Default)]
pub(super) struct Payloads {
    kept: [Option<Arc<[u8]>>; KEPT],
    /// The place of the next new one.
    next: usize,
}

impl Payloads {
    /// These bytes, to be shared.
    pub(super) fn share(&mut self, payload: &[u8]) -> Arc<[u8]> {
        for kept in self.kept.iter_mut().flatten().filter(|kept| kept.len() == payload.len()) {
            // Only where nobody else holds it.
            if let Some(bytes) = Arc::get_mut(kept) {
                bytes.copy_from_slice(payload);
                return Arc::clone(kept);
            }
        }
        let new: Arc<[u8]> = Arc::from(payload);
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
        let first = payloads.share(&[1, 2, 3]);
        let at = first.as_ptr();
        let second = payloads.share(&[4, 5, 6]);
        assert_eq!((&*first, &*second), ([1, 2, 3].as_slice(), [4, 5, 6].as_slice()));
        drop(first);
        let third = payloads.share(&[7, 8, 9]);
        assert_eq!((third.as_ptr(), &*third), (at, [7, 8, 9].as_slice()));
        assert_eq!(&*second, [4, 5, 6]);
    }

    #[test]
    fn any_number_may_be_held() {
        let mut payloads = Payloads::default();
        let held: Vec<_> = (0..20_u8).map(|byte| payloads.share(&[byte; 4])).collect();
        assert!(held.iter().zip(0..).all(|(payload, byte)| **payload == [byte; 4]));
    }
}
