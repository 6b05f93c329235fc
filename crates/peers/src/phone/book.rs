//! The numbers the phone has and how each behaves.

use std::time::Duration;

/// What the phone does about an incoming call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Rings (180) and answers (200) after `ring`; with zero it answers at once without ringing.
    After {
        /// How long it rings.
        ring: Duration,
    },
    /// Plays a tone as early media (183 with SDP), then answers.
    EarlyMedia {
        /// How long the early media lasts.
        ring: Duration,
    },
    /// Refuses with a final status.
    Refuse {
        /// The status, 300 to 699.
        code: u16,
        /// Its reason phrase.
        reason: String,
    },
    /// Rings until the caller gives up.
    Never,
}

/// The behaviour behind one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// What it does about the call.
    pub answer: Answer,
    /// What it says, where it differs from the phone's own sound.
    pub echo: bool,
    /// Digits it presses once answered, in the syntax of a dial string (`w` waits half a second).
    pub press: Option<String>,
    /// How long after the answer it hangs up by itself.
    pub hangup_after: Option<Duration>,
}

/// One line of the phone book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The number as dialled.
    pub number: String,
    /// What happens, in words for a user.
    pub about: String,
    /// What happens.
    pub script: Script,
}

/// The phone's numbers. Numbers are compared without regard to a leading `+`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneBook {
    /// The known numbers, in the order in which they are shown.
    pub entries: Vec<Entry>,
    /// What any other number does.
    pub otherwise: Script,
}

impl Script {
    /// Rings for `ring`, then answers; nothing else.
    #[must_use]
    pub fn answer_after(ring: Duration) -> Self {
        Self { answer: Answer::After { ring }, echo: false, press: None, hangup_after: None }
    }

    fn of(answer: Answer) -> Self {
        Self { answer, echo: false, press: None, hangup_after: None }
    }

    fn refuse(code: u16, reason: &str) -> Self {
        Self::of(Answer::Refuse { code, reason: reason.to_owned() })
    }
}

impl PhoneBook {
    /// The script behind a dialled number.
    #[must_use]
    pub fn lookup(&self, dialled: &str) -> &Script {
        let plain = |number: &str| number.trim_start_matches('+').to_owned();
        let wanted = plain(dialled);
        let entry = self.entries.iter().find(|entry| plain(&entry.number) == wanted);
        entry.map_or(&self.otherwise, |entry| &entry.script)
    }

    /// A phone on which every number rings for `ring` and answers.
    #[must_use]
    pub fn uniform(ring: Duration) -> Self {
        Self { entries: Vec::new(), otherwise: Script::answer_after(ring) }
    }
}

/// The built-in numbers, from the range kept for fiction (+1 555 0100 to 0199):
///
/// | number | what happens |
/// |---|---|
/// | +15550100 | answers at once |
/// | +15550101 | rings 3 s, then answers |
/// | +15550102 | is busy (486) |
/// | +15550103 | declines (603) |
/// | +15550104 | never answers |
/// | +15550105 | answers and echoes |
/// | +15550106 | plays early media (183) for 2 s, then answers |
/// | +15550107 | answers and presses 1 2 3 # |
/// | +15550108 | answers and hangs up after 5 s |
/// | +15550109 | does not exist (404) |
/// | any other | rings 1 s, then answers |
impl Default for PhoneBook {
    fn default() -> Self {
        let entry = |number: &str, about: &str, script: Script| Entry {
            number: number.to_owned(),
            about: about.to_owned(),
            script,
        };
        let at_once = || Script::answer_after(Duration::ZERO);
        let early = Answer::EarlyMedia { ring: Duration::from_secs(2) };
        let entries = vec![
            entry("+15550100", "answers at once", at_once()),
            entry("+15550101", "rings 3 s, then answers", Script::answer_after(Duration::from_secs(3))),
            entry("+15550102", "is busy (486)", Script::refuse(486, "Busy Here")),
            entry("+15550103", "declines (603)", Script::refuse(603, "Decline")),
            entry("+15550104", "never answers", Script::of(Answer::Never)),
            entry("+15550105", "answers and echoes", Script { echo: true, ..at_once() }),
            entry("+15550106", "plays early media (183) for 2 s, then answers", Script::of(early)),
            entry(
                "+15550107",
                "answers and presses 1 2 3 #",
                Script { press: Some("ww1w2w3w#".to_owned()), ..at_once() },
            ),
            entry(
                "+15550108",
                "answers and hangs up after 5 s",
                Script { hangup_after: Some(Duration::from_secs(5)), ..at_once() },
            ),
            entry("+15550109", "does not exist (404)", Script::refuse(404, "Not Found")),
        ];
        Self { entries, otherwise: Script::answer_after(Duration::from_secs(1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_with_and_without_a_plus() {
        let book = PhoneBook::default();
        assert!(matches!(book.lookup("+15550102").answer, Answer::Refuse { code: 486, .. }));
        assert!(matches!(book.lookup("15550102").answer, Answer::Refuse { code: 486, .. }));
        assert_eq!(book.lookup("+15550199"), &book.otherwise);
        assert!(book.lookup("+15550105").echo);
    }

    #[test]
    fn the_documented_table_is_the_book() {
        let source = include_str!("book.rs");
        for entry in PhoneBook::default().entries {
            let row = format!("/// | {} | {} |", entry.number, entry.about);
            assert!(source.contains(&row), "{row}");
        }
    }
}
