//! Digits as sound (ITU-T Q.23, Q.24): for phones that take no telephone-events.
//!
//! [`Player`] makes the sound of what [`super::Sender`] plans; [`Detector`] hears digits in a phone's audio, each once,
//! and is not taken in by speech. Frequencies within 1.5 % are accepted, tones of 40 ms and pauses of 40 ms told apart.

use super::{Digit, EventPacket};
use crate::tone::Sine;

const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// The keys by row (low frequency) and column (high frequency).
const GRID: [&[u8; 4]; 4] = [b"123A", b"456B", b"789C", b"*0#D"];
/// -8 and -6 dBm0 as peaks: the high tone is a little louder, because lines damp it more.
const LOW_PEAK: i16 = 9_100;
const HIGH_PEAK: i16 = 11_400;

/// Row and column of a digit.
fn place(digit: Digit) -> (usize, usize) {
    let key = digit.as_char() as u8;
    let row = GRID.iter().position(|row| row.contains(&key)).unwrap_or(0);
    let column = GRID[row].iter().position(|other| *other == key).unwrap_or(0);
    (row, column)
}

/// Makes digits sound.
#[derive(Debug, Clone)]
pub struct Player {
    rate: u32,
    tones: Option<(Sine, Sine)>,
}

impl Player {
    /// For `rate` samples a second.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        Self { rate, tones: None }
    }

    /// Writes the next step of a digit over `pcm`: its tone, or silence once its end has been told.
    pub fn fill(&mut self, event: &EventPacket, pcm: &mut [i16]) {
        if event.first {
            self.tones = Digit::from_event_code(event.payload.event).map(|digit| {
                let (row, column) = place(digit);
                let sine = |frequency, peak| Sine::new(frequency, peak, self.rate);
                (sine(LOW[row], LOW_PEAK), sine(HIGH[column], HIGH_PEAK))
            });
        }
        pcm.fill(0);
        let Some((low, high)) = &mut self.tones else { return };
        low.fill(pcm);
        for sample in pcm {
            let mut other = [0];
            high.fill(&mut other);
            *sample = sample.saturating_add(other[0]);
        }
        if event.payload.end {
            // The packets that repeat the end are silence.
            self.tones = None;
        }
    }
}

/// Windows are 12.75 ms long and follow one another at half of that.
const WINDOWS_PER_SECOND: u32 = 157;
/// Windows in a row that must agree before a digit is believed: together 32 ms, the most that fit into any 40.
const NEEDED: u32 = 4;
/// Windows in a row without the digit before it can be pressed again.
const RELEASED: u32 = 3;
/// Mean square below which nothing is looked for: -40 dB of full scale.
const FAINT: f32 = 327.0 * 327.0;
/// The two tones hold this much of all the sound: speech spreads over its harmonics.
const PURE: f32 = 0.72;
/// A tone is this much above the others of its group: 6 dB.
const DISTINCT: f32 = 4.0;
/// The low tone is up to 9 dB above the high one, which lines damp more, or up to 6 dB below it.
const TWIST: f32 = 8.0;
const REVERSE_TWIST: f32 = 4.0;

/// From one window to the next neither tone changes by more than 3 dB: voices do.
const STEADY: f32 = 2.0;

/// How far a tone may be from its frequency: a part of it. Q.24 wants 1.5 % accepted and 3.5 % refused.
const DETUNED: f32 = 0.02;

/// A digit in a window, and its two tones.
#[derive(Debug, Clone, Copy)]
struct Present {
    digit: Digit,
    tones: [Tone; 2],
}

/// A tone in a window.
#[derive(Debug, Clone, Copy)]
struct Tone {
    power: f32,
    /// At the window's end, in radians.
    phase: f32,
    /// Radians a sample, of the frequency that is looked for.
    step: f32,
}

impl Present {
    /// Whether this is the same digit as in the window before, `hop` samples ago.
    fn continues(&self, before: &Self, hop: usize) -> bool {
        let same = self.digit == before.digit;
        same && self.tones.iter().zip(&before.tones).all(|(now, then)| now.continues(then, hop as f32))
    }
}

impl Tone {
    /// As strong as before, and as far on in its phase as its frequency takes it.
    fn continues(&self, before: &Self, hop: f32) -> bool {
        let steady = self.power < before.power * STEADY && before.power < self.power * STEADY;
        let turns = (self.phase - before.phase - self.step * hop) / std::f32::consts::TAU;
        let astray = (turns - turns.round()) * std::f32::consts::TAU;
        steady && astray.abs() < self.step * hop * DETUNED
    }
}

/// Hears digits in audio.
#[derive(Debug, Clone)]
pub struct Detector {
    /// Each frequency in radians a sample, low ones first.
    steps: [f32; 8],
    /// The last window; its second half is the first of the next one.
    window: Vec<f32>,
    size: usize,
    candidate: Option<Present>,
    agreed: u32,
    /// The digit that was reported and has not been released.
    held: Option<Digit>,
    absent: u32,
}

impl Detector {
    /// For `rate` samples a second, 8000 or more.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.max(8_000);
        let mut steps = [0.0; 8];
        for (step, frequency) in steps.iter_mut().zip(LOW.into_iter().chain(HIGH)) {
            *step = (std::f64::consts::TAU * frequency / f64::from(rate)) as f32;
        }
        let size = (rate / WINDOWS_PER_SECOND) as usize * 2;
        Self {
            steps,
            window: Vec::with_capacity(size),
            size,
            candidate: None,
            agreed: 0,
            held: None,
            absent: 0,
        }
    }

    /// Takes in samples. Returns the digit that begins to be heard in them; one frame of 20 ms holds one at most.
    pub fn hear(&mut self, pcm: &[i16]) -> Option<Digit> {
        let mut heard = None;
        for sample in pcm {
            self.window.push(f32::from(*sample));
            if self.window.len() >= self.size {
                let present = self.judge();
                heard = self.follow(present).or(heard);
                self.window.drain(..self.size / 2);
            }
        }
        heard
    }

    /// A gap in the audio: what was heard before has nothing to do with what comes.
    pub fn reset(&mut self) {
        self.window.clear();
        self.candidate = None;
        self.agreed = 0;
    }

    /// A digit is reported when enough windows agree, and again only after it was gone.
    fn follow(&mut self, present: Option<Present>) -> Option<Digit> {
        let digit = present.map(|present| present.digit);
        if self.held.is_some() && digit == self.held {
            self.absent = 0;
            return None;
        }
        self.absent = self.absent.saturating_add(1);
        if self.absent >= RELEASED {
            self.held = None;
        }
        let goes_on =
            present.zip(self.candidate).is_some_and(|(now, before)| now.continues(&before, self.size / 2));
        self.agreed = if goes_on { self.agreed + 1 } else { 1 };
        self.candidate = present;
        let digit = digit.filter(|_| self.agreed >= NEEDED)?;
        self.held = Some(digit);
        self.absent = 0;
        Some(digit)
    }

    /// The digit whose two tones the window holds and hardly anything else.
    fn judge(&self) -> Option<Present> {
        let samples = self.window.len() as f32;
        let energy: f32 = self.window.iter().map(|s| s * s).sum();
        if energy < FAINT * samples {
            return None;
        }
        let tones = self.steps.map(|step| self.tone(step));
        let (row, low) = strongest(&tones[..4])?;
        let (column, high) = strongest(&tones[4..])?;
        let balanced = low.power < high.power * TWIST && high.power < low.power * REVERSE_TWIST;
        let digit = Digit::from_char(char::from(GRID[row][column]))?;
        let pure = low.power + high.power > energy * PURE;
        (balanced && pure).then_some(Present { digit, tones: [low, high] })
    }

    /// Goertzel's algorithm. The power is the whole energy of a sine of exactly this frequency.
    fn tone(&self, step: f32) -> Tone {
        let coefficient = 2.0 * step.cos();
        let (mut last, mut before) = (0.0, 0.0);
        for sample in &self.window {
            (last, before) = (sample + coefficient * last - before, last);
        }
        let power = last * last + before * before - coefficient * last * before;
        let phase = (before * step.sin()).atan2(last - before * step.cos());
        Tone { power: power * 2.0 / self.window.len() as f32, phase, step }
    }
}

/// The strongest tone of a group, if the others are well below it.
fn strongest(tones: &[Tone]) -> Option<(usize, Tone)> {
    let (at, most) = tones.iter().copied().enumerate().max_by(|a, b| a.1.power.total_cmp(&b.1.power))?;
    let others = tones.iter().enumerate().filter(|(other, _)| *other != at);
    others.map(|(_, tone)| tone.power).all(|power| power * DISTINCT < most.power).then_some((at, most))
}
