//! A recording as a waveform.

use std::fmt::Write as _;

use peers::measure::Recording;
use peers::svg::Svg;

use super::super::journal::Track;
use super::{LEFT, RIGHT, Scale, WAVE_HEIGHT, WIDTH};

/// Half of full scale fills the field: telephone speech is never louder for long.
const MAGNIFIED: f64 = 2.0;

/// Draws the loudest sample of each pixel, up and down.
pub(super) fn draw(svg: &mut Svg, scale: Scale, track: &Track, top: f64, class: &str) {
    let Ok(recording) = Recording::read(&track.path) else { return };
    let columns = (WIDTH - LEFT - RIGHT) as usize;
    let seconds = (scale.end - scale.begin) / columns as f64;
    let middle = top + WAVE_HEIGHT / 2.0;
    let peaks: Vec<f64> = (0..columns)
        .map(|column| {
            let at = scale.begin + column as f64 * seconds - track.begin;
            peak(&recording, at, at + seconds) * WAVE_HEIGHT / 2.0
        })
        .collect();
    let mut steps = format!("M{LEFT:.0} {middle:.1}");
    let mut add = |column: usize, y: f64| {
        // Writing to a string cannot fail.
        let _ = write!(steps, "L{:.0} {y:.1}", LEFT + column as f64);
    };
    peaks.iter().enumerate().for_each(|(column, peak)| add(column, middle - peak - 0.3));
    peaks.iter().enumerate().rev().for_each(|(column, peak)| add(column, middle + peak + 0.3));
    svg.path(&format!("{steps}z"), class);
}

/// The loudest sample between two times, as a part of the field.
fn peak(recording: &Recording, from: f64, to: f64) -> f64 {
    let index = |at: f64| (at.max(0.0) * f64::from(recording.rate)) as usize;
    let end = index(to).min(recording.samples.len());
    let samples = recording.samples.get(index(from)..end).unwrap_or_default();
    let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    (MAGNIFIED * f64::from(loudest) / f64::from(i16::MAX)).min(1.0)
}
