//! Sending digits as telephone-events: which packet, if any, is due in each 20 ms step (RFC 4733 §2.5.1).
//!
//! A digit takes 260 ms: 160 ms of tone told by eight packets of growing duration, the last one with the end bit,
//! two repetitions of that one at the same pace, then audio frames until the gap is 100 ms long. Pauses and gaps are
//! the audio's time, so the stream towards the phone never stops.

use std::collections::VecDeque;

use thiserror::Error;

use super::{DialStep, DialString, EventPayload, PAUSE};
use crate::codec::FRAME_MS;

/// Packets from a digit's first to the first with the end bit: 160 ms of tone.
const TONE_STEPS: u16 = 8;
/// Repetitions of the packet with the end bit, so that losing one or two loses nothing.
const END_REPEATS: u16 = 2;
/// Steps from the end of the tone to the next digit, repetitions included: 100 ms.
const GAP_STEPS: u16 = 5;
/// -10 dBm0, a level every receiver of telephone-events renders audibly.
const VOLUME: u8 = 10;
/// Steps are counted at 8 kHz; [`crate::session`] tells them in the clock that was agreed on.
const TICKS_PER_STEP: u16 = (8000 * FRAME_MS / 1000) as u16;

/// One telephone-event packet to be sent now, through [`crate::session::RtpSession::send_event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// What it says.
    pub payload: EventPayload,
    /// Whether it is the event's first packet: it gets the marker bit, and its time is every later packet's timestamp.
    pub first: bool,
}

/// What a 20 ms step is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderStep {
    /// Send this packet instead of an audio frame.
    Event(EventPacket),
    /// A gap or a pause: send an audio frame (silence if there is none) and come back in the next step.
    Audio,
    /// Nothing left to dial: send audio. Every later step says the same until something is pushed.
    Idle,
}

/// Turns dial strings into steps of 20 ms.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    queue: VecDeque<DialStep>,
    state: State,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Idle,
    /// `sent` packets of the digit have been sent.
    Digit { event: u8, sent: u16 },
    /// So many steps of audio before the next one.
    Wait { steps: u16 },
}

impl Sender {
    /// Digits and pauses that may wait at once: two full dial strings.
    pub const MAX_QUEUED: usize = 2 * DialString::MAX_LEN;

    /// A sender with nothing to dial.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a dial string to what is being dialled.
    ///
    /// # Errors
    /// The caller pushes faster than digits can be sent; nothing of this string was taken.
    pub fn push(&mut self, dial_string: &DialString) -> Result<(), QueueFull> {
        if self.queue.len() + dial_string.steps().len() > Self::MAX_QUEUED {
            return Err(QueueFull);
        }
        self.queue.extend(dial_string.steps());
        Ok(())
    }

    /// Whether everything pushed has been sent, the last gap included.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && matches!(self.state, State::Idle)
    }

    /// What the next 20 ms are for. To be called once for each of them.
    pub fn step(&mut self) -> SenderStep {
        if matches!(self.state, State::Idle) {
            self.start_next();
        }
        match self.state {
            State::Idle => SenderStep::Idle,
            State::Wait { steps } => {
                self.state = if steps <= 1 { State::Idle } else { State::Wait { steps: steps - 1 } };
                SenderStep::Audio
            }
            State::Digit { event, sent } => {
                let packet = digit_packet(event, sent);
                self.state = if sent + 1 == TONE_STEPS + END_REPEATS {
                    State::Wait { steps: GAP_STEPS - END_REPEATS }
                } else {
                    State::Digit { event, sent: sent + 1 }
                };
                SenderStep::Event(packet)
            }
        }
    }

    fn start_next(&mut self) {
        self.state = match self.queue.pop_front() {
            None => State::Idle,
            Some(DialStep::Pause) => State::Wait { steps: (PAUSE.as_millis() / u128::from(FRAME_MS)) as u16 },
            Some(DialStep::Digit(digit)) => State::Digit { event: digit.event_code(), sent: 0 },
        };
    }
}

fn digit_packet(event: u8, sent: u16) -> EventPacket {
    let lasted = (sent + 1).min(TONE_STEPS);
    let payload =
        EventPayload { event, end: lasted == TONE_STEPS, volume: VOLUME, duration: lasted * TICKS_PER_STEP };
    EventPacket { payload, first: sent == 0 }
}

/// Too many digits wait to be sent already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("more than {} digits and pauses are waiting to be sent", Sender::MAX_QUEUED)]
pub struct QueueFull;
