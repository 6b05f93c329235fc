//! Concealment for codecs that have none of their own (G.711): the last pitch period is repeated, as the idea of G.711
//! Appendix I is, and faded into what comes after.

/// What is remembered of the sound so far: 48 ms.
const HISTORY: usize = 384;
/// The shortest and longest pitch period, in samples at 8 kHz: 200 to 66 Hz. A shorter period is found as its multiple.
const SHORTEST: usize = 40;
const LONGEST: usize = 120;
/// Samples over which periods are compared.
const COMPARED: usize = 160;
/// Samples at the period's seam that are smoothed.
const SEAM: usize = 10;
/// Samples over which real sound takes over again: 5 ms.
const RETURN: usize = 40;

#[derive(Debug)]
pub(super) struct Concealer {
    history: [i16; HISTORY],
    /// One period, so made that it may follow itself.
    period: [i16; LONGEST],
    length: usize,
    /// Where in the period the next sample is; `None` while real sound comes.
    position: Option<usize>,
}

impl Concealer {
    pub(super) fn new() -> Self {
        Self { history: [0; HISTORY], period: [0; LONGEST], length: LONGEST, position: None }
    }

    /// Real sound came: its beginning is blended with what concealment would have gone on with.
    pub(super) fn real(&mut self, pcm: &mut [i16]) {
        if self.position.is_some() {
            let span = RETURN.min(pcm.len());
            for (n, sample) in pcm[..span].iter_mut().enumerate() {
                let made = i32::from(self.next());
                let weight = n as i32;
                *sample =
                    ((made * (RETURN as i32 - weight) + i32::from(*sample) * weight) / RETURN as i32) as i16;
            }
            self.position = None;
        }
        self.remember(pcm);
    }

    /// Makes up sound for as long as `out` is.
    pub(super) fn conceal(&mut self, out: &mut [i16]) {
        if self.position.is_none() {
            self.take_period();
        }
        for sample in out {
            *sample = self.next();
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    fn next(&mut self) -> i16 {
        let at = self.position.unwrap_or(0);
        self.position = Some((at + 1) % self.length);
        self.period[at]
    }

    fn take_period(&mut self) {
        let tail = &self.history[HISTORY - COMPARED..];
        let likeness = |lag: &usize| {
            let before = &self.history[HISTORY - COMPARED - lag..HISTORY - lag];
            let product: f32 = tail.iter().zip(before).map(|(a, b)| f32::from(*a) * f32::from(*b)).sum();
            let energy: f32 = before.iter().map(|s| f32::from(*s) * f32::from(*s)).sum();
            product / energy.sqrt().max(1.0)
        };
        let best = (SHORTEST..=LONGEST).map(|lag| (lag, likeness(&lag))).max_by(|a, b| a.1.total_cmp(&b.1));
        self.length = best.map_or(LONGEST, |(lag, _)| lag);
        let start = HISTORY - self.length;
        self.period[..self.length].copy_from_slice(&self.history[start..]);
        // The end of the period must lead into its start: fade it into what came before the start.
        for n in 0..SEAM {
            let at = self.length - SEAM + n;
            let lead = i32::from(self.history[start - SEAM + n]);
            let weight = n as i32 + 1;
            let sum = i32::from(self.period[at]) * (SEAM as i32 + 1 - weight) + lead * weight;
            self.period[at] = (sum / (SEAM as i32 + 1)) as i16;
        }
        self.position = Some(0);
    }

    fn remember(&mut self, pcm: &[i16]) {
        if pcm.len() >= HISTORY {
            self.history.copy_from_slice(&pcm[pcm.len() - HISTORY..]);
        } else {
            self.history.copy_within(pcm.len().., 0);
            self.history[HISTORY - pcm.len()..].copy_from_slice(pcm);
        }
    }
}
