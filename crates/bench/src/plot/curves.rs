//! CPU and delays over the number of calls.

use std::fmt::Write as _;

use peers::svg::Svg;

use super::{RIGHT, STYLE, WIDTH};
use crate::figures::{Figures, LimitFigures};

const LEFT: f64 = 60.0;
const TOP: f64 = 90.0;
const BOTTOM: f64 = 420.0;

/// A curve: its name, its class, and its value at a step.
type Curve = (&'static str, &'static str, fn(&Figures) -> f64);

const CURVES: [Curve; 3] = [
    ("CPU per call-second, ms", "cpu", |step| {
        step.cost.as_ref().map_or(f64::NAN, |cost| cost.cpu_ms_per_call_second)
    }),
    ("added delay phone to room, p99, ms", "room", |step| step.audio.phone_to_room_added.p99),
    ("added delay room to phone, p99, ms", "phone", |step| step.audio.room_to_phone_added.p99),
];

/// Draws the steps in the order of their calls.
pub(super) fn draw(figures: &LimitFigures) -> String {
    let mut steps: Vec<&Figures> = figures.steps.iter().collect();
    steps.sort_by_key(|step| step.calls);
    let calls = |step: &Figures| step.calls as f64;
    let most = steps.last().map_or(1.0, |step| calls(step)).max(1.0);
    let x = |calls: f64| LEFT + calls / most * (WIDTH - LEFT - RIGHT);
    let top = CURVES.iter().flat_map(|(_, _, value)| steps.iter().map(|step| value(step)));
    let top = top.filter(|value| value.is_finite()).fold(1.0, f64::max);
    let y = |value: f64| BOTTOM - value / top * (BOTTOM - TOP);

    let mut svg = Svg::new(WIDTH, BOTTOM + 50.0, STYLE);
    svg.text(20.0, 34.0, "title", &format!("{}: {} calls at most", figures.workload.name, figures.most));
    for n in 0..=5 {
        let (value, count) = (top * f64::from(n) / 5.0, most * f64::from(n) / 5.0);
        svg.line(LEFT, y(value), WIDTH - RIGHT, y(value), "grid");
        svg.text(20.0, y(value) + 4.0, "tick", &format!("{value:.1}"));
        svg.text(x(count) - 8.0, BOTTOM + 18.0, "tick", &format!("{count:.0}"));
    }
    svg.text(WIDTH - 80.0, BOTTOM + 36.0, "tick", "calls");
    for (n, (name, class, value)) in CURVES.into_iter().enumerate() {
        svg.text(20.0 + 300.0 * n as f64, 62.0, class, name);
        let mut steps_of_path = String::new();
        for step in steps.iter().filter(|step| value(step).is_finite()) {
            let letter = if steps_of_path.is_empty() { 'M' } else { 'L' };
            // Writing to a string cannot fail.
            let _ = write!(steps_of_path, "{letter}{:.1} {:.1}", x(calls(step)), y(value(step)));
        }
        svg.path(&steps_of_path, class);
    }
    svg.line(x(figures.most as f64), TOP, x(figures.most as f64), BOTTOM, "limit");
    svg.finish()
}
