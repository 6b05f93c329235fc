//! Who is in the room, as the server tells it, and what changed from one telling to the next.

use std::collections::{BTreeMap, HashMap};

use livekit_protocol as proto;
use proto::participant_info::State;

use super::event::ParticipantEvent;

/// Participants kept; a room with more is followed only in part.
const MAX_PARTICIPANTS: usize = 4096;

/// The participants by identity, the own one included.
#[derive(Debug, Default)]
pub(super) struct Roster {
    known: HashMap<String, proto::ParticipantInfo>,
}

impl Roster {
    /// Takes one participant's state in and tells what is new about it.
    pub(super) fn update(&mut self, info: proto::ParticipantInfo) -> Vec<ParticipantEvent> {
        let mut events = Vec::new();
        if info.state == State::Disconnected as i32 {
            let current = self.known.get(&info.identity).is_some_and(|known| known.sid == info.sid);
            if current {
                self.known.remove(&info.identity);
                events.push(left(&info));
            }
            return events;
        }
        let before = self.known.get(&info.identity).filter(|known| known.sid == info.sid);
        if before.is_some_and(|known| known.version > info.version) {
            return events;
        }
        let changed = changes(before.map(|known| &known.attributes), &info.attributes);
        events.push(match before {
            Some(_) => ParticipantEvent::ParticipantUpdated(Box::new(info.clone())),
            None => ParticipantEvent::ParticipantJoined(Box::new(info.clone())),
        });
        if !changed.is_empty() {
            let identity = info.identity.clone();
            events.push(ParticipantEvent::AttributesChanged { identity, changed });
        }
        if self.known.len() < MAX_PARTICIPANTS || self.known.contains_key(&info.identity) {
            self.known.insert(info.identity.clone(), info);
        }
        events
    }

    /// The identity of a track's publisher.
    pub(super) fn publisher(&self, track_sid: &str) -> Option<&str> {
        let publishes =
            |info: &&proto::ParticipantInfo| info.tracks.iter().any(|track| track.sid == track_sid);
        self.known.values().find(publishes).map(|info| info.identity.as_str())
    }

    /// The identity behind a participant's session id.
    pub(super) fn identity(&self, sid: &str) -> Option<&str> {
        self.known.values().find(|info| info.sid == sid).map(|info| info.identity.as_str())
    }
}

fn left(info: &proto::ParticipantInfo) -> ParticipantEvent {
    ParticipantEvent::ParticipantLeft {
        identity: info.identity.clone(),
        sid: info.sid.clone(),
        reason: info.disconnect_reason(),
    }
}

fn changes(
    before: Option<&HashMap<String, String>>,
    after: &HashMap<String, String>,
) -> BTreeMap<String, String> {
    let old = |key: &String| before.and_then(|before| before.get(key));
    let set = after.iter().filter(|(key, value)| old(key) != Some(value));
    let mut changed: BTreeMap<String, String> =
        set.map(|(key, value)| (key.clone(), value.clone())).collect();
    let deleted = before.into_iter().flatten().filter(|(key, _)| !after.contains_key(*key));
    changed.extend(deleted.map(|(key, _)| (key.clone(), String::new())));
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(version: u32, attributes: &[(&str, &str)]) -> proto::ParticipantInfo {
        proto::ParticipantInfo {
            sid: "PA_1".into(),
            identity: "phone".into(),
            version,
            attributes: attributes.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            ..Default::default()
        }
    }

    #[test]
    fn only_what_changed_is_told() {
        let mut roster = Roster::default();
        let first = roster.update(info(1, &[("sip.callStatus", "dialing"), ("a", "1")]));
        assert!(matches!(first[0], ParticipantEvent::ParticipantJoined(_)));
        let second = roster.update(info(2, &[("sip.callStatus", "ringing")]));
        let ParticipantEvent::AttributesChanged { changed, .. } = &second[1] else { panic!("{second:?}") };
        let changed: Vec<_> = changed.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(changed, [("a", ""), ("sip.callStatus", "ringing")]);
        assert_eq!(roster.update(info(2, &[("sip.callStatus", "ringing")])).len(), 1);
    }

    #[test]
    fn an_older_version_is_ignored_and_an_old_session_cannot_end_the_new_one() {
        let mut roster = Roster::default();
        roster.update(info(5, &[]));
        assert!(roster.update(info(4, &[("a", "1")])).is_empty());
        let mut old = info(9, &[]);
        old.sid = "PA_0".into();
        old.state = State::Disconnected as i32;
        assert!(roster.update(old.clone()).is_empty());
        old.sid = "PA_1".into();
        assert!(matches!(roster.update(old)[0], ParticipantEvent::ParticipantLeft { .. }));
    }
}
