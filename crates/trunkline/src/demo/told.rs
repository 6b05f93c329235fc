//! What the demo's other processes tell on their standard output: one JSON object per line, with the
//! wall clock in microseconds.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use peers::participant::{Heard, ParticipantEvent};
use peers::phone::{HungUpBy, PhoneEvent};
use serde::{Deserialize, Serialize};
use sip_io::{Direction, Traced};

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Told<T> {
    /// Microseconds since 1970.
    pub(crate) at: u64,
    /// What.
    #[serde(flatten)]
    pub(crate) what: T,
}

impl<T: Serialize> Told<T> {
    /// Prints it to standard output. A reader that is gone is no reason to fail: the process is about to be ended.
    pub(crate) fn print(&self) {
        if let Ok(line) = serde_json::to_string(self) {
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        }
    }
}

/// The wall clock in microseconds.
pub(crate) fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// What the phone tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum PhoneTold {
    Listening {
        address: SocketAddr,
    },
    Incoming {
        call: u64,
        to: String,
        from: String,
    },
    Ringing {
        call: u64,
    },
    EarlyMedia {
        call: u64,
    },
    Refused {
        call: u64,
        code: u16,
    },
    Answered {
        call: u64,
        codec: String,
    },
    FirstAudio {
        call: u64,
    },
    Level {
        call: u64,
        heard: f64,
        said: f64,
    },
    Digit {
        call: u64,
        digit: char,
    },
    DigitsSent {
        call: u64,
    },
    HungUp {
        call: u64,
        by: String,
        received: u64,
        lost: u64,
        longest_gap_ms: f64,
        recording: Option<PathBuf>,
    },
    Sip {
        sent: bool,
        line: String,
    },
}

impl PhoneTold {
    /// An event of the phone in these words; `None` for what is of no interest here.
    pub(crate) fn of(call: u64, event: PhoneEvent) -> Option<Self> {
        Some(match event {
            PhoneEvent::Incoming { to, from, .. } => Self::Incoming { call, to, from },
            PhoneEvent::Ringing => Self::Ringing { call },
            PhoneEvent::EarlyMedia => Self::EarlyMedia { call },
            PhoneEvent::Refused { code } => Self::Refused { call, code },
            PhoneEvent::Answered { codec } => Self::Answered { call, codec: codec.to_owned() },
            PhoneEvent::FirstAudio => Self::FirstAudio { call },
            PhoneEvent::Level { heard, said } => Self::Level { call, heard, said },
            PhoneEvent::Digit { digit } => Self::Digit { call, digit },
            PhoneEvent::DigitsSent => Self::DigitsSent { call },
            PhoneEvent::HungUp { by, report, recording } => Self::HungUp {
                call,
                by: who(by).to_owned(),
                received: report.received,
                lost: report.lost,
                longest_gap_ms: report.longest_gap_ms,
                recording: recording.map(|recorded| recorded.path),
            },
            _ => return None,
        })
    }

    /// A SIP message that crossed the phone's socket.
    pub(crate) fn sip(message: &Traced) -> Self {
        Self::Sip { sent: message.direction == Direction::Sent, line: message.start_line() }
    }

    /// The event as a line for people; levels and SIP messages are none.
    pub(crate) fn words(&self) -> Option<String> {
        Some(match self {
            Self::Listening { address } => format!("listening on {address} (UDP and TCP)"),
            Self::Incoming { call, to, from } => format!("call {call}: {from} dials {to}"),
            Self::Ringing { call } => format!("call {call}: rings"),
            Self::EarlyMedia { call } => format!("call {call}: plays early media"),
            Self::Refused { call, code } => format!("call {call}: refused with {code}"),
            Self::Answered { call, codec } => format!("call {call}: answered, {codec}"),
            Self::FirstAudio { call } => format!("call {call}: hears the first packet"),
            Self::Digit { call, digit } => format!("call {call}: digit {digit}"),
            Self::DigitsSent { call } => format!("call {call}: digits sent"),
            Self::HungUp { call, by, received, lost, longest_gap_ms, recording } => {
                let kept = recording.as_ref().map(|path| format!(", recorded in {}", path.display()));
                format!(
                    "call {call}: ended by {by}; {received} packets heard, {lost} lost, longest gap \
                     {longest_gap_ms:.0} ms{}",
                    kept.unwrap_or_default()
                )
            }
            Self::Level { .. } | Self::Sip { .. } => return None,
        })
    }
}

fn who(by: HungUpBy) -> &'static str {
    match by {
        HungUpBy::Caller => "the caller",
        HungUpBy::CallerEarly => "the caller before the answer",
        HungUpBy::Phone => "the phone",
        HungUpBy::Failure => "a failure",
    }
}

/// What the room participant tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum RoomTold {
    Joined { room: String },
    Connected,
    Published,
    ParticipantJoined { identity: String, sip: bool },
    ParticipantLeft { identity: String, reason: String },
    Attributes { identity: String, changed: BTreeMap<String, String> },
    Subscribed { identity: String },
    FirstAudio { codec: String },
    Level { heard: f64, said: f64 },
    Digit { digit: String },
    TrackEnded { identity: String, packets: u64, lost: u64, longest_gap_ms: f64, recording: Option<PathBuf> },
    Disconnected { cause: String },
}

impl RoomTold {
    /// An event of the participant in these words. Levels come as two numbers and are put together elsewhere.
    pub(crate) fn of(event: ParticipantEvent) -> Option<Self> {
        Some(match event {
            ParticipantEvent::Joined(join) => Self::Joined { room: join.room.unwrap_or_default().name },
            ParticipantEvent::Connected => Self::Connected,
            ParticipantEvent::Published { .. } => Self::Published,
            ParticipantEvent::ParticipantJoined(info) => {
                let sip = info.kind() == livekit_protocol::participant_info::Kind::Sip;
                Self::ParticipantJoined { identity: info.identity, sip }
            }
            ParticipantEvent::ParticipantLeft { identity, reason, .. } => {
                Self::ParticipantLeft { identity, reason: reason.as_str_name().to_owned() }
            }
            ParticipantEvent::AttributesChanged { identity, changed } => {
                Self::Attributes { identity, changed }
            }
            ParticipantEvent::TrackSubscribed { identity, .. } => Self::Subscribed { identity },
            ParticipantEvent::FirstAudio { codec, .. } => Self::FirstAudio { codec: codec.name().to_owned() },
            ParticipantEvent::Digit { digit, .. } => Self::Digit { digit },
            ParticipantEvent::TrackEnded(heard) => Self::ended(heard),
            ParticipantEvent::Disconnected(cause) => Self::Disconnected { cause: format!("{cause:?}") },
            _ => return None,
        })
    }

    fn ended(heard: Heard) -> Self {
        Self::TrackEnded {
            identity: heard.identity,
            packets: heard.packets,
            lost: heard.lost,
            longest_gap_ms: heard.longest_gap.as_secs_f64() * 1000.0,
            recording: heard.recorded.map(|recorded| recorded.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_survives_its_way_between_the_processes() {
        let digit = Told { at: 7, what: PhoneTold::Digit { call: 1, digit: '#' } };
        let line = serde_json::to_string(&digit).unwrap();
        assert_eq!(line, r##"{"at":7,"event":"digit","call":1,"digit":"#"}"##);
        let read: Told<PhoneTold> = serde_json::from_str(&line).unwrap();
        assert_eq!((read.at, read.what), (7, digit.what));
    }
}
