//! One unbroken stream out of several: the numbers of a subscriber's packets (RFC 3550 §5.1; for VP8 also the picture ids
//! and indices of RFC 7741 §4.2) go on as if the layers they come from were one stream.
//!
//! Within a layer gaps stay gaps, so that the subscriber asks for what is missing. Packets that are left out on purpose (of
//! other layers, while paused) leave none.

use std::time::Instant;

use str0m::rtp::{Vp8Descriptor, Vp8Patch};

use super::codec::VideoCodec;

/// The clock of all video in RTP.
const CLOCK_PER_MS: u32 = 90;
/// The least time between two pictures: half of one at 60 per second.
const MIN_STEP: u32 = 750;
/// The most that a stream's time may seem to have stood still.
const MAX_PAUSE_MS: u128 = 60_000;
/// A layer that jumps further than this has restarted.
const MAX_GAP: u64 = 3000;
const PICTURE_IDS: u16 = 0x7fff;
const SHORT_PICTURE_IDS: u16 = 0x7f;

/// A packet as its publisher numbered it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    /// Extended.
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
}

/// A packet as its subscriber gets it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rewritten {
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    /// The changes to its payload's descriptor.
    pub(crate) patch: Option<Vp8Patch>,
}

/// Where a subscriber's stream is.
#[derive(Debug)]
pub(crate) struct Rewrite {
    /// The layer's first packet since the switch; those before it were never meant.
    floor: u64,
    /// Added to the layer's numbers (wrapping).
    seq_offset: u64,
    timestamp_offset: u32,
    picture_offset: u16,
    tl0_offset: u8,
    /// The highest numbers sent.
    seq: u64,
    timestamp: u32,
    picture: u16,
    tl0: u8,
    /// When the highest was sent; `None`: nothing was sent yet.
    at: Option<Instant>,
    /// The first number, and how many packets were sent.
    first: u64,
    sent: u64,
}

impl Rewrite {
    /// Starts at `first`, which must lie below 65536.
    pub(crate) fn new(first: u16) -> Self {
        Self {
            floor: 0,
            seq_offset: 0,
            timestamp_offset: 0,
            picture_offset: 0,
            tl0_offset: 0,
            seq: u64::from(first).wrapping_sub(1),
            timestamp: 0,
            picture: 0,
            tl0: 0,
            at: None,
            first: u64::from(first),
            sent: 0,
        }
    }

    /// Numbers that the subscriber never got: its layers' own gaps.
    pub(crate) fn gaps(&self) -> u64 {
        self.seq.wrapping_add(1).wrapping_sub(self.first).saturating_sub(self.sent)
    }

    /// The stream goes on with this packet, the first of a key frame.
    pub(crate) fn switch(&mut self, now: Instant, packet: Numbers, codec: VideoCodec, payload: &[u8]) {
        self.floor = packet.seq;
        self.seq_offset = self.seq.wrapping_add(1).wrapping_sub(packet.seq);
        if let Some(at) = self.at {
            let ms = now.saturating_duration_since(at).as_millis().min(MAX_PAUSE_MS) as u32;
            let next = self.timestamp.wrapping_add((ms * CLOCK_PER_MS).max(MIN_STEP));
            self.timestamp_offset = next.wrapping_sub(packet.timestamp);
        }
        if let Some(descriptor) = descriptor(codec, payload) {
            let first = self.at.is_none();
            if let Some(picture) = descriptor.picture_id() {
                let next = if first { picture } else { self.picture.wrapping_add(1) };
                self.picture_offset = next.wrapping_sub(picture) & PICTURE_IDS;
            }
            if let Some(tl0) = descriptor.tl0_pic_idx() {
                let next = if first { tl0 } else { self.tl0.wrapping_add(1) };
                self.tl0_offset = next.wrapping_sub(tl0);
            }
        }
    }

    /// Whether the layer's numbers go on from where they were; if not, only a key frame helps.
    pub(crate) fn follows(&self, packet: Numbers) -> bool {
        let mapped = packet.seq.wrapping_add(self.seq_offset);
        mapped.abs_diff(self.seq) <= MAX_GAP
    }

    /// The subscriber's numbers for a packet of the layer; `None` for one from before the switch.
    pub(crate) fn map(
        &mut self,
        now: Instant,
        packet: Numbers,
        codec: VideoCodec,
        payload: &[u8],
    ) -> Option<Rewritten> {
        if packet.seq < self.floor {
            return None;
        }
        let seq = packet.seq.wrapping_add(self.seq_offset);
        let timestamp = packet.timestamp.wrapping_add(self.timestamp_offset);
        let patch = self.patch(codec, payload);
        if self.at.is_none() || seq > self.seq {
            (self.seq, self.timestamp, self.at) = (seq, timestamp, Some(now));
        }
        self.sent += 1;
        Some(Rewritten { seq, timestamp, patch })
    }

    fn patch(&mut self, codec: VideoCodec, payload: &[u8]) -> Option<Vp8Patch> {
        let descriptor = descriptor(codec, payload)?;
        let picture = descriptor.picture_id().map(|id| id.wrapping_add(self.picture_offset) & PICTURE_IDS);
        let tl0 = descriptor.tl0_pic_idx().map(|index| index.wrapping_add(self.tl0_offset));
        if let Some(picture) = picture
            && (self.at.is_none() || picture.wrapping_sub(self.picture) & PICTURE_IDS <= PICTURE_IDS / 2)
        {
            self.picture = picture;
        }
        if let Some(tl0) = tl0
            && (self.at.is_none() || tl0.wrapping_sub(self.tl0) <= u8::MAX / 2)
        {
            self.tl0 = tl0;
        }
        if self.picture_offset == 0 && self.tl0_offset == 0 {
            return None;
        }
        let with = |picture: Option<u16>| {
            let patch = descriptor.patch();
            let patch = picture.map_or(patch, |picture| patch.picture_id(picture));
            tl0.map_or(patch, |tl0| patch.tl0_pic_idx(tl0)).build()
        };
        // Some encoders count pictures in 7 bits.
        with(picture).or_else(|_| with(picture.map(|id| id & SHORT_PICTURE_IDS))).ok()
    }
}

fn descriptor(codec: VideoCodec, payload: &[u8]) -> Option<Vp8Descriptor> {
    (codec == VideoCodec::Vp8).then(|| Vp8Descriptor::parse(payload).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    /// A VP8 packet with a picture id of 15 bits and a TL0PICIDX.
    fn vp8(picture: u16, tl0: u8) -> Vec<u8> {
        vec![0x90, 0xe0, 0x80 | (picture >> 8) as u8, picture as u8, tl0, 0, 0x10]
    }

    fn ids(rewritten: Rewritten, payload: &[u8]) -> (u16, u8) {
        // The patch shows its bytes only when a packet is written; its effect is what counts.
        let text = format!("{:?}", rewritten.patch);
        let descriptor = Vp8Descriptor::parse(payload).unwrap();
        if rewritten.patch.is_none() {
            return (descriptor.picture_id().unwrap(), descriptor.tl0_pic_idx().unwrap());
        }
        let bytes = text.split("bytes: [").nth(1).unwrap().split(']').next().unwrap();
        let bytes: Vec<u16> = bytes.split(", ").map(|byte| byte.parse().unwrap()).collect();
        ((bytes[0] & 0x7f) << 8 | bytes[1], bytes[2] as u8)
    }

    #[test]
    fn layers_make_one_stream() {
        let (mut rewrite, now) = (Rewrite::new(1000), Instant::now());
        let map = |rewrite: &mut Rewrite, ms: u64, seq, timestamp, picture, tl0| {
            let payload = vp8(picture, tl0);
            let at = now + Duration::from_millis(ms);
            let out = rewrite.map(at, Numbers { seq, timestamp }, VideoCodec::Vp8, &payload)?;
            let (picture, tl0) = ids(out, &payload);
            Some((out.seq, out.timestamp, picture, tl0))
        };
        rewrite.switch(now, Numbers { seq: 70_000, timestamp: 9_000 }, VideoCodec::Vp8, &vp8(500, 7));
        assert_eq!(map(&mut rewrite, 0, 70_000, 9_000, 500, 7), Some((1000, 9_000, 500, 7)));
        assert_eq!(map(&mut rewrite, 33, 70_002, 12_000, 501, 8), Some((1002, 12_000, 501, 8)));
        assert_eq!(map(&mut rewrite, 34, 70_001, 9_000, 500, 7), Some((1001, 9_000, 500, 7)));
        assert_eq!(map(&mut rewrite, 34, 69_999, 6_000, 499, 6), None, "from before the first");

        let at = now + Duration::from_millis(66);
        rewrite.switch(at, Numbers { seq: 5, timestamp: 4_000_000_000 }, VideoCodec::Vp8, &vp8(0x7fff, 255));
        assert_eq!(map(&mut rewrite, 66, 5, 4_000_000_000, 0x7fff, 255), Some((1003, 14_970, 502, 9)));
        assert_eq!(map(&mut rewrite, 99, 6, 4_000_003_000, 0, 0), Some((1004, 17_970, 503, 10)));
        assert_eq!(map(&mut rewrite, 99, 4, 3_999_997_000, 0x7ffe, 254), None, "from before the switch");
    }

    #[test]
    fn what_a_layer_never_brought_is_a_gap_and_what_was_left_out_is_none() {
        let (mut rewrite, now) = (Rewrite::new(1000), Instant::now());
        let map = |rewrite: &mut Rewrite, seq| {
            rewrite.map(now, Numbers { seq, timestamp: 0 }, VideoCodec::H264, &[]).map(|out| out.seq)
        };
        rewrite.switch(now, Numbers { seq: 70_000, timestamp: 0 }, VideoCodec::H264, &[]);
        assert_eq!([70_000, 70_003, 70_002].map(|seq| map(&mut rewrite, seq)), [1000, 1003, 1002].map(Some));
        assert_eq!(rewrite.gaps(), 1);
        rewrite.switch(now, Numbers { seq: 5, timestamp: 0 }, VideoCodec::H264, &[]);
        assert_eq!(map(&mut rewrite, 5), Some(1004));
        assert_eq!(rewrite.gaps(), 1);
    }

    #[test]
    fn seven_bit_picture_ids_stay_seven_bits() {
        let (mut rewrite, now) = (Rewrite::new(1), Instant::now());
        let short = |picture: u8| vec![0x90, 0x80, picture, 0x10];
        let mut run = |seq, picture| {
            let numbers = Numbers { seq, timestamp: 0 };
            rewrite.switch(now, numbers, VideoCodec::Vp8, &short(picture));
            rewrite.map(now, numbers, VideoCodec::Vp8, &short(picture)).unwrap().patch
        };
        assert!(run(1, 126).is_none());
        assert!(run(100, 5).is_some());
        assert!(run(200, 6).is_some(), "128 is not written in 7 bits");
    }

    #[test]
    fn h264_needs_no_patch_and_a_jump_is_seen() {
        let (mut rewrite, now) = (Rewrite::new(1), Instant::now());
        let numbers = |seq| Numbers { seq, timestamp: 0 };
        rewrite.switch(now, numbers(10), VideoCodec::H264, &[0x67]);
        assert!(rewrite.map(now, numbers(10), VideoCodec::H264, &[0x67]).unwrap().patch.is_none());
        assert!(rewrite.follows(numbers(11)) && rewrite.follows(numbers(3000)));
        assert!(!rewrite.follows(numbers(10_000)));
    }

    proptest! {
        #[test]
        fn numbers_never_repeat_or_go_back_over_switches(steps in proptest::collection::vec((0u64..200_000, any::<u32>(), 1u64..50), 1..30)) {
            let (mut rewrite, mut now) = (Rewrite::new(4096), Instant::now());
            let mut sent = Vec::new();
            for (start, timestamp, count) in steps {
                rewrite.switch(now, Numbers { seq: start, timestamp }, VideoCodec::Vp8, &vp8(1, 1));
                for step in 0..count {
                    let numbers = Numbers { seq: start + step, timestamp: timestamp.wrapping_add(step as u32 * 3000) };
                    sent.push(rewrite.map(now, numbers, VideoCodec::Vp8, &vp8(1, 1)).unwrap());
                    now += Duration::from_millis(33);
                }
            }
            prop_assert!(sent.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
            prop_assert!(sent.windows(2).all(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) < 1 << 24));
        }
    }
}
