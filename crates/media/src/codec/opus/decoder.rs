//! Decoding to the rate that was asked for: what is above it is not to be heard, and what is not heard is not decoded.
//!
//! The library decodes at any rate, but below the rate of what was coded it drops samples without a filter: sound above the
//! telephone's band would fold into it. So a packet is decoded at the rate of its sound (RFC 6716 §3.1, table 2) and filtered
//! down here. Of a packet in two layers, speech below 8 kHz and the rest above (hybrid), only the speech is decoded at 16 kHz
//! or less: it is the cheaper half.

use std::fmt;

use super::OpusError;
use super::engine::Engine;
use super::packet::{Sound, samples, sound, speech_alone};
use crate::resample::{FULL_SCALE, Lower, to_i16};

const TELEPHONE: u32 = 8_000;
const WIDEBAND: u32 = 16_000;
const FULL_BAND: u32 = 48_000;
/// The longest packet, in ms.
const LONGEST_MS: usize = 120;
/// The longest packet whose layers are parted: what fits into one datagram on the usual path. A longer one is decoded whole.
const MAX_PARTED: usize = 1_500;
/// Samples of what is made up of the old sound when another decoder takes over: 5 ms at the rate it is wanted at.
const SEAM_PER_SECOND: u32 = 200;
/// So many packets of speech in a row, and a decoder for all sound may leave at the next quiet one ...
const SPEECH: u32 = 50;
/// ... whose samples are no louder than this: nobody hears another decoder begin.
const QUIET: i16 = 300;

/// One talker's Opus decoder: mono out, at the rate it was made for.
pub struct Decoder {
    rate: u32,
    /// `None` until the first packet.
    engine: Option<Engine>,
    /// The way down from the engine's rate, where there is one.
    down: Option<Lower>,
    /// What the engine made, at its rate; as long as the longest packet so far.
    made: Vec<f32>,
    /// Packets of nothing but speech that a decoder for all sound has had in a row, and whether the last was quiet.
    speech: u32,
    quiet: bool,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("rate", &self.rate)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder that gives mono samples at `rate` (8000, 16000 or 48000 Hz). It takes its memory with the first packet.
    ///
    /// # Errors
    /// [`OpusError::Rate`] for any other rate.
    pub fn new(rate: u32) -> Result<Self, OpusError> {
        if !matches!(rate, TELEPHONE | WIDEBAND | FULL_BAND) {
            return Err(OpusError::Rate(rate));
        }
        Ok(Self { rate, engine: None, down: None, made: Vec::new(), speech: 0, quiet: false })
    }

    /// The rate of the samples, in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Decodes into `out` and returns how many samples were written.
    ///
    /// - `Some(packet)`, `fec` false: the packet's own audio, 2.5 to 120 ms.
    /// - `Some(packet)`, `fec` true: the audio *before* this packet, which was lost: recovered from the packet's
    ///   in-band redundancy where it carries some, concealed where not. Fills as much of `out` as 2.5 ms steps allow.
    /// - `None`: concealment, as long as `out` (in whole steps of 2.5 ms).
    ///
    /// At most 120 ms at a time.
    ///
    /// # Errors
    /// [`OpusError::Packet`] for what is not Opus, [`OpusError::Buffer`] if `out` is too short for the packet or
    /// for one step. After an error the decoder goes on working.
    pub fn decode(&mut self, packet: Option<&[u8]>, fec: bool, out: &mut [i16]) -> Result<usize, OpusError> {
        let Some(packet) = packet else { return self.run(None, false, out) };
        let needed = samples(packet, self.rate)?;
        if fec {
            return self.run(Some(packet), true, out);
        }
        if out.len() < needed {
            return Err(OpusError::Buffer { needed, given: out.len() });
        }
        let wanted = self.rate_for(packet);
        match &self.engine {
            Some(engine) if engine.rate() == wanted => self.run(Some(packet), false, out),
            Some(_) => self.take_over(wanted, packet, out),
            None => {
                self.begin(wanted)?;
                self.run(Some(packet), false, out)
            }
        }
    }

    /// Forgets the stream so far: the next packet begins another.
    pub fn reset(&mut self) {
        (self.engine, self.down, self.speech) = (None, None, 0);
    }

    /// The rate to decode a packet at.
    fn rate_for(&mut self, packet: &[u8]) -> u32 {
        let now = self.engine.as_ref().map(Engine::rate);
        let wanted = match (self.rate, sound(packet)) {
            (FULL_BAND, _) => return FULL_BAND,
            (_, Sound::Above8kHz) => FULL_BAND,
            (TELEPHONE, Sound::Speech { narrow: true }) => TELEPHONE,
            (_, Sound::Speech { .. }) => WIDEBAND,
            (_, Sound::Below4kHz) => return now.unwrap_or(self.rate),
            (_, Sound::Below8kHz) => return now.map_or(WIDEBAND, |now| now.max(WIDEBAND)),
        };
        if now != Some(FULL_BAND) || wanted == FULL_BAND {
            self.speech = 0;
            return wanted;
        }
        // Music and speech may take turns: the decoder of both stays until that is over.
        self.speech += 1;
        if self.speech > SPEECH && self.quiet { wanted } else { FULL_BAND }
    }

    fn begin(&mut self, rate: u32) -> Result<(), OpusError> {
        self.engine = Some(Engine::new(rate)?);
        self.speech = 0;
        self.down = match (rate, self.rate) {
            (WIDEBAND, TELEPHONE) => Some(Lower::to_half()),
            (FULL_BAND, TELEPHONE) => Some(Lower::to_sixth()),
            (FULL_BAND, WIDEBAND) => Some(Lower::to_third()),
            _ => None,
        };
        Ok(())
    }

    /// Another engine goes on with this packet. Its first sound is blended with what the one before would have made up: where
    /// the sender changes its rate or its mode, the codec's own memory is of no more use (RFC 6716 §4.5).
    fn take_over(&mut self, rate: u32, packet: &[u8], out: &mut [i16]) -> Result<usize, OpusError> {
        let mut seam = [0; (FULL_BAND / SEAM_PER_SECOND) as usize];
        let seam = &mut seam[..(self.rate / SEAM_PER_SECOND) as usize];
        let before = self.run(None, false, seam).unwrap_or(0);
        self.begin(rate)?;
        let done = self.run(Some(packet), false, out)?;
        let length = before.min(done) as i32;
        for (n, (new, old)) in (0..length).zip(out.iter_mut().zip(seam)) {
            *new = ((i32::from(*new) * n + i32::from(*old) * (length - n)) / length) as i16;
        }
        Ok(done)
    }

    fn run(&mut self, packet: Option<&[u8]>, fec: bool, out: &mut [i16]) -> Result<usize, OpusError> {
        let Some(engine) = &mut self.engine else { return silence(out, self.rate) };
        let mut parted = [0; MAX_PARTED];
        let packet = match packet {
            Some(packet) if engine.rate() <= WIDEBAND => Some(speech_alone(packet, &mut parted)),
            packet => packet,
        };
        let factor = self.down.as_ref().map_or(1, Lower::factor);
        let most = factor * out.len();
        let room = match packet {
            Some(packet) if !fec => samples(packet, engine.rate())?.min(most),
            _ => most.min(engine.rate() as usize * LONGEST_MS / 1_000),
        };
        if self.made.len() < room {
            self.made.resize(room, 0.0);
        }
        let made = &mut self.made[..room];
        let done = engine.decode(packet, fec, made).map_err(|error| fewer(error, factor))?;
        let out = &mut out[..done / factor];
        match &mut self.down {
            Some(lower) => lower.process_float(&made[..done], out),
            None => out.iter_mut().zip(made).for_each(|(out, made)| *out = to_i16(*made * FULL_SCALE)),
        }
        self.quiet = out.iter().all(|sample| sample.unsigned_abs() <= QUIET.unsigned_abs());
        Ok(out.len())
    }
}

/// What is made up before anything was heard, in whole steps of 2.5 ms.
fn silence(out: &mut [i16], rate: u32) -> Result<usize, OpusError> {
    let step = rate as usize / 400;
    let whole = out.len() / step * step;
    if whole == 0 {
        return Err(OpusError::Buffer { needed: step, given: out.len() });
    }
    out[..whole].fill(0);
    Ok(whole)
}

/// The caller counts at its own rate.
fn fewer(error: OpusError, factor: usize) -> OpusError {
    match error {
        OpusError::Buffer { needed, given } => {
            OpusError::Buffer { needed: needed / factor, given: given / factor }
        }
        other => other,
    }
}
