//! The keys that the phone pressed, each once.
//!
//! A phone tells a key in its media (RFC 4733, or its sound) or by signalling (INFO); some do both for one press.

use std::time::{Duration, Instant};

use media::dtmf::Digit;

/// The same key told by the other way within this time is the same press.
const SAME_PRESS: Duration = Duration::from_secs(1);

/// How a key was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    Media,
    Signalling,
}

/// The keys so far.
#[derive(Debug, Default)]
pub(super) struct Keys {
    count: u32,
    last: Option<(Digit, Via, Instant)>,
}

impl Keys {
    /// Takes in a key. False when it is one that was told the other way just before.
    pub(super) fn pressed(&mut self, now: Instant, digit: Digit, via: Via) -> bool {
        let told = self.last.is_some_and(|(last, by, at)| {
            last == digit && by != via && now.saturating_duration_since(at) < SAME_PRESS
        });
        if told {
            // Two presses, told twice each: the second pair counts again.
            self.last = None;
            return false;
        }
        self.last = Some((digit, via, now));
        self.count = self.count.saturating_add(1);
        true
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_told_twice_counts_once_and_a_key_pressed_twice_counts_twice() {
        let now = Instant::now();
        let five = Digit::from_char('5').unwrap();
        let mut keys = Keys::default();
        assert!(keys.pressed(now, five, Via::Media));
        assert!(!keys.pressed(now, five, Via::Signalling));
        assert!(keys.pressed(now, five, Via::Media));
        assert!(!keys.pressed(now, five, Via::Signalling));
        assert!(keys.pressed(now, five, Via::Signalling));
        assert!(keys.pressed(now, five, Via::Signalling));
        assert!(keys.pressed(now + SAME_PRESS, five, Via::Media));
        assert_eq!(keys.count(), 5);
    }
}
