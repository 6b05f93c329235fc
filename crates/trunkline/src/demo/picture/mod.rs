//! The picture of the call: statuses, SIP messages, digits and both recordings on one time axis (SVG 1.1).

mod wave;

use peers::svg::{Svg, escape};

use super::journal::Journal;
use super::judge::Verdict;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:18px;font-weight:600}\
.name{fill:#555}.label{fill:#fff;font-weight:600}.digit{font-weight:700;font-size:14px}.tick{fill:#777;font-size:11px}\
.ok{fill:#1a7f37}.failed{fill:#c0262d;font-weight:700}.field{fill:#f4f5f7}\
.state{fill:#8a8f98}.dialing{fill:#8a8f98}.ringing{fill:#c98a00}.automation{fill:#7a52c7}.active{fill:#1a7f37}\
.hangup{fill:#c0262d}.axis{stroke:#999}.leader{stroke:#ccc}line.request{stroke:#0b62c4}line.answer{stroke:#b4560b}\
text.request,path.request{fill:#0b62c4}text.answer,path.answer{fill:#b4560b}.room{fill:#0b62c4}.phone{fill:#b4560b}";
const WIDTH: f64 = 1200.0;
const LEFT: f64 = 130.0;
const RIGHT: f64 = 20.0;
/// Rows from the top.
const TITLE: f64 = 34.0;
const STATES: f64 = 60.0;
const LADDER: f64 = 118.0;
const LADDER_HEIGHT: f64 = 150.0;
const DIGITS: f64 = 300.0;
const WAVES: f64 = 322.0;
const WAVE_HEIGHT: f64 = 110.0;
const AXIS: f64 = 566.0;
const HEIGHT: f64 = 660.0;
/// Closest two labels of the ladder may come.
const LABEL_GAP: f64 = 17.0;

/// Seconds and pixels.
#[derive(Debug, Clone, Copy)]
struct Scale {
    begin: f64,
    end: f64,
}

impl Scale {
    fn x(&self, at: f64) -> f64 {
        let part = (at - self.begin) / (self.end - self.begin);
        LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }
}

/// Draws the call.
pub(super) fn draw(journal: &Journal, verdict: &Verdict) -> String {
    let begin = journal.asked.unwrap_or(0.0) - 0.2;
    let last = journal
        .states
        .last()
        .map_or(begin + 1.0, |(at, _)| *at)
        .max(journal.sip.last().map_or(0.0, |m| m.at));
    let scale = Scale { begin, end: last + 0.8 };
    let mut svg = Svg::new(WIDTH, HEIGHT, STYLE);
    svg.text(20.0, TITLE, "title", "One phone call into a room");
    states(&mut svg, scale, journal);
    ladder(&mut svg, scale, journal);
    digits(&mut svg, scale, journal);
    let tracks =
        [("the room hears", &journal.room_track, "room"), ("the phone hears", &journal.phone_track, "phone")];
    for (row, (name, track, class)) in tracks.into_iter().enumerate() {
        let top = WAVES + row as f64 * (WAVE_HEIGHT + 8.0);
        svg.rect(LEFT, top, WIDTH - LEFT - RIGHT, WAVE_HEIGHT, "field");
        svg.text(20.0, top + WAVE_HEIGHT / 2.0 + 4.0, "name", name);
        if let Some(track) = track {
            wave::draw(&mut svg, scale, track, top, class);
        }
    }
    axis(&mut svg, scale);
    for (row, check) in verdict.checks.iter().enumerate() {
        let mark = if check.passed { "ok" } else { "FAILED" };
        let (column, line) = ((row % 2) as f64, (row / 2) as f64);
        let words = format!("{mark}  {}: {}", check.name, check.found);
        let class = if check.passed { "ok" } else { "failed" };
        svg.text(20.0 + column * 600.0, AXIS + 46.0 + line * 18.0, class, &words);
    }
    svg.finish()
}

fn states(svg: &mut Svg, scale: Scale, journal: &Journal) {
    svg.text(20.0, STATES + 20.0, "name", "sip.callStatus");
    for (index, (at, state)) in journal.states.iter().enumerate() {
        let until = journal.states.get(index + 1).map_or(scale.end, |(next, _)| *next);
        let (from, to) = (scale.x(*at), scale.x(until));
        svg.rect(from, STATES, (to - from).max(1.0), 30.0, &format!("state {}", escape(state)));
        if to - from > 8.0 * state.len() as f64 {
            svg.text(from + 6.0, STATES + 20.0, "label", state);
        }
    }
}

/// Each message as an arrow between two lines, its name slanted above.
fn ladder(svg: &mut Svg, scale: Scale, journal: &Journal) {
    let (server, phone) = (LADDER + 95.0, LADDER + LADDER_HEIGHT);
    for (y, name) in [(server, "server"), (phone, "phone")] {
        svg.line(LEFT, y, WIDTH - RIGHT, y, "axis");
        svg.text(20.0, y + 4.0, "name", name);
    }
    let mut free = LEFT;
    for message in &journal.sip {
        let x = scale.x(message.at);
        let label = x.max(free);
        free = label + LABEL_GAP;
        let class = if message.from_phone { "answer" } else { "request" };
        let (from, to) = if message.from_phone { (phone, server) } else { (server, phone) };
        svg.line(x, from, x, to, class);
        svg.head(x, to, to > from, class);
        svg.line(x, server, label, server - 12.0, "leader");
        svg.slanted(label, server - 15.0, class, &message.name);
    }
}

fn digits(svg: &mut Svg, scale: Scale, journal: &Journal) {
    svg.text(20.0, DIGITS, "name", "digits");
    for (at, digit) in &journal.digits {
        svg.text(scale.x(*at) - 4.0, DIGITS, "digit", &digit.to_string());
    }
}

fn axis(svg: &mut Svg, scale: Scale) {
    svg.line(LEFT, AXIS, WIDTH - RIGHT, AXIS, "axis");
    let zero = scale.begin + 0.2;
    let mut second = 0.0;
    while zero + second < scale.end {
        let x = scale.x(zero + second);
        svg.line(x, AXIS, x, AXIS + 5.0, "axis");
        svg.text(x - 8.0, AXIS + 19.0, "tick", &format!("{second:.0} s"));
        second += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::journal::SipMessage;
    use crate::demo::judge::Check;

    #[test]
    fn a_picture_is_drawn_even_of_a_call_that_went_wrong() {
        let empty = draw(&Journal::begin(), &Verdict { checks: Vec::new() });
        assert!(empty.starts_with("<svg") && empty.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn what_the_network_said_cannot_break_the_picture() {
        let mut journal = Journal::begin();
        journal.asked = Some(0.0);
        journal.states.push((0.1, "a\"<b>".to_owned()));
        journal.sip.push(SipMessage { at: 0.1, from_phone: true, name: "200 <OK> & more".to_owned() });
        let check = Check { name: "digits", passed: false, found: "\"<>&\"".to_owned() };
        let picture = draw(&journal, &Verdict { checks: vec![check] });
        assert!(picture.contains("200 &lt;OK&gt; &amp; more"), "{picture}");
        assert!(!picture.contains("<b>"));
    }
}
