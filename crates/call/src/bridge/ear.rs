//! The keys of a phone that takes no telephone-events: heard in its audio.

use media::codec::AudioCodec;
use media::dtmf::Digit;
use media::dtmf::tones::Detector;

use super::decoder::{Decoder, MAX_TICKS};
use super::frames::SourcePacket;

/// Listens for digits.
#[derive(Debug)]
pub(super) struct Ear {
    decoder: Decoder,
    detector: Detector,
    codec: AudioCodec,
    last_seq: Option<u64>,
    pcm: Vec<i16>,
}

impl Ear {
    pub(super) fn new() -> Self {
        let codec = AudioCodec::Pcmu;
        Self {
            decoder: Decoder::default(),
            detector: detector(codec),
            codec,
            last_seq: None,
            pcm: Vec::with_capacity(2 * MAX_TICKS),
        }
    }

    /// A packet of the phone. One that is late or came twice is not listened to; after a gap nothing that was half heard
    /// counts.
    pub(super) fn hear(&mut self, packet: &SourcePacket<'_>) -> Option<Digit> {
        if self.last_seq.is_some_and(|last| packet.seq <= last && last - packet.seq < 1_000) {
            return None;
        }
        if self.codec != packet.codec {
            self.codec = packet.codec;
            self.decoder = Decoder::default();
            self.detector = detector(packet.codec);
        } else if self.last_seq.is_some_and(|last| packet.seq != last + 1) {
            self.detector.reset();
        }
        self.last_seq = Some(packet.seq);
        self.pcm.clear();
        self.decoder.decode(packet.codec, packet.payload, &mut self.pcm);
        self.detector.hear(&self.pcm)
    }
}

/// For the rate that the decoder gives.
fn detector(codec: AudioCodec) -> Detector {
    Detector::new(if codec == AudioCodec::G722 { 16_000 } else { 8_000 })
}
