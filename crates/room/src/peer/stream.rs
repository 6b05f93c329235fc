//! The sequence numbers of one stream towards one subscriber (RFC 3550 §5.1, RFC 3711 §3.3.1).
//!
//! A subscriber's stream starts at a sequence number below 65536 of its own, since its receiver cannot know how
//! often the source has wrapped. Gaps in the source stay gaps; timestamps pass unchanged.

/// A source that jumps further than this has restarted: the numbers go on without a gap.
const MAX_GAP: u64 = 3000;

/// Maps a source's extended sequence numbers to a subscriber's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rebase {
    /// The first number sent.
    first: u64,
    /// Added to the source's number (wrapping); `None`: the next packet continues after `highest`.
    offset: Option<u64>,
    /// The first of the source's numbers that the offset is for. Those before it have had theirs: given again, a number
    /// would encrypt two packets with one key stream.
    begins: u64,
    /// Highest number sent.
    highest: u64,
    /// Packets sent.
    sent: u64,
}

impl Rebase {
    /// Starts at `first`, which must lie below 65536.
    pub(crate) fn new(first: u16) -> Self {
        let first = u64::from(first);
        Self { first, offset: None, begins: 0, highest: first.wrapping_sub(1), sent: 0 }
    }

    /// The next packet, whatever its number, continues without a gap: the stream was paused.
    pub(crate) fn resume(&mut self) {
        self.offset = None;
    }

    /// A packet that the subscriber is not sent, and shall not miss: the next one takes its number.
    pub(crate) fn leave_out(&mut self, source: u64) {
        let next = self.highest.wrapping_add(1);
        // Before the first there is no number to keep; one that others have overtaken has its number already.
        let ahead = |offset: u64| source.wrapping_add(offset).wrapping_sub(next) <= MAX_GAP;
        if self.offset.is_some_and(ahead) {
            self.offset = Some(next.wrapping_sub(source).wrapping_sub(1));
            self.begins = source.saturating_add(1);
        }
    }

    /// The number of a packet that is none of the source's.
    pub(crate) fn extra(&mut self) -> u64 {
        let next = self.highest.wrapping_add(1);
        if let Some(offset) = self.offset {
            self.begins = next.wrapping_sub(offset);
            self.offset = Some(offset.wrapping_add(1));
        }
        self.highest = next;
        self.sent += 1;
        next
    }

    /// Whether nothing has been sent yet.
    pub(crate) fn is_new(&self) -> bool {
        self.sent == 0
    }

    /// Numbers that the subscriber never got: the source's own gaps.
    pub(crate) fn gaps(&self) -> u64 {
        self.highest.wrapping_add(1).wrapping_sub(self.first).saturating_sub(self.sent)
    }

    /// The subscriber's number for the source's; `None` for a packet from before the subscriber's first, or from before
    /// what it was not sent.
    pub(crate) fn map(&mut self, source: u64) -> Option<u64> {
        let next = self.highest.wrapping_add(1);
        let goes_on = self.offset.map(|offset| source.wrapping_add(offset));
        let mapped = match goes_on.filter(|mapped| mapped.abs_diff(next) <= MAX_GAP) {
            Some(_) if source < self.begins => return None,
            Some(mapped) => mapped,
            None => {
                self.begins = source;
                next
            }
        };
        self.offset = Some(mapped.wrapping_sub(source));
        self.sent += 1;
        if mapped >= next {
            self.highest = mapped;
        }
        Some(mapped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_running_source_starts_below_the_wrap_and_keeps_its_gaps() {
        let mut rebase = Rebase::new(1000);
        let out: Vec<_> =
            [5_000_000, 5_000_001, 5_000_004, 5_000_003, 5_000_005].map(|s| rebase.map(s)).into();
        assert_eq!(out, [1000, 1001, 1004, 1003, 1005].map(Some));
        assert_eq!(rebase.gaps(), 1, "1002 came to nobody");
    }

    #[test]
    fn a_restarted_source_goes_on_without_a_gap() {
        let mut rebase = Rebase::new(10);
        assert_eq!(rebase.map(70_000), Some(10));
        assert_eq!(rebase.map(5), Some(11));
        assert_eq!(rebase.map(6), Some(12));
        assert_eq!(rebase.map(1 << 40), Some(13));
    }

    #[test]
    fn a_paused_stream_goes_on_without_a_gap() {
        let mut rebase = Rebase::new(10);
        assert_eq!(rebase.map(100), Some(10));
        rebase.resume();
        assert_eq!(rebase.map(150), Some(11));
        assert_eq!(rebase.map(149), None, "10 has been given");
        assert_eq!(rebase.map(151), Some(12));
    }

    #[test]
    fn what_is_left_out_is_not_missed() {
        let mut rebase = Rebase::new(10);
        assert_eq!([100, 101].map(|seq| rebase.map(seq)), [Some(10), Some(11)]);
        // 103 was lost in the middle of the silence.
        [102, 104, 105].into_iter().for_each(|seq| rebase.leave_out(seq));
        assert_eq!(rebase.map(106), Some(12));
        rebase.leave_out(99);
        assert_eq!([107, 109, 108].map(|seq| rebase.map(seq)), [13, 15, 14].map(Some));
        assert_eq!(rebase.gaps(), 0);
    }

    #[test]
    fn what_is_none_of_the_source_s_takes_a_number_of_its_own() {
        let mut rebase = Rebase::new(10);
        assert_eq!(rebase.extra(), 10);
        assert_eq!([100, 102].map(|seq| rebase.map(seq)), [Some(11), Some(13)]);
        assert_eq!(rebase.extra(), 14);
        assert_eq!([101, 103].map(|seq| rebase.map(seq)), [None, Some(15)]);
        assert_eq!(rebase.gaps(), 1, "101 came too late");
    }

    #[test]
    fn a_packet_from_before_the_first_is_dropped() {
        let mut rebase = Rebase::new(10);
        assert_eq!(rebase.map(100), Some(10));
        assert_eq!(rebase.map(99), None);
        assert_eq!(rebase.map(101), Some(11));
    }

    #[test]
    fn a_stream_that_starts_at_zero_counts_up() {
        let mut rebase = Rebase::new(0);
        assert_eq!(rebase.map(7), Some(0));
        assert_eq!(rebase.map(8), Some(1));
    }
}
