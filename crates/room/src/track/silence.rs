//! What a subscriber is sent of a talker who is quiet (RFC 3389): the silence itself, or its description.
//!
//! One that took comfort noise is told what the silence sounds like, and nothing more until it is another one or words
//! come. It is told only after it has heard the talker: before, it would not know with which codec the noise goes.
//! A phone that says itself what its silence sounds like is passed on.

use std::time::Instant;

use rtp::Payload;

use crate::forwarding::Content;
use crate::ids::ParticipantId;
use crate::lifecycle::Room;
use crate::output::Quiet;
use crate::peer::AudioOut;
use crate::track::forward::{put, reachable};

/// What becomes of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Its sound is sent.
    Sound {
        /// It is the first after a silence.
        resumed: bool,
    },
    /// This description is sent, with this payload type.
    Noise(u8, &'a Payload),
    Nothing,
}

/// A talker's silence, as one subscriber knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Silence {
    /// `None`: it takes no comfort noise.
    payload_type: Option<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has heard nothing yet.
    Begun,
    Sound,
    Described,
}

impl Silence {
    pub(crate) fn new(payload_type: Option<u8>) -> Self {
        Self { payload_type, state: State::Begun }
    }

    /// Whatever it knew, it begins anew.
    pub(crate) fn begin(&mut self) {
        self.state = State::Begun;
    }

    /// The talker's next packet.
    pub(super) fn step<'a>(&mut self, quiet: Option<&'a Quiet>) -> Step<'a> {
        let Some((quiet, payload_type)) = quiet.zip(self.payload_type) else { return self.sound() };
        match (self.state, quiet) {
            (State::Sound | State::Described, Quiet::Described(noise)) => {
                self.state = State::Described;
                Step::Noise(payload_type, noise)
            }
            (State::Described, Quiet::Unchanged) => Step::Nothing,
            (State::Begun, _) | (State::Sound, Quiet::Unchanged) => self.sound(),
        }
    }

    /// The talker says himself what his silence sounds like; the payload type with which to pass it on.
    pub(super) fn described(&mut self) -> Option<u8> {
        let payload_type = self.payload_type.filter(|_| self.state != State::Begun)?;
        self.state = State::Described;
        Some(payload_type)
    }

    fn sound(&mut self) -> Step<'static> {
        let resumed = self.state == State::Described;
        self.state = State::Sound;
        Step::Sound { resumed }
    }
}

impl Room {
    /// A local participant's track has fallen silent, which sounds like `noise`: tells those who are sent it as G.711.
    /// `timestamp` is of G.711's clock.
    pub fn write_noise(&mut self, now: Instant, id: ParticipantId, timestamp: u32, noise: &[u8]) {
        let Some(participant) = self.participants.get(&id).filter(|from| from.is_local()) else { return };
        let noise = Payload::from(noise);
        if participant.is_forwarded() {
            self.send_along(id, 0, &Content::Noise(timestamp, noise.clone()));
        }
        self.take_noise(now, id, 0, timestamp, &noise);
        self.flush(now);
    }

    /// The same of a track of this room or another one.
    pub(crate) fn take_noise(
        &mut self,
        now: Instant,
        from: ParticipantId,
        index: usize,
        timestamp: u32,
        payload: &Payload,
    ) {
        let track = self.participants.get(&from).and_then(|p| p.tracks.get(index));
        if track.is_none_or(|track| track.info.muted) {
            return;
        }
        self.each_downlink(from, index, |participants, dirty, downlink| {
            let Some(remote) = reachable(participants, downlink) else { return };
            let Some(payload_type) = downlink.silence.described() else { return };
            let (mid, seq, marker) = (downlink.mid, downlink.rebase.extra(), false);
            let out = AudioOut { mid, payload_type, seq, timestamp, marker, payload };
            put(now, remote, dirty, downlink.to, &out);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described() -> Quiet {
        Quiet::Described(vec![60, 127].into())
    }

    #[test]
    fn silence_is_described_once_and_ends_with_a_mark() {
        let noise = described();
        let Quiet::Described(bytes) = &noise else { unreachable!() };
        let mut silence = Silence::new(Some(13));
        assert_eq!(silence.step(None), Step::Sound { resumed: false });
        assert_eq!(silence.step(Some(&noise)), Step::Noise(13, bytes));
        assert_eq!(silence.step(Some(&Quiet::Unchanged)), Step::Nothing);
        assert_eq!(silence.step(Some(&noise)), Step::Noise(13, bytes));
        assert_eq!(silence.step(None), Step::Sound { resumed: true });
        assert_eq!(silence.step(None), Step::Sound { resumed: false });
    }

    #[test]
    fn who_comes_into_a_silence_hears_it_until_it_is_described() {
        let noise = described();
        let mut silence = Silence::new(Some(13));
        let mut steps = |quiet| silence.step(Some(quiet)) == Step::Sound { resumed: false };
        assert!(steps(&Quiet::Unchanged) && steps(&Quiet::Unchanged) && !steps(&noise));
        silence.begin();
        assert_eq!(silence.step(Some(&noise)), Step::Sound { resumed: false }, "never first");
    }

    #[test]
    fn who_takes_no_comfort_noise_hears_everything() {
        let mut silence = Silence::new(None);
        for quiet in [None, Some(&described()), Some(&Quiet::Unchanged)] {
            assert_eq!(silence.step(quiet), Step::Sound { resumed: false });
        }
    }
}
