//! What a listener at the other end would hear, in numbers: tones by FFT, levels, per-window analysis, WAV files.
//!
//! Works on recorded samples only: no sockets, no clock.

mod level;
mod spectrum;
mod wav;

pub use level::{LevelMeter, SILENCE_DBFS, dbfs, rms};
pub use spectrum::{Peak, Tone, Window, share_of, windows};
pub use wav::{Recording, WavError, WavWriter};

#[cfg(test)]
mod tests;
