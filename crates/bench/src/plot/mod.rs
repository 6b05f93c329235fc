//! The figures as a picture (SVG 1.1).

mod curves;

use peers::svg::Svg;

use crate::figures::{Figures, LimitFigures, Outcome, Spread};
use crate::report::delay_rows;
use crate::targets::Row;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:18px;font-weight:600}\
.tick{fill:#777;font-size:11px}.note{fill:#555}.grid{stroke:#e3e5e8}.axis{stroke:#999}\
line.range{stroke:#9bb8e0;stroke-width:6}line.tail{stroke:#9bb8e0;stroke-width:2}.p50{fill:#0b62c4}.p95{fill:#c98a00}\
.p99{fill:#c0262d}.ours{fill:#0b62c4}.missed{fill:#c0262d}path.cpu{stroke:#0b62c4;fill:none;stroke-width:2}\
path.room{stroke:#1a7f37;fill:none;stroke-width:2}path.phone{stroke:#b4560b;fill:none;stroke-width:2}\
text.cpu{fill:#0b62c4}text.room{fill:#1a7f37}text.phone{fill:#b4560b}line.limit{stroke:#c0262d;stroke-dasharray:4}";
const WIDTH: f64 = 1000.0;
const LEFT: f64 = 260.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 80.0;
const ROW: f64 = 24.0;

/// A logarithmic axis.
#[derive(Debug, Clone, Copy)]
struct Log {
    from: f64,
    to: f64,
}

impl Log {
    fn x(self, value: f64) -> f64 {
        let part = (value.max(self.from) / self.from).ln() / (self.to / self.from).ln();
        LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn draw(self, svg: &mut Svg, top: f64, bottom: f64, unit: &str) {
        let mut value = self.from;
        while value <= self.to * 1.001 {
            let x = self.x(value);
            svg.line(x, top, x, bottom, "grid");
            svg.text(x - 8.0, bottom + 16.0, "tick", &format!("{value} {unit}"));
            value *= 10.0;
        }
    }
}

/// Draws what a run has measured; runs without delays have no picture.
pub(crate) fn draw(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Calls(figures) => Some(calls(figures)),
        Outcome::Storm(_) | Outcome::Idle(_) => None,
    }
}

/// Draws the way to the limit.
pub(crate) fn draw_limit(figures: &LimitFigures) -> String {
    curves::draw(figures)
}

/// Draws measured figures as parts of their targets.
pub(crate) fn draw_targets(rows: &[Row]) -> String {
    let axis = Log { from: 0.01, to: 10.0 };
    let bottom = TOP + ROW * rows.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + 40.0, STYLE);
    svg.text(20.0, 34.0, "title", "Measured, as a part of the target");
    svg.text(20.0, 56.0, "note", "Left of the line is better than asked for.");
    axis.draw(&mut svg, TOP, bottom, "");
    for (n, row) in rows.iter().enumerate() {
        let y = TOP + ROW * n as f64;
        svg.text(20.0, y + 16.0, "name", row.short());
        let part = row.part_of_target();
        let class = if row.met() { "ours" } else { "missed" };
        svg.rect(LEFT, y + 5.0, axis.x(part) - LEFT, 13.0, class);
    }
    svg.line(axis.x(1.0), TOP, axis.x(1.0), bottom, "limit");
    svg.finish()
}

fn calls(figures: &Figures) -> String {
    let rows: Vec<(&str, Spread)> =
        delay_rows(figures).into_iter().filter(|(_, spread)| spread.count > 0).collect();
    let bottom = TOP + ROW * rows.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + 40.0, STYLE);
    let workload = &figures.workload;
    svg.text(20.0, 34.0, "title", &format!("{}: {} calls", workload.name, figures.calls));
    svg.text(20.0, 56.0, "note", &summary(figures));
    let axis = Log { from: 0.1, to: 1000.0 };
    axis.draw(&mut svg, TOP, bottom, "ms");
    for (n, (name, spread)) in rows.iter().enumerate() {
        let y = TOP + ROW * n as f64 + ROW / 2.0;
        svg.text(20.0, y + 4.0, "name", name.trim_start());
        svg.line(axis.x(spread.p50), y, axis.x(spread.p99), y, "range");
        svg.line(axis.x(spread.p99), y, axis.x(spread.max), y, "tail");
        for (value, class) in [(spread.p50, "p50"), (spread.p95, "p95"), (spread.p99, "p99")] {
            svg.rect(axis.x(value) - 2.0, y - 7.0, 4.0, 14.0, class);
        }
    }
    for (n, class) in ["p50", "p95", "p99"].into_iter().enumerate() {
        let x = WIDTH - 200.0 + 60.0 * n as f64;
        svg.rect(x, 44.0, 4.0, 14.0, class);
        svg.text(x + 9.0, 56.0, "note", class);
    }
    svg.finish()
}

fn summary(figures: &Figures) -> String {
    let cost = figures.cost.as_ref().map(|cost| {
        let (cpu, memory) = (cost.cpu_ms_per_call_second, cost.memory_kb_per_call);
        format!("{cpu:.2} ms CPU per call-second, {memory:.0} kB per call; ")
    });
    let missing = figures.missing_percent();
    format!("{}{missing:.2} % of the frames did not come to the phones", cost.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_is_logarithmic_and_ends_at_its_ends() {
        let axis = Log { from: 0.1, to: 1000.0 };
        assert!((axis.x(0.0) - LEFT).abs() < 1e-9);
        assert!((axis.x(10.0) - (LEFT + WIDTH - RIGHT) / 2.0).abs() < 1e-9);
        assert!((axis.x(1e9) - (WIDTH - RIGHT)).abs() < 1e-9);
    }
}
