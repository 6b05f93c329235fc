//! The keys of a phone that takes no telephone-events: heard in its audio.

use media::codec::{AudioCodec, g711, g722};
use media::dtmf::Digit;
use media::dtmf::tones::Detector;

use super::frames::SourcePacket;

/// The telephone's sample rate.
const RATE: u32 = 8_000;
/// The longest packet that is listened to: 120 ms of wideband.
const MAX_SAMPLES: usize = 1_920;

/// Listens for digits.
#[derive(Debug)]
pub(super) struct Ear {
    detector: Detector,
    last_seq: Option<u64>,
    pcm: [i16; MAX_SAMPLES],
    /// For a phone that speaks wideband.
    wide: Option<(g722::Decoder, Detector)>,
}

impl Ear {
    pub(super) fn new() -> Self {
        Self { detector: Detector::new(RATE), last_seq: None, pcm: [0; MAX_SAMPLES], wide: None }
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
        if packet.codec == AudioCodec::G722 {
            let new = || (g722::Decoder::new(), Detector::new(g722::SAMPLE_RATE));
            let (decoder, detector) = self.wide.get_or_insert_with(new);
            let length = decoder.decode(packet.payload, &mut self.pcm);
            return detector.hear(&self.pcm[..length]);
        }
        let length = match packet.codec {
            AudioCodec::Pcma => g711::decode_alaw(packet.payload, &mut self.pcm),
            _ => g711::decode_ulaw(packet.payload, &mut self.pcm),
        };
        self.detector.hear(&self.pcm[..length])
    }
}
