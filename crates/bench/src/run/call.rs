//! One call: the request, and how far it got.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Bench, number};
use crate::agent::{Ears, Statuses};
use crate::figures::ms_between;
use crate::phone::Line;

/// From the answer of the API to the attribute that shows the call active.
const ACTIVE_LIMIT: Duration = Duration::from_secs(10);

/// A call, with what the room's participant sees and hears of it.
pub(super) struct Call {
    pub(super) identity: String,
    pub(super) line: Arc<Line>,
    pub(super) statuses: Arc<Statuses>,
    /// Everybody in the room; the one who talks first.
    pub(super) ears: Vec<Arc<Ears>>,
    pub(super) asked: Instant,
    pub(super) returned: Instant,
    /// Why it is not up.
    pub(super) failure: Option<String>,
}

/// Who is in the room before the call comes.
#[derive(Debug, Clone)]
pub(super) struct Present {
    pub(super) room: String,
    pub(super) statuses: Arc<Statuses>,
    pub(super) ears: Vec<Arc<Ears>>,
}

/// Places call `index` of a part of the run and waits until the participant sees it active. The phone hangs up after `talks`.
pub(super) async fn place(
    bench: &Bench,
    kind: &str,
    index: usize,
    present: Present,
    talks: Option<Duration>,
) -> Call {
    let number = number(kind, index);
    let line = bench.phones.expect(&number, talks);
    let Present { room, statuses, ears } = present;
    let request = bench.request(room, number);
    let identity = request.participant_identity.clone();
    let asked = Instant::now();
    let answer = bench.api.create_sip_participant(&request).await;
    let returned = Instant::now();
    let failure = match answer {
        Err(error) => Some(error.to_string()),
        Ok(_) => {
            let active = statuses.wait(&identity, "active", ACTIVE_LIMIT).await;
            active.err().map(|error| format!("{error:#}"))
        }
    };
    Call { identity, line, statuses, ears, asked, returned, failure }
}

impl Call {
    /// When the room's first participant heard the phone.
    pub(super) fn heard_in_room(&self) -> Option<Instant> {
        let first = self.ears.first()?;
        first.hearing(&self.identity, crate::hearing::Hearing::first_sound).flatten()
    }

    /// How long the phone rang, in milliseconds.
    pub(super) fn rang(&self) -> Option<f64> {
        Some(ms_between(*self.line.ringing.get()?, *self.line.answered.get()?))
    }

    /// Whether both sides have heard something since the last restart.
    pub(super) fn is_heard(&self, subscribed: bool) -> bool {
        let phone = self.line.hearing(|hearing| hearing.counts().frames > 0);
        let room = |ears: &Arc<Ears>| {
            ears.hearing(&self.identity, |hearing| hearing.counts().frames > 0).unwrap_or(false)
        };
        phone && (!subscribed || self.ears.iter().all(room))
    }
}
