//! Phone to room: one packet in, one packet out. No jitter buffer and no resampling; the receivers in the room have both.
//!
//! What the phone sends is passed on as it is to everybody who can take G.711, converted by table between its two laws.
//! Only voice isolation and listeners who want Opus make it be decoded, once for all of them. While the phone rings the dial
//! tone takes the same way. Nobody listens: nothing is done.

use std::sync::Arc;
use std::time::Instant;

use media::codec::AudioCodec;
use media::codec::g711;
use media::codec::g722;
use media::codec::opus::{Encoder, MAX_PACKET};
use media::denoise::Denoiser;
use media::jitter::FRAME;
use media::resample::Halve;
use media::tone::DialTone;
use rand::RngCore;
use room::{AudioPacket, Codec};

use super::frames::{Frames, Samples, SourcePacket};
use super::io::{Demand, Sink};
use super::splice::{Place, Splice};

/// The telephone's sample rate.
const RATE: u32 = 8_000;
/// Opus counts in 48 kHz.
const OPUS_TICKS: u32 = 6;
/// What telephone speech needs; more bits or effort are not heard.
const OPUS_BITRATE: u32 = 24_000;
const OPUS_COMPLEXITY: u8 = 0;
/// The longest payload of one packet: 120 ms.
const MAX_PAYLOAD: usize = 960;

/// The room's ear on the phone.
pub(super) struct ToRoom {
    demand: Demand,
    tone: Option<DialTone>,
    /// Packets passed on as they came.
    packets: Splice,
    /// Frames made here: tone, cleaned audio, Opus.
    frames: Splice,
    fifo: Frames,
    denoiser: Option<Box<Denoiser>>,
    /// With the sample rate it is for.
    encoder: Option<(u32, Box<Encoder>)>,
    /// From wideband to what G.711 and the denoiser take.
    halve: Halve,
    written: u64,
}

impl ToRoom {
    pub(super) fn new(voice_isolation: bool, rng: &mut impl RngCore) -> Self {
        let (seq, ticks) = (rng.next_u32() as u16, rng.next_u32());
        Self {
            demand: Demand::default(),
            tone: None,
            packets: Splice::new(seq, ticks),
            frames: Splice::new(seq, ticks),
            fifo: Frames::default(),
            denoiser: voice_isolation.then(|| Box::new(Denoiser::new())),
            encoder: None,
            halve: Halve::default(),
            written: 0,
        }
    }

    pub(super) fn demand(&mut self, demand: Demand) {
        self.demand = demand;
        if !demand.opus {
            self.encoder = None;
        }
    }

    pub(super) fn tone(&mut self, on: bool) {
        self.tone = on.then(|| DialTone::new(RATE));
    }

    /// Whether a frame of tone is due every 20 ms.
    pub(super) fn sounds(&self) -> bool {
        self.tone.is_some() && self.demand.any()
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// The next 20 ms of tone.
    pub(super) fn tick(&mut self, now: Instant, sink: &mut impl Sink) {
        if !self.demand.any() {
            return;
        }
        let Some(tone) = &mut self.tone else { return };
        let mut pcm = [0; FRAME];
        tone.fill(&mut pcm);
        let packets = self.packets.next(now);
        self.fifo.clear();
        let frames = self.frames.next(now);
        let g711 = if self.denoiser.is_some() { frames } else { packets };
        self.write_g711(&pcm, g711, sink);
        self.write_opus(&pcm, frames, RATE, sink);
    }

    /// A packet of the phone. True when it went into the room.
    pub(super) fn phone(&mut self, now: Instant, packet: &SourcePacket<'_>, sink: &mut impl Sink) -> bool {
        if !self.demand.any() || packet.payload.is_empty() || packet.payload.len() > MAX_PAYLOAD {
            return false;
        }
        let before = self.written;
        let g711 = self.denoiser.is_none() && packet.codec != AudioCodec::G722;
        if g711 && (self.demand.pcmu || self.demand.pcma) {
            self.pass(now, packet, sink);
        }
        if !g711 || self.demand.opus {
            self.recode(now, packet, sink);
        }
        self.written > before
    }

    fn pass(&mut self, now: Instant, packet: &SourcePacket<'_>, sink: &mut impl Sink) {
        let Some(place) = self.packets.place(now, packet.seq, packet.timestamp) else { return };
        let marker = packet.marker || place.resumed;
        for (codec, law) in [(Codec::Pcmu, AudioCodec::Pcmu), (Codec::Pcma, AudioCodec::Pcma)] {
            if self.wants(codec) {
                let payload = in_law(packet.payload, packet.codec, law);
                self.write(codec, Place { resumed: marker, ..place }, payload, sink);
            }
        }
    }

    fn recode(&mut self, now: Instant, packet: &SourcePacket<'_>, sink: &mut impl Sink) {
        self.fifo.push(packet);
        while let Some((seq, ticks, samples)) = self.fifo.pop() {
            let Some(place) = self.frames.place(now, seq, ticks) else { continue };
            match samples {
                Samples::Narrow(pcm) => self.recode_narrow(pcm, place, sink),
                Samples::Wide(pcm) => self.recode_wide(&pcm, place, sink),
            }
        }
    }

    fn recode_narrow(&mut self, mut pcm: [i16; FRAME], place: Place, sink: &mut impl Sink) {
        if let Some(denoiser) = &mut self.denoiser {
            denoiser.process(&mut pcm);
            self.write_g711(&pcm, place, sink);
        }
        self.write_opus(&pcm, place, RATE, sink);
    }

    /// Wideband goes out as Opus at its own rate and as G.711 at the telephone's. Voice isolation is narrowband.
    fn recode_wide(&mut self, pcm: &[i16; 2 * FRAME], place: Place, sink: &mut impl Sink) {
        if self.denoiser.is_none() {
            self.write_opus(pcm, place, g722::SAMPLE_RATE, sink);
        }
        if self.denoiser.is_none() && !self.demand.pcmu && !self.demand.pcma {
            return;
        }
        let mut narrow = [0; FRAME];
        self.halve.process(pcm, &mut narrow);
        match &mut self.denoiser {
            Some(_) => self.recode_narrow(narrow, place, sink),
            None => self.write_g711(&narrow, place, sink),
        }
    }

    fn wants(&self, codec: Codec) -> bool {
        match codec {
            Codec::Pcmu => self.demand.pcmu,
            Codec::Pcma => self.demand.pcma,
            Codec::Opus => self.demand.opus,
        }
    }

    fn write_g711(&mut self, pcm: &[i16; FRAME], place: Place, sink: &mut impl Sink) {
        let mut payload = [0; FRAME];
        if self.demand.pcmu {
            g711::encode_ulaw(pcm, &mut payload);
            self.write(Codec::Pcmu, place, Arc::from(payload.as_slice()), sink);
        }
        if self.demand.pcma {
            g711::encode_alaw(pcm, &mut payload);
            self.write(Codec::Pcma, place, Arc::from(payload.as_slice()), sink);
        }
    }

    fn write_opus(&mut self, pcm: &[i16], place: Place, rate: u32, sink: &mut impl Sink) {
        if !self.demand.opus {
            return;
        }
        let Some(encoder) = self.encoder(rate) else { return };
        let mut payload = [0; MAX_PACKET];
        let Ok(length) = encoder.encode(pcm, &mut payload) else { return };
        let place = Place { ticks: place.ticks.wrapping_mul(OPUS_TICKS), ..place };
        self.write(Codec::Opus, place, Arc::from(&payload[..length]), sink);
    }

    fn encoder(&mut self, rate: u32) -> Option<&mut Encoder> {
        if self.encoder.as_ref().is_none_or(|(of, _)| *of != rate) {
            let encoder = Encoder::new(rate, OPUS_BITRATE, OPUS_COMPLEXITY).ok()?;
            self.encoder = Some((rate, Box::new(encoder)));
        }
        self.encoder.as_mut().map(|(_, encoder)| &mut **encoder)
    }

    fn write(&mut self, codec: Codec, place: Place, payload: Arc<[u8]>, sink: &mut impl Sink) {
        self.written += 1;
        let packet = AudioPacket { seq: place.seq, timestamp: place.ticks, marker: place.resumed, payload };
        sink.room_audio(codec, packet);
    }
}

/// A G.711 payload in the other law, or the same.
fn in_law(payload: &[u8], from: AudioCodec, to: AudioCodec) -> Arc<[u8]> {
    let mut converted = [0; MAX_PAYLOAD];
    let length = match (from, to) {
        (AudioCodec::Pcma, AudioCodec::Pcmu) => g711::alaw_to_ulaw(payload, &mut converted),
        (AudioCodec::Pcmu, AudioCodec::Pcma) => g711::ulaw_to_alaw(payload, &mut converted),
        _ => return Arc::from(payload),
    };
    Arc::from(&converted[..length])
}
