//! The few SVG elements the picture is made of.

use std::fmt::Write as _;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:18px;font-weight:600}\
.name{fill:#555}.label{fill:#fff;font-weight:600}.digit{font-weight:700;font-size:14px}.tick{fill:#777;font-size:11px}\
.ok{fill:#1a7f37}.failed{fill:#c0262d;font-weight:700}.field{fill:#f4f5f7}\
.state{fill:#8a8f98}.dialing{fill:#8a8f98}.ringing{fill:#c98a00}.automation{fill:#7a52c7}.active{fill:#1a7f37}\
.hangup{fill:#c0262d}.axis{stroke:#999}.leader{stroke:#ccc}line.request{stroke:#0b62c4}line.answer{stroke:#b4560b}\
text.request,path.request{fill:#0b62c4}text.answer,path.answer{fill:#b4560b}.room{fill:#0b62c4}.phone{fill:#b4560b}";

/// A picture being drawn.
pub(super) struct Svg(String);

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\">\n<style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        ))
    }

    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, words: &str) {
        self.add(&format!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{}</text>", escape(words)));
    }

    /// A text that rises to the right.
    pub(super) fn slanted(&mut self, x: f64, y: f64, class: &str, words: &str) {
        let turn = format!("rotate(-55 {x:.1} {y:.1})");
        let words = escape(words);
        self.add(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" transform=\"{turn}\">{words}</text>"
        ));
    }

    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        self.add(&format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" class=\"{class}\"/>"
        ));
    }

    pub(super) fn line(&mut self, x1: f64, y1: f64, x2: f64, y2: f64, class: &str) {
        self.add(&format!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" class=\"{class}\"/>"
        ));
    }

    /// The head of a vertical arrow.
    pub(super) fn head(&mut self, x: f64, y: f64, down: bool, class: &str) {
        let back = if down { -7.0 } else { 7.0 };
        self.path(&format!("M{x:.1} {y:.1}l-3.5 {back}h7z"), class);
    }

    pub(super) fn path(&mut self, steps: &str, class: &str) {
        self.add(&format!("<path d=\"{steps}\" class=\"{class}\"/>"));
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    fn add(&mut self, element: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{element}");
    }
}

/// A text as it may stand in an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            control if control.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}
