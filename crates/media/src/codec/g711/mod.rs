//! ITU-T G.711: 8 kHz companded audio, one byte a sample.
//!
//! Decoding and µ-law/A-law conversion are 256-entry tables made at compile time; encoding is a handful of operations
//! on the sample's leading bit, which the compiler does for several samples at once and which cost no cache. Nothing here allocates. Where the lengths of input
//! and output differ, the shorter one decides and its length is returned.

mod tables;
#[cfg(test)]
mod tests;

use tables::{ALAW_TO_LINEAR, ALAW_TO_ULAW, ULAW_TO_ALAW, ULAW_TO_LINEAR};

/// The µ-law byte of digital silence (positive zero).
pub const ULAW_SILENCE: u8 = 0xff;
/// The A-law byte of digital silence (the smallest positive step: A-law has no zero).
pub const ALAW_SILENCE: u8 = 0xd5;

/// Encodes linear samples (full 16-bit scale) as µ-law. Returns the number of samples written.
pub fn encode_ulaw(pcm: &[i16], out: &mut [u8]) -> usize {
    map(pcm, out, linear_to_ulaw)
}

/// Decodes µ-law to linear samples (full 16-bit scale). Returns the number of samples written.
pub fn decode_ulaw(ulaw: &[u8], out: &mut [i16]) -> usize {
    map(ulaw, out, |byte| ULAW_TO_LINEAR[usize::from(byte)])
}

/// Encodes linear samples (full 16-bit scale) as A-law. Returns the number of samples written.
pub fn encode_alaw(pcm: &[i16], out: &mut [u8]) -> usize {
    map(pcm, out, linear_to_alaw)
}

/// Decodes A-law to linear samples (full 16-bit scale). Returns the number of samples written.
pub fn decode_alaw(alaw: &[u8], out: &mut [i16]) -> usize {
    map(alaw, out, |byte| ALAW_TO_LINEAR[usize::from(byte)])
}

/// Converts µ-law to A-law by table (G.711 §3.1 tells to go by the linear values). Returns the number of bytes written.
pub fn ulaw_to_alaw(ulaw: &[u8], out: &mut [u8]) -> usize {
    map(ulaw, out, |byte| ULAW_TO_ALAW[usize::from(byte)])
}

/// Converts A-law to µ-law by table. Returns the number of bytes written.
pub fn alaw_to_ulaw(alaw: &[u8], out: &mut [u8]) -> usize {
    map(alaw, out, |byte| ALAW_TO_ULAW[usize::from(byte)])
}

fn map<A: Copy, B>(input: &[A], out: &mut [B], convert: impl Fn(A) -> B) -> usize {
    let len = input.len().min(out.len());
    for (to, &from) in out.iter_mut().zip(input) {
        *to = convert(from);
    }
    len
}

/// Added before the logarithm so that every µ-law segment starts at a power of two.
const ULAW_BIAS: u16 = 132;
/// The largest magnitude that still fits the eighth segment after the bias.
const ULAW_CLIP: u16 = 32_635;

const fn linear_to_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs();
    let biased = (if magnitude > ULAW_CLIP { ULAW_CLIP } else { magnitude }) + ULAW_BIAS;
    !(sign | segment_and_step(biased))
}

/// The position of the leading bit, counted from bit 7 (3 bits), and the four bits below it: both laws' segment and
/// step. A float of the number holds them side by side, and unlike counting zeros that is computed for many samples
/// at once. `number` is 128..=32767.
const fn segment_and_step(number: u16) -> u8 {
    const EXPONENT_OF_128: u32 = 127 + 7;
    (((number as f32).to_bits() >> 19).wrapping_sub(EXPONENT_OF_128 << 4)) as u8
}

/// Every second bit is inverted on the line, so that silence keeps a clock running.
const ALAW_TOGGLE: u8 = 0x55;

const fn linear_to_alaw(sample: i16) -> u8 {
    // A-law's negative half is the mirror one below: -1 pairs with 0.
    let (sign, magnitude) = if sample < 0 { (0, !sample as u16) } else { (0x80, sample as u16) };
    let code = if magnitude < 256 { (magnitude >> 4) as u8 } else { segment_and_step(magnitude) };
    (sign | code) ^ ALAW_TOGGLE
}
