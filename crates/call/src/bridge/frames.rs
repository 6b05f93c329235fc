//! A phone's packets, of whatever length, as 20 ms frames of samples, for what cannot pass a packet on as it is.
//!
//! Frames get sequence numbers of their own that step over what was lost, so that a gap stays a gap.

use media::codec::AudioCodec;
use media::codec::opus::RTP_CLOCK;
use media::jitter::FRAME;

use super::decoder::{self, Decoder};
use super::splice::FRAME_TICKS;

/// Ticks of the Opus clock to one of 8 kHz.
const OPUS_TICKS: u32 = RTP_CLOCK / 8_000;

/// A packet of the phone, as its leg gave it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourcePacket<'a> {
    pub(super) payload: &'a [u8],
    pub(super) codec: AudioCodec,
    /// Extended, without the packets that were no audio.
    pub(super) seq: u64,
    /// In the codec's own clock.
    pub(super) timestamp: u32,
    pub(super) marker: bool,
}

impl SourcePacket<'_> {
    /// The timestamp in ticks of 8 kHz. From Opus' clock it wraps too early, once a day: a source that starts over.
    pub(super) fn ticks(&self) -> u32 {
        if self.codec == AudioCodec::Opus { self.timestamp / OPUS_TICKS } else { self.timestamp }
    }
}

/// Samples waiting to be a frame.
#[derive(Debug, Default)]
pub(super) struct Frames {
    samples: Vec<i16>,
    /// Samples at the front that were popped already.
    taken: usize,
    /// Timestamp of the first sample that waits.
    ticks: u32,
    /// Number of the next frame.
    seq: u64,
    last_source_seq: Option<u64>,
    /// Samples are at 16 kHz: the source speaks G.722. Opus is decoded in the telephone's band: who wants more takes it as
    /// it came.
    wide: bool,
    decoder: Decoder,
}

/// 20 ms of samples, at the rate of their source.
#[allow(clippy::large_enum_variant, reason = "one at a time, on the stack, never stored")]
pub(super) enum Samples {
    Narrow([i16; FRAME]),
    Wide([i16; 2 * FRAME]),
}

impl Frames {
    /// Forgets the source.
    pub(super) fn clear(&mut self) {
        self.samples.clear();
        self.taken = 0;
        self.last_source_seq = None;
        self.decoder = Decoder::default();
    }

    /// Samples in one tick of the RTP clock of 8 kHz.
    fn per_tick(&self) -> usize {
        if self.wide { 2 } else { 1 }
    }

    /// Takes in a packet. One that is late or came twice is dropped: its frame has been made without it.
    pub(super) fn push(&mut self, packet: &SourcePacket<'_>) {
        if self.wide != (packet.codec == AudioCodec::G722) {
            self.clear();
            self.wide = !self.wide;
        }
        self.samples.drain(..self.taken);
        self.taken = 0;
        let waiting = u32::try_from(self.samples.len() / self.per_tick()).unwrap_or(0);
        let expected = self.ticks.wrapping_add(waiting);
        match self.last_source_seq {
            Some(last) if packet.seq <= last => return,
            Some(last) if packet.seq == last + 1 && packet.ticks() == expected => {}
            Some(last) => self.skip(packet, packet.seq - last - 1),
            None => self.skip(packet, 0),
        }
        self.last_source_seq = Some(packet.seq);
        self.decoder.decode(packet.codec, packet.payload, &mut self.samples);
    }

    /// The next whole frame: its number, its timestamp (8 kHz) and its samples.
    pub(super) fn pop(&mut self) -> Option<(u64, u32, Samples)> {
        let length = FRAME * self.per_tick();
        let frame = self.samples.get(self.taken..self.taken + length)?;
        let frame = if self.wide {
            Samples::Wide(frame.try_into().ok()?)
        } else {
            Samples::Narrow(frame.try_into().ok()?)
        };
        let at = (self.seq, self.ticks);
        self.taken += length;
        self.seq += 1;
        self.ticks = self.ticks.wrapping_add(FRAME_TICKS);
        Some((at.0, at.1, frame))
    }

    /// A gap: what waits is too short to be a frame and is dropped; the numbers step over what was lost.
    fn skip(&mut self, packet: &SourcePacket<'_>, lost: u64) {
        self.samples.clear();
        let frames_per_packet = (decoder::ticks_in(packet.codec, packet.payload) / FRAME).max(1) as u64;
        self.seq += lost.saturating_mul(frames_per_packet);
        self.ticks = packet.ticks();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(seq: u64, timestamp: u32, payload: &[u8]) -> SourcePacket<'_> {
        SourcePacket { payload, codec: AudioCodec::Pcmu, seq, timestamp, marker: false }
    }

    fn numbers(frames: &mut Frames) -> Vec<(u64, u32)> {
        std::iter::from_fn(|| frames.pop()).map(|(seq, ticks, _)| (seq, ticks)).collect()
    }

    #[test]
    fn packets_of_30_ms_become_frames_of_20() {
        let mut frames = Frames::default();
        frames.push(&packet(1, 1000, &[0xff; 240]));
        assert_eq!(numbers(&mut frames), [(0, 1000)]);
        frames.push(&packet(2, 1240, &[0xff; 240]));
        assert_eq!(numbers(&mut frames), [(1, 1160), (2, 1320)]);
    }

    #[test]
    fn a_lost_packet_leaves_a_gap_in_numbers_and_time() {
        let mut frames = Frames::default();
        frames.push(&packet(1, 0, &[0xff; 160]));
        assert_eq!(numbers(&mut frames), [(0, 0)]);
        frames.push(&packet(3, 320, &[0xff; 160]));
        assert_eq!(numbers(&mut frames), [(2, 320)]);
    }

    #[test]
    fn a_pause_is_a_step_in_time_only() {
        let mut frames = Frames::default();
        frames.push(&packet(1, 0, &[0xff; 160]));
        assert_eq!(numbers(&mut frames), [(0, 0)]);
        frames.push(&packet(2, 8_000, &[0xff; 160]));
        assert_eq!(numbers(&mut frames), [(1, 8_000)]);
    }

    #[test]
    fn a_packet_that_comes_twice_or_late_is_dropped() {
        let mut frames = Frames::default();
        frames.push(&packet(5, 0, &[0xff; 160]));
        frames.push(&packet(5, 0, &[0xff; 160]));
        frames.push(&packet(4, 0, &[0xff; 160]));
        assert_eq!(numbers(&mut frames), [(0, 0)]);
    }
}
