//! The few elements of SVG 1.1 that pictures of calls and figures are made of.

use std::fmt::Write as _;

/// A picture being drawn.
#[derive(Debug)]
pub struct Svg(String);

impl Svg {
    /// An empty picture; `style` is CSS for the classes that its elements name.
    #[must_use]
    pub fn new(width: f64, height: f64, style: &str) -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\">\n<style>{style}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        ))
    }

    /// A text that begins at a point.
    pub fn text(&mut self, x: f64, y: f64, class: &str, words: &str) {
        self.add(&format!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{}</text>", escape(words)));
    }

    /// A text that rises to the right.
    pub fn slanted(&mut self, x: f64, y: f64, class: &str, words: &str) {
        let turn = format!("rotate(-55 {x:.1} {y:.1})");
        let words = escape(words);
        self.add(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" transform=\"{turn}\">{words}</text>"
        ));
    }

    /// A rectangle by its upper left corner.
    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        self.add(&format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" class=\"{class}\"/>"
        ));
    }

    /// A line.
    pub fn line(&mut self, x1: f64, y1: f64, x2: f64, y2: f64, class: &str) {
        self.add(&format!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" class=\"{class}\"/>"
        ));
    }

    /// The head of a vertical arrow.
    pub fn head(&mut self, x: f64, y: f64, down: bool, class: &str) {
        let back = if down { -7.0 } else { 7.0 };
        self.path(&format!("M{x:.1} {y:.1}l-3.5 {back}h7z"), class);
    }

    /// A path in SVG's own steps.
    pub fn path(&mut self, steps: &str, class: &str) {
        self.add(&format!("<path d=\"{steps}\" class=\"{class}\"/>"));
    }

    /// The picture as a file's content.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    fn add(&mut self, element: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{element}");
    }
}

/// A text as it may stand in an element or an attribute.
#[must_use]
pub fn escape(text: &str) -> String {
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
