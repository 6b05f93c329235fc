//! Datagrams that leave, in memory that is used again.
//!
//! Whoever sends one lets go of it at once, so that the few of a thread serve all of its rooms. Never holds on to more than a
//! turn of a busy thread may need.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;

/// As many as are kept: what one packet becomes for a hundred listeners.
const KEPT: usize = 128;
/// Larger ones are not kept.
const LARGEST: usize = 2_048;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A datagram to be sent. Its memory goes back when it is let go of.
pub struct Datagram(Vec<u8>);

/// Empty memory for a datagram.
pub(crate) fn memory() -> Vec<u8> {
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_default()
}

impl From<Vec<u8>> for Datagram {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Datagram {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Datagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Drop for Datagram {
    fn drop(&mut self) {
        let mut memory = std::mem::take(&mut self.0);
        if (1..=LARGEST).contains(&memory.capacity()) {
            memory.clear();
            // At the end of a thread there is nowhere to keep it.
            let _ = SPARE.try_with(|spare| {
                let mut spare = spare.borrow_mut();
                if spare.len() < KEPT {
                    spare.push(memory);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_empty() {
        let mut first = memory();
        first.extend_from_slice(&[1; 100]);
        let (at, datagram) = (first.as_ptr(), Datagram::from(first));
        assert_eq!(&*datagram, [1; 100]);
        drop(datagram);
        let second = memory();
        assert_eq!((second.as_ptr(), second.len()), (at, 0));
    }

    #[test]
    fn only_so_many_and_none_too_large_are_kept() {
        let held: Vec<_> = (0..2 * KEPT).map(|_| Datagram::from(vec![0; 10])).collect();
        drop(held);
        drop(Datagram::from(vec![0; LARGEST + 1]));
        drop(Datagram::from(Vec::new()));
        let kept: Vec<_> = SPARE.with_borrow(|spare| spare.iter().map(Vec::capacity).collect());
        assert_eq!(kept, [10; KEPT]);
    }
}
