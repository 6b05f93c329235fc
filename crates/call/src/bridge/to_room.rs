//! Phone to room: one packet in, one packet out. No jitter buffer and no resampling; the receivers in the room have both.
//!
//! What the phone sends is passed on as it is to everybody who can take it: G.711, converted by table between its two laws,
//! G.722 and Opus. Only voice isolation and listeners who want the other one make it be decoded, once for all of them. While the
//! phone rings the dial tone takes the same way. Nobody listens: nothing is done.

use std::time::Instant;

use media::codec::AudioCodec;
use media::codec::g711;
use media::codec::g722;
use media::codec::opus::{Encoder, MAX_PACKET, RTP_CLOCK};
use media::comfort::{Background, Hush};
use media::denoise::Denoiser;
use media::jitter::FRAME;
use media::level::level;
use media::resample::Lower;
use media::tone::DialTone;
use rand::RngCore;
use room::{AudioPacket, Codec, Quiet};
use rtp::Payloads;

use super::frames::{Frames, Samples, SourcePacket};
use super::io::{Demand, Sink};
use super::loudness::Loudness;
use super::splice::{Place, Splice};

/// The telephone's sample rate.
const RATE: u32 = 8_000;
/// Ticks of the Opus clock to one of 8 kHz.
const OPUS_TICKS: u32 = RTP_CLOCK / RATE;
/// What telephone speech needs; more bits or effort are not heard.
const OPUS_BITRATE: u32 = 24_000;
const OPUS_COMPLEXITY: u8 = 0;
/// The longest payload of one packet: 120 ms of G.711.
const MAX_PAYLOAD: usize = 960;
/// The longest of Opus: what fits into a datagram.
const MAX_OPUS: usize = 1_400;

/// Where a frame goes as G.711 and as Opus, if it does.
type Places = (Option<Place>, Option<Place>);

/// The room's ear on the phone.
pub(super) struct ToRoom {
    demand: Demand,
    tone: Option<DialTone>,
    /// What the phone speaks.
    source: Option<AudioCodec>,
    /// G.711, made here or passed on as it came.
    g711: Splice,
    /// Opus, likewise.
    opus: Splice,
    /// G.722, passed on as it came, and how loud its last frame is.
    g722: Splice,
    wideband_level: Option<u8>,
    fifo: Frames,
    /// Whether what goes out as G.711 is silence.
    hush: Hush,
    /// How loud the phone's own Opus is.
    loudness: Loudness,
    denoiser: Option<Box<Denoiser>>,
    /// With the sample rate it is for.
    encoder: Option<(u32, Box<Encoder>)>,
    /// From wideband to what G.711 and the denoiser take.
    lower: Option<Lower>,
    payloads: Payloads,
    written: u64,
}

impl ToRoom {
    pub(super) fn new(voice_isolation: bool, rng: &mut impl RngCore) -> Self {
        let (seq, ticks) = (rng.next_u32() as u16, rng.next_u32());
        Self {
            demand: Demand::default(),
            tone: None,
            source: None,
            g711: Splice::new(seq, ticks, RATE),
            opus: Splice::new(seq, ticks.wrapping_mul(OPUS_TICKS), RTP_CLOCK),
            g722: Splice::new(seq, ticks, RATE),
            wideband_level: None,
            fifo: Frames::default(),
            hush: Hush::default(),
            loudness: Loudness::default(),
            denoiser: voice_isolation.then(|| Box::new(Denoiser::new())),
            encoder: None,
            lower: None,
            payloads: Payloads::default(),
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

    /// The phone will speak this. While there is a tone, it has to be something that tones are made in.
    pub(super) fn agreed(&self, codec: AudioCodec, sink: &mut impl Sink) {
        let tone = self.tone.is_some() && codec == AudioCodec::G722;
        self.prefer(if tone { AudioCodec::Opus } else { codec }, sink);
    }

    /// The phone speaks this, or will. Voice isolation leaves no more of it than a telephone's band.
    fn prefer(&self, codec: AudioCodec, sink: &mut impl Sink) {
        sink.room_codec(match (codec, &self.denoiser) {
            (AudioCodec::Pcma, _) => Codec::Pcma,
            (AudioCodec::G722, None) => Codec::G722,
            (AudioCodec::Opus, None) => Codec::Opus,
            _ => Codec::Pcmu,
        });
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
        self.fifo.clear();
        let (g711, opus) = (self.g711.next(now), self.opus.next(now));
        self.write_g711(&pcm, g711, sink);
        self.write_opus(&pcm, opus, RATE, sink);
    }

    /// A packet of the phone. True when it went into the room.
    pub(super) fn phone(&mut self, now: Instant, packet: &SourcePacket<'_>, sink: &mut impl Sink) -> bool {
        let opus = packet.codec == AudioCodec::Opus;
        let longest = if opus { MAX_OPUS } else { MAX_PAYLOAD };
        if !self.demand.any() || packet.payload.is_empty() || packet.payload.len() > longest {
            return false;
        }
        if self.source != Some(packet.codec) {
            // Whatever was agreed on last.
            self.prefer(packet.codec, sink);
        }
        self.follow(packet.codec);
        let before = self.written;
        let raw = self.denoiser.is_none();
        let wants_g711 = self.demand.pcmu || self.demand.pcma;
        match packet.codec {
            AudioCodec::Opus if raw => self.pass_opus(now, packet, sink),
            AudioCodec::Pcmu | AudioCodec::Pcma if raw && wants_g711 => self.pass(now, packet, sink),
            _ => {}
        }
        let passed = match packet.codec {
            AudioCodec::Opus => raw && !wants_g711,
            AudioCodec::Pcmu | AudioCodec::Pcma => raw && !self.demand.opus,
            // The loudness of G.722 is not to be had otherwise.
            _ => false,
        };
        if !passed {
            self.recode(now, packet, sink);
        }
        if raw && packet.codec == AudioCodec::G722 {
            self.pass_g722(now, packet, sink);
        }
        self.written > before
    }

    /// The phone says what its silence sounds like. Voice isolation leaves nothing of it.
    pub(super) fn noise(&mut self, ticks: u32, noise: &[u8], sink: &mut impl Sink) {
        if self.denoiser.is_none()
            && (self.demand.pcmu || self.demand.pcma)
            && let Some(timestamp) = self.g711.time_of(ticks)
        {
            sink.room_noise(timestamp, noise);
        }
    }

    /// Another codec has a clock of its own, and may need another way: nothing of it continues what was before.
    fn follow(&mut self, codec: AudioCodec) {
        if self.source.replace(codec).is_some_and(|before| before != codec) {
            self.g711.part();
            self.opus.part();
            self.g722.part();
            self.fifo.clear();
        }
    }

    fn pass_opus(&mut self, now: Instant, packet: &SourcePacket<'_>, sink: &mut impl Sink) {
        if !self.demand.opus {
            return;
        }
        let Some(place) = self.opus.place(now, packet.seq, packet.timestamp) else { return };
        let place = Place { resumed: packet.marker || place.resumed, ..place };
        let level = self.loudness.of_packet(packet.payload);
        self.write(Codec::Opus, place, packet.payload, Sounds { level, quiet: None }, sink);
    }

    fn pass_g722(&mut self, now: Instant, packet: &SourcePacket<'_>, sink: &mut impl Sink) {
        if !self.demand.g722 {
            return;
        }
        let Some(place) = self.g722.place(now, packet.seq, packet.timestamp) else { return };
        let place = Place { resumed: packet.marker || place.resumed, ..place };
        let sounds = Sounds { level: self.wideband_level, quiet: None };
        self.write(Codec::G722, place, packet.payload, sounds, sink);
    }

    fn pass(&mut self, now: Instant, packet: &SourcePacket<'_>, sink: &mut impl Sink) {
        let Some(place) = self.g711.place(now, packet.seq, packet.timestamp) else { return };
        let marker = packet.marker || place.resumed;
        let quiet = quiet(self.hush.payload(packet.codec, packet.payload));
        for (codec, law) in [(Codec::Pcmu, AudioCodec::Pcmu), (Codec::Pcma, AudioCodec::Pcma)] {
            if self.wants(codec) {
                let place = Place { resumed: marker, ..place };
                match converter(packet.codec, law) {
                    Some(convert) => {
                        let mut converted = [0; MAX_PAYLOAD];
                        let length = convert(packet.payload, &mut converted);
                        self.write(codec, place, &converted[..length], Sounds::quiet(&quiet), sink);
                    }
                    None => self.write(codec, place, packet.payload, Sounds::quiet(&quiet), sink),
                }
            }
        }
    }

    fn recode(&mut self, now: Instant, packet: &SourcePacket<'_>, sink: &mut impl Sink) {
        // What the phone itself speaks has been passed on, unless it is cleaned.
        let cleans = self.denoiser.is_some();
        let makes_opus = cleans || packet.codec != AudioCodec::Opus;
        let makes_g711 = cleans || matches!(packet.codec, AudioCodec::Opus | AudioCodec::G722);
        self.fifo.push(packet);
        while let Some((seq, ticks, samples)) = self.fifo.pop() {
            let g711 = makes_g711.then(|| self.g711.place(now, seq, ticks)).flatten();
            let opus =
                makes_opus.then(|| self.opus.place(now, seq, ticks.wrapping_mul(OPUS_TICKS))).flatten();
            match samples {
                Samples::Narrow(pcm) => self.recode_narrow(pcm, (g711, opus), sink),
                Samples::Wide(pcm) => self.recode_wide(&pcm, (g711, opus), sink),
            }
        }
    }

    fn recode_narrow(&mut self, mut pcm: [i16; FRAME], (g711, opus): Places, sink: &mut impl Sink) {
        if let Some(denoiser) = &mut self.denoiser {
            denoiser.process(&mut pcm);
        }
        if let Some(place) = g711 {
            self.write_g711(&pcm, place, sink);
        }
        if let Some(place) = opus {
            self.write_opus(&pcm, place, RATE, sink);
        }
    }

    /// Wideband goes out as Opus at its own rate and as G.711 at the telephone's. Voice isolation is narrowband.
    fn recode_wide(&mut self, pcm: &[i16; 2 * FRAME], (g711, opus): Places, sink: &mut impl Sink) {
        let cleans = self.denoiser.is_some();
        if self.demand.g722 {
            self.wideband_level = Some(level(pcm));
        }
        if cleans || self.demand.pcmu || self.demand.pcma {
            let mut narrow = [0; FRAME];
            self.lower.get_or_insert_with(Lower::to_half).process(pcm, &mut narrow);
            self.recode_narrow(narrow, (g711, opus.filter(|_| cleans)), sink);
        }
        if let Some(place) = opus.filter(|_| !cleans) {
            self.write_opus(pcm, place, g722::SAMPLE_RATE, sink);
        }
    }

    fn wants(&self, codec: Codec) -> bool {
        match codec {
            Codec::Pcmu => self.demand.pcmu,
            Codec::Pcma => self.demand.pcma,
            Codec::G722 => self.demand.g722,
            Codec::Opus => self.demand.opus,
        }
    }

    fn write_g711(&mut self, pcm: &[i16; FRAME], place: Place, sink: &mut impl Sink) {
        let mut payload = [0; FRAME];
        let quiet = quiet(self.hush.samples(pcm));
        if self.demand.pcmu {
            g711::encode_ulaw(pcm, &mut payload);
            self.write(Codec::Pcmu, place, &payload, Sounds::quiet(&quiet), sink);
        }
        if self.demand.pcma {
            g711::encode_alaw(pcm, &mut payload);
            self.write(Codec::Pcma, place, &payload, Sounds::quiet(&quiet), sink);
        }
    }

    fn write_opus(&mut self, pcm: &[i16], place: Place, rate: u32, sink: &mut impl Sink) {
        if !self.demand.opus {
            return;
        }
        let Some(encoder) = self.encoder(rate) else { return };
        let mut payload = [0; MAX_PACKET];
        let Ok(length) = encoder.encode(pcm, &mut payload) else { return };
        let sounds = Sounds { level: Some(level(pcm)), quiet: None };
        self.write(Codec::Opus, place, &payload[..length], sounds, sink);
    }

    fn encoder(&mut self, rate: u32) -> Option<&mut Encoder> {
        if self.encoder.as_ref().is_none_or(|(of, _)| *of != rate) {
            let encoder = Encoder::new(rate, OPUS_BITRATE, OPUS_COMPLEXITY).ok()?;
            self.encoder = Some((rate, Box::new(encoder)));
        }
        self.encoder.as_mut().map(|(_, encoder)| &mut **encoder)
    }

    fn write(
        &mut self,
        codec: Codec,
        place: Place,
        payload: &[u8],
        Sounds { level, quiet }: Sounds,
        sink: &mut impl Sink,
    ) {
        self.written += 1;
        let payload = self.payloads.share(payload);
        let Place { seq, ticks: timestamp, resumed: marker } = place;
        let packet = AudioPacket { seq, timestamp, marker, payload, level, quiet };
        sink.room_audio(codec, packet);
    }
}

/// What a room is told of a packet's sound.
struct Sounds {
    level: Option<u8>,
    quiet: Option<Quiet>,
}

impl Sounds {
    fn quiet(quiet: &Option<Quiet>) -> Self {
        Self { level: None, quiet: quiet.clone() }
    }
}

/// What a room is told of a silence.
fn quiet(background: Background) -> Option<Quiet> {
    match background {
        Background::Sound => None,
        Background::Unchanged => Some(Quiet::Unchanged),
        Background::Described(noise) => Some(Quiet::Described(noise.bytes().into())),
    }
}

/// Writes a payload in another law; returns its length.
type Converter = fn(&[u8], &mut [u8]) -> usize;

/// What makes a G.711 payload one of the other law; `None` when it is of that law already.
fn converter(from: AudioCodec, to: AudioCodec) -> Option<Converter> {
    match (from, to) {
        (AudioCodec::Pcma, AudioCodec::Pcmu) => Some(g711::alaw_to_ulaw),
        (AudioCodec::Pcmu, AudioCodec::Pcma) => Some(g711::ulaw_to_alaw),
        _ => None,
    }
}
