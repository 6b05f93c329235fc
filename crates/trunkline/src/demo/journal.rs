//! Everything that was told during the call, on one clock.

use std::path::PathBuf;

use peers::server::Usage;

use super::told::{PhoneTold, RoomTold, Told, now_micros};

/// Lines kept of each kind; a call of the demo tells some hundreds.
const MAX_LINES: usize = 20_000;

/// One SIP message as the phone saw it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SipMessage {
    /// Seconds after the beginning.
    pub(super) at: f64,
    /// Whether the phone sent it.
    pub(super) from_phone: bool,
    /// Its start line in short: `INVITE`, `200 OK`.
    pub(super) name: String,
}

/// One recording.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Track {
    /// When its first sample was heard, in seconds after the beginning.
    pub(super) begin: f64,
    pub(super) path: PathBuf,
    pub(super) packets: u64,
    pub(super) lost: u64,
    pub(super) longest_gap_ms: f64,
}

/// What is known of the call. Times are seconds after the beginning.
#[derive(Debug, Default)]
pub(super) struct Journal {
    begin: u64,
    /// The phone's statuses as the room saw them (`sip.callStatus`).
    pub(super) states: Vec<(f64, String)>,
    pub(super) sip: Vec<SipMessage>,
    /// Digits heard by the phone.
    pub(super) digits: Vec<(f64, char)>,
    /// When the API was asked for the call, and when it returned.
    pub(super) asked: Option<f64>,
    pub(super) returned: Option<f64>,
    pub(super) answered: Option<f64>,
    /// When the participant heard the first packet of the phone's track, and in which codec.
    pub(super) room_hears: Option<(f64, String)>,
    pub(super) phone_hears: Option<f64>,
    pub(super) phone_codec: Option<String>,
    pub(super) room_track: Option<Track>,
    pub(super) phone_track: Option<Track>,
    /// Loudness: time, heard in the room, heard by the phone.
    pub(super) room_level: f64,
    pub(super) phone_level: f64,
    /// The server's cost: idle before the call, and at both ends of the talk.
    pub(super) idle: Option<Usage>,
    pub(super) talk_begin: Option<(f64, Usage)>,
    pub(super) talk_end: Option<(f64, Usage)>,
    pub(super) server_start: f64,
    pub(super) room_left: Option<String>,
}

impl Journal {
    /// An empty journal that begins now.
    pub(super) fn begin() -> Self {
        Self { begin: now_micros(), room_level: -100.0, phone_level: -100.0, ..Self::default() }
    }

    /// Seconds from the beginning to a wall-clock time.
    pub(super) fn seconds(&self, at: u64) -> f64 {
        (at as f64 - self.begin as f64) / 1e6
    }

    /// Seconds from the beginning to now.
    pub(super) fn now(&self) -> f64 {
        self.seconds(now_micros())
    }

    /// The status the call has now.
    pub(super) fn state(&self) -> &str {
        self.states.last().map_or("", |(_, state)| state)
    }

    /// When the call first had a status.
    pub(super) fn state_at(&self, name: &str) -> Option<f64> {
        self.states.iter().find(|(_, state)| state == name).map(|(at, _)| *at)
    }

    /// Takes a line of the phone in.
    pub(super) fn phone(&mut self, told: &Told<PhoneTold>) {
        let at = self.seconds(told.at);
        match &told.what {
            PhoneTold::Sip { sent, line } if self.sip.len() < MAX_LINES => {
                self.sip.push(SipMessage { at, from_phone: *sent, name: short(line) });
            }
            PhoneTold::Digit { digit, .. } if self.digits.len() < MAX_LINES => self.digits.push((at, *digit)),
            PhoneTold::Answered { codec, .. } => {
                self.answered = Some(at);
                self.phone_codec = Some(codec.clone());
            }
            PhoneTold::FirstAudio { .. } => self.phone_hears = Some(at),
            PhoneTold::Level { heard, .. } => self.phone_level = *heard,
            PhoneTold::HungUp { received, lost, longest_gap_ms, recording, .. } => {
                self.phone_track = recording.clone().map(|path| Track {
                    begin: self.phone_hears.unwrap_or(at),
                    path,
                    packets: *received,
                    lost: *lost,
                    longest_gap_ms: *longest_gap_ms,
                });
            }
            _ => {}
        }
    }

    /// Takes a line of the participant in.
    pub(super) fn room(&mut self, told: &Told<RoomTold>) {
        let at = self.seconds(told.at);
        match &told.what {
            RoomTold::Attributes { changed, .. } if self.states.len() < MAX_LINES => {
                self.states.extend(changed.get("sip.callStatus").map(|state| (at, state.clone())));
            }
            RoomTold::FirstAudio { codec } => self.room_hears = Some((at, codec.clone())),
            RoomTold::Level { heard, .. } => self.room_level = *heard,
            RoomTold::ParticipantLeft { reason, .. } => self.room_left = Some(reason.clone()),
            RoomTold::TrackEnded { packets, lost, longest_gap_ms, recording, .. } => {
                self.room_track = recording.clone().map(|path| Track {
                    begin: self.room_hears.as_ref().map_or(at, |(begin, _)| *begin),
                    path,
                    packets: *packets,
                    lost: *lost,
                    longest_gap_ms: *longest_gap_ms,
                });
            }
            _ => {}
        }
    }

    /// The digits the phone heard, in order.
    pub(super) fn digits_heard(&self) -> String {
        self.digits.iter().map(|(_, digit)| digit).collect()
    }
}

/// A start line in short: the method, or the status with its reason.
pub(super) fn short(line: &str) -> String {
    match line.strip_prefix("SIP/2.0 ") {
        Some(status) => status.to_owned(),
        None => line.split(' ').next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_is_put_together_from_what_both_ends_tell() {
        let mut journal = Journal::begin();
        let at = journal.begin + 1_500_000;
        let changed = [("sip.callStatus".to_owned(), "ringing".to_owned())].into();
        let identity = "phone".to_owned();
        journal.room(&Told { at, what: RoomTold::Attributes { identity, changed } });
        let line = "INVITE sip:+15550100@127.0.0.1 SIP/2.0".to_owned();
        journal.phone(&Told { at, what: PhoneTold::Sip { sent: false, line } });
        journal.phone(&Told { at, what: PhoneTold::Digit { call: 1, digit: '#' } });
        assert_eq!((journal.state(), journal.state_at("ringing")), ("ringing", Some(1.5)));
        assert_eq!(journal.sip[0].name, "INVITE");
        assert_eq!(journal.digits_heard(), "#");
        assert_eq!(short("SIP/2.0 180 Ringing"), "180 Ringing");
    }
}
