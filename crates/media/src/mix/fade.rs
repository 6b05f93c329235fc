//! Where a talker's sound begins and ends: a cut in the midst of a wave is heard as a click, a slope is not.

/// How much of a frame that begins rises: a quarter, 5 ms. A first word loses nothing by it.
const RISING: usize = 4;

/// The first frame of a talker: from nothing to its level within 5 ms.
pub fn fade_in(frame: &mut [i16]) {
    let rising = frame.len() / RISING;
    slope(frame[..rising].iter_mut());
}

/// The last frame of a talker: down to nothing, within the whole of it.
pub fn fade_out(frame: &mut [i16]) {
    slope(frame.iter_mut().rev());
}

/// From silence to the samples' own level, in steps as small as can be.
fn slope<'a>(samples: impl ExactSizeIterator<Item = &'a mut i16>) {
    let length = samples.len() as i32;
    for (n, sample) in (0..).zip(samples) {
        *sample = (i32::from(*sample) * n / length) as i16;
    }
}
