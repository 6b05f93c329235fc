//! The keys of a phone that takes no telephone-events: heard in its audio.

use media::codec::{AudioCodec, g711};
use media::dtmf::Digit;
use media::dtmf::tones::Detector;

use super::frames::SourcePacket;

/// The telephone's sample rate.
const RATE: u32 = 8_000;
/// The longest packet that is listened to: 120 ms.
const MAX_SAMPLES: usize = 960;

/// Listens for digits.
#[derive(Debug)]
pub(super) struct Ear {
    detector: Detector,
    last_seq: Option<u64>,
    pcm: [i16; MAX_SAMPLES],
}

impl Ear {
    pub(super) fn new() -> Self {
        Self { detector: Detector::new(RATE), last_seq: None, pcm: [0; MAX_SAMPLES] }
    }

    /// A packet of the phone. One that is late or came twice is not listened to; after a gap nothing that was half heard
    /// counts.
    pub(super) fn hear(&mut self, packet: &SourcePacket<'_>) -> Option<Digit> {
        if self.last_seq.is_some_and(|last| packet.seq <= last && last - packet.seq < 1_000) {
            return None;
        }
        if self.last_seq.is_some_and(|last| packet.seq != last + 1) {
            self.detector.reset();
        }
        self.last_seq = Some(packet.seq);
        let length = match packet.codec {
            AudioCodec::Pcma => g711::decode_alaw(packet.payload, &mut self.pcm),
            _ => g711::decode_ulaw(packet.payload, &mut self.pcm),
        };
        self.detector.hear(&self.pcm[..length])
    }
}
