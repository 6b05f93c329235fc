use std::f64::consts::PI;

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use super::level::{amplitude_dbfs, dbfs};

/// The Hann window spreads a tone over this many bins to either side of its peak.
const LOBE: usize = 3;
/// Peaks this far below full scale are noise of the numbers.
const FLOOR_DBFS: f64 = -80.0;
const MAX_PEAKS: usize = 8;
/// How far a tone may be from the frequency it is looked for at.
const TOLERANCE_HZ: f64 = 15.0;

/// One tone found in a piece of audio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// In Hz, to a fraction of a bin.
    pub frequency: f64,
    /// Against a full-scale sine.
    pub dbfs: f64,
    /// Its part of all the energy, 0 to 1.
    pub share: f64,
}

/// One piece of a recording, as [`windows`] sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Where it begins, in samples.
    pub start: usize,
    /// Its level against a full-scale sine.
    pub dbfs: f64,
    /// The strongest tone in it, if there is one.
    pub tone: Option<Peak>,
}

/// The tone finder.
#[derive(Debug, Clone, Copy)]
pub struct Tone;

impl Tone {
    /// The tones in a piece of audio at `rate` Hz, strongest first, eight at most; none in silence or in fewer than
    /// 64 samples. A longer piece tells neighbouring frequencies better apart: 100 ms tells 40 Hz.
    pub fn find(pcm: &[i16], rate: u32) -> Vec<Peak> {
        let Some(spectrum) = Spectrum::of(pcm, rate) else {
            return Vec::new();
        };
        let mut peaks: Vec<Peak> = spectrum.maxima().map(|bin| spectrum.peak_at(bin)).collect();
        peaks.retain(|peak| peak.dbfs > FLOOR_DBFS);
        peaks.sort_by(|a, b| b.share.total_cmp(&a.share));
        peaks.truncate(MAX_PEAKS);
        peaks
    }
}

/// The part (0 to 1) of the energy of a piece of audio that lies within 15 Hz, or the width of the analysis where that
/// is more, of `frequency`; 0 for silence.
pub fn share_of(frequency: f64, pcm: &[i16], rate: u32) -> f64 {
    Spectrum::of(pcm, rate).map_or(0.0, |spectrum| spectrum.share_around(frequency))
}

/// A recording cut into pieces of `length` samples (a rest shorter than that is left out), each looked at by itself.
pub fn windows(pcm: &[i16], rate: u32, length: usize) -> Vec<Window> {
    pcm.chunks_exact(length.max(1))
        .enumerate()
        .map(|(n, piece)| Window {
            start: n * length,
            dbfs: dbfs(piece),
            tone: Tone::find(piece, rate).first().copied(),
        })
        .collect()
}

/// The power spectrum of a piece under a Hann window, without its mean.
struct Spectrum {
    power: Vec<f64>,
    total: f64,
    bin_hz: f64,
    /// From the magnitude in a bin to the amplitude of a sine there.
    gain: f64,
}

impl Spectrum {
    fn of(pcm: &[i16], rate: u32) -> Option<Self> {
        let length = pcm.len();
        if length < 64 || rate == 0 {
            return None;
        }
        let mean = pcm.iter().map(|s| f64::from(*s)).sum::<f64>() / length as f64;
        let mut bins: Vec<Complex<f64>> = pcm
            .iter()
            .enumerate()
            .map(|(n, s)| {
                let hann = 0.5 - 0.5 * (2.0 * PI * (n as f64 + 0.5) / length as f64).cos();
                Complex::new((f64::from(*s) - mean) * hann, 0.0)
            })
            .collect();
        FftPlanner::new().plan_fft_forward(length).process(&mut bins);
        let power: Vec<f64> = bins[..length / 2 + 1].iter().map(Complex::norm_sqr).collect();
        let total: f64 = power.iter().sum();
        (total > 0.0).then_some(Self {
            power,
            total,
            bin_hz: f64::from(rate) / length as f64,
            gain: 4.0 / length as f64,
        })
    }

    fn maxima(&self) -> impl Iterator<Item = usize> {
        let highest_around = |bin: usize| {
            let from = bin.saturating_sub(LOBE - 1);
            let to = (bin + LOBE).min(self.power.len());
            self.power[from..to].iter().all(|other| *other <= self.power[bin])
        };
        (1..self.power.len() - 1).filter(move |bin| self.power[*bin] > 0.0 && highest_around(*bin))
    }

    fn peak_at(&self, bin: usize) -> Peak {
        let (offset, height) = self.summit(bin);
        Peak {
            frequency: (bin as f64 + offset) * self.bin_hz,
            dbfs: amplitude_dbfs(height * self.gain),
            share: self.share_of_bins(bin.saturating_sub(LOBE), bin + LOBE),
        }
    }

    /// Where between the bins the top lies, and how high: for a Hann window the ratio of a bin to its larger neighbour
    /// tells exactly.
    fn summit(&self, bin: usize) -> (f64, f64) {
        let magnitude = |b: usize| self.power[b].sqrt();
        let (here, left, right) = (magnitude(bin), magnitude(bin - 1), magnitude(bin + 1));
        let side = if right >= left { 1.0 } else { -1.0 };
        let ratio = left.max(right) / here.max(f64::MIN_POSITIVE);
        let offset = ((2.0 * ratio - 1.0) / (ratio + 1.0)).clamp(0.0, 0.5);
        let x = PI * offset;
        let scallop = if offset < 1e-6 { 1.0 } else { x.sin() / x / (1.0 - offset * offset) };
        (side * offset, here / scallop)
    }

    fn share_around(&self, frequency: f64) -> f64 {
        let reach = TOLERANCE_HZ.max(LOBE as f64 * self.bin_hz);
        let from = ((frequency - reach) / self.bin_hz).ceil().max(0.0) as usize;
        let to = ((frequency + reach) / self.bin_hz).floor().max(0.0) as usize;
        self.share_of_bins(from, to)
    }

    fn share_of_bins(&self, from: usize, to: usize) -> f64 {
        let to = to.min(self.power.len() - 1);
        self.power.get(from..=to).map_or(0.0, |bins| bins.iter().sum::<f64>() / self.total)
    }
}
