//! One mapping of the file while it is read: takes known keys out, notes wrong values with their path, and warns
//! about what is left.

use std::{cell::RefCell, fmt, net::IpAddr, time::Duration};

use serde_yaml_ng::{Mapping, Value};

use super::values::{self, Network, PortRange};

/// A value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// `sip.rtp_port`.
    pub(crate) path: String,
    /// What would be right.
    pub(crate) expected: String,
    /// What is there, shortened; empty when it must not be shown.
    pub(crate) found: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: should be {}", self.path, self.expected)?;
        if self.found.is_empty() { Ok(()) } else { write!(f, ", not {}", self.found) }
    }
}

/// What reading a file has found so far.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) problems: RefCell<Vec<Problem>>,
    pub(super) warnings: RefCell<Vec<String>>,
    /// Every key that was asked for and was not there.
    pub(super) absent: RefCell<Vec<String>>,
}

pub(super) struct Section<'n> {
    path: String,
    map: Mapping,
    notes: &'n Notes,
}

impl<'n> Section<'n> {
    pub(super) fn new(path: String, value: Value, notes: &'n Notes) -> Self {
        let map = match value {
            Value::Mapping(map) => map,
            Value::Null => Mapping::new(),
            other => {
                let whole = if path.is_empty() { "the file".to_owned() } else { path.clone() };
                notes.problem(whole, "a mapping of keys to values", &other);
                Mapping::new()
            }
        };
        Self { path, map, notes }
    }

    /// The value of a key; `null` and the empty string count as absent.
    fn take(&mut self, key: &str) -> Option<Value> {
        match self.map.shift_remove(key) {
            Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(value) => Some(value),
            None => {
                self.notes.absent.borrow_mut().push(self.path_of(key));
                None
            }
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Reads a key with `parse`; a value that it refuses is noted.
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.notes.problem(self.path_of(key), expected, &value);
        }
        parsed
    }

    pub(super) fn section(&mut self, key: &str) -> Section<'n> {
        let value = self.take(key).unwrap_or(Value::Null);
        Section::new(self.path_of(key), value, self.notes)
    }

    /// The elements of a list, each with its path.
    pub(super) fn list(&mut self, key: &str) -> Option<Vec<(String, Value)>> {
        let path = self.path_of(key);
        let list = self.read(key, "a list", |value| value.as_sequence().cloned())?;
        Some(list.into_iter().enumerate().map(|(i, v)| (format!("{path}[{i}]"), v)).collect())
    }

    /// The entries of a mapping whose keys are the user's.
    pub(super) fn entries(&mut self, key: &str) -> Vec<(String, String, Value)> {
        let path = self.path_of(key);
        let Some(map) = self.read(key, "a mapping", |value| value.as_mapping().cloned()) else {
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (key, value) in map {
            match scalar(&key) {
                Some(key) => entries.push((format!("{path}.{key}"), key, value)),
                None => self.notes.problem(path.clone(), "a mapping with plain keys", &key),
            }
        }
        entries
    }

    pub(super) fn port(&mut self, key: &str, target: &mut u16) {
        set(target, self.read(key, "a port, 0 to 65535", port));
    }

    /// A port where 0 means off.
    pub(super) fn optional_port(&mut self, key: &str, target: &mut Option<u16>) {
        if let Some(port) = self.read(key, "a port, 0 (off) to 65535", port) {
            *target = Some(port).filter(|port| *port != 0);
        }
    }

    pub(super) fn ports(&mut self, key: &str, target: &mut PortRange) {
        let range = self
            .read(key, "a port or a range of ports, 7882-7897", |value| PortRange::parse(&scalar(value)?));
        set(target, range);
    }

    /// A port or a range of ports; 0 is off.
    pub(super) fn optional_ports(&mut self, key: &str, target: &mut Option<PortRange>) {
        let expected = "0 (off), a port or a range of ports, 7881-7896";
        if let Some(range) = self.read(key, expected, |value| PortRange::parse(&scalar(value)?)) {
            *target = Some(range).filter(|range| range.first != 0);
        }
    }

    pub(super) fn boolean(&mut self, key: &str, target: &mut bool) {
        set(target, self.read(key, "true or false", Value::as_bool));
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        self.read(key, "true or false", Value::as_bool)
    }

    /// A list of texts that are each right.
    pub(super) fn texts(
        &mut self,
        key: &str,
        expected: &str,
        is_right: impl Fn(&str) -> bool,
    ) -> Option<Vec<String>> {
        let list = self.list(key)?;
        let mut found = Vec::new();
        for (path, value) in list {
            match value.as_str().filter(|text| is_right(text)) {
                Some(text) => found.push(text.to_owned()),
                None => self.notes.problem(path, expected, &value),
            }
        }
        Some(found)
    }

    pub(super) fn count(&mut self, key: &str, target: &mut u32) {
        let count = self.read(key, "a number, 0 or more", |v| u32::try_from(v.as_u64()?).ok());
        set(target, count);
    }

    /// A part of a whole.
    pub(super) fn share(&mut self, key: &str, target: &mut f64) {
        let share = self.read(key, "a number above 0, up to 1", |value| {
            value.as_f64().filter(|share| *share > 0.0 && *share <= 1.0)
        });
        set(target, share);
    }

    pub(super) fn size(&mut self, key: &str, target: &mut usize) {
        let size = self.read(key, "a number of bytes, 1 or more", |value| {
            usize::try_from(value.as_u64()?).ok().filter(|size| *size > 0)
        });
        set(target, size);
    }

    pub(super) fn duration(&mut self, key: &str, target: &mut Duration) {
        let duration = self.read(key, "a duration, 15s or 1m30s", |value| values::duration(&scalar(value)?));
        set(target, duration);
    }

    pub(super) fn address(&mut self, key: &str, target: &mut IpAddr) {
        set(target, self.read(key, "an IP address", ip));
    }

    pub(super) fn optional_address(&mut self, key: &str, target: &mut Option<IpAddr>) {
        if let Some(ip) = self.read(key, "an IP address", ip) {
            *target = Some(ip);
        }
    }

    pub(super) fn network(&mut self, key: &str, target: &mut Option<Network>) {
        if let Some(net) = self.read(key, "a network, 10.0.0.0/8", |value| Network::parse(value.as_str()?)) {
            *target = Some(net);
        }
    }

    pub(super) fn text(&mut self, key: &str, target: &mut String) {
        set(target, self.read(key, "a text", scalar));
    }

    pub(super) fn checked_text(
        &mut self,
        key: &str,
        expected: &str,
        check: impl Fn(&str) -> bool,
    ) -> Option<String> {
        self.read(key, expected, |value| scalar(value).filter(|text| check(text)))
    }

    /// `sip.rtp_port` without its last part.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn notes(&self) -> &'n Notes {
        self.notes
    }

    /// Warns about every key that nobody took.
    pub(super) fn finish(self) {
        for key in self.map.keys() {
            let path = self.path_of(&scalar(key).unwrap_or_else(|| "?".to_owned()));
            self.notes.warn(format!("{path}: unknown key, ignored"));
        }
    }
}

impl Notes {
    pub(super) fn problem(&self, path: String, expected: &str, found: &Value) {
        let found = describe(found);
        self.problems.borrow_mut().push(Problem { path, expected: expected.to_owned(), found });
    }

    /// A problem with a value that must not be shown.
    pub(super) fn secret_problem(&self, path: String, expected: &str) {
        let problem = Problem { path, expected: expected.to_owned(), found: String::new() };
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn warn(&self, text: String) {
        self.warnings.borrow_mut().push(text);
    }
}

/// A short form of a wrong value.
fn describe(value: &Value) -> String {
    match value {
        Value::Mapping(_) => "a mapping".to_owned(),
        Value::Sequence(_) => "a list".to_owned(),
        Value::String(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
        other => scalar(other).unwrap_or_else(|| "nothing".to_owned()),
    }
}

/// A text, number or boolean as text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

pub(super) fn ip(value: &Value) -> Option<IpAddr> {
    value.as_str()?.parse().ok()
}

fn port(value: &Value) -> Option<u16> {
    scalar(value)?.parse().ok()
}

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}
