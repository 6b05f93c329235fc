//! A client that loses much of what a telephone says is sent it as Opus, with each packet once more in the next one (RED,
//! RFC 2198): of G.711 what is lost is lost.
//!
//! Only those that took redundant audio; they follow another codec in mid-stream as well ([`super::codec`]).
//!
//! The client's own reports decide (RFC 3550 §6.4), two bad ones in a row and not one, since Opus has to be encoded for it; when it
//! has lost hardly anything for a minute it is sent what the telephone sends again. Only tracks that are written for
//! their subscribers have the choice.

use crate::ids::{ParticipantId, TrackSid};
use crate::lifecycle::Room;
use crate::output::Codec;
use crate::track::best_first;

/// The share of lost packets from which on G.711 has holes that are heard.
const LOSSY: f32 = 0.03;
/// Reports in a row that say so.
const BAD: u8 = 2;
/// Below this nobody hears a difference.
const CLEAN: f32 = 0.005;
/// Reports in a row that say so; browsers report every 5 s or so.
const GOOD: u8 = 12;

/// What a subscriber's last reports said.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Way {
    bad: u8,
    good: u8,
}

impl Way {
    /// Takes in a report: whether the way is lossy (`Some(true)`), clean (`Some(false)`), or not to be told yet.
    fn report(&mut self, loss: f32) -> Option<bool> {
        self.bad = if loss >= LOSSY { self.bad.saturating_add(1) } else { 0 };
        self.good = if loss < CLEAN { self.good.saturating_add(1) } else { 0 };
        match (self.bad >= BAD, self.good >= GOOD) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

impl Room {
    /// A client has reported which share of a track was lost on the way to it.
    pub(crate) fn track_lost(
        &mut self,
        to: ParticipantId,
        publisher: ParticipantId,
        track: &TrackSid,
        loss: f32,
    ) {
        let published = self.participants.get_mut(&publisher).and_then(|p| p.track_mut(track.as_str()));
        let Some(published) = published.filter(|track| self.env.opus_when_lossy && track.written) else {
            return;
        };
        let first = published.codec;
        let Some(downlink) = published.downlinks.iter_mut().find(|downlink| downlink.to == to) else {
            return;
        };
        let (preference, redundant) = match downlink.way.report(loss) {
            Some(true) if downlink.red.is_none() => (vec![Codec::Opus], true),
            Some(false) if downlink.red.is_some() => (best_first(first), false),
            _ => return,
        };
        self.switch(to, publisher, track, &preference, redundant);
        self.update_demand(publisher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bad_reports_in_a_row_make_a_lossy_way_and_a_minute_of_good_ones_a_clean_one() {
        let mut way = Way::default();
        assert_eq!([0.2, 0.01, 0.03].map(|loss| way.report(loss)), [None; 3]);
        assert_eq!(way.report(0.03), Some(true));
        assert!((1..GOOD).all(|_| way.report(0.0).is_none()));
        assert_eq!(way.report(0.001), Some(false));
        assert_eq!(way.report(0.02), None);
    }
}
