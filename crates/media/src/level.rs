//! How loud audio is, on the scale of audio levels (RFC 6464 §3) and comfort noise (RFC 3389 §3.1): -dBov.
//!
//! 0 is a square wave as loud as samples can be, 127 silence. Whether that is speech is not told here.

/// The least that is told apart from nothing.
pub const SILENCE: u8 = 127;
/// The mean square of the loudest square wave.
const LOUDEST: f32 = 32_768.0 * 32_768.0;

/// The level of some samples, in -dBov.
#[must_use]
pub fn level(pcm: &[i16]) -> u8 {
    let energy: f32 = pcm.iter().map(|sample| f32::from(*sample).powi(2)).sum();
    of_mean_square(energy / pcm.len().max(1) as f32)
}

/// The level of samples whose squares are this on average, in -dBov.
#[must_use]
pub fn of_mean_square(mean_square: f32) -> u8 {
    let energy = (mean_square / LOUDEST).max(1e-13);
    (-10.0 * energy.log10()).round().clamp(0.0, f32::from(SILENCE)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_wave_is_loudest_a_tenth_of_it_20_db_softer_and_nothing_is_silence() {
        let square = |peak: i16| [peak, -peak].repeat(80);
        assert_eq!(level(&square(32_767)), 0);
        assert_eq!(level(&square(3_277)), 20);
        assert_eq!((level(&[0; 160]), level(&[])), (SILENCE, SILENCE));
    }
}
