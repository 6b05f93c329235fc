//! The room itself: who is in it and how long it lives (LiveKit rooms: auto-created, empty and departure timeouts).

mod clock;
mod end;
mod join;
mod moving;
mod pump;
mod resume;
mod tell;
mod timers;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use livekit_protocol as proto;
use rand::SeedableRng;
use rand::rngs::StdRng;
use str0m::crypto::CryptoProvider;

use crate::config::{Env, RoomConfig};
use crate::ids::{ParticipantId, new_sid};
use crate::moderation::{Nonces, PendingRpcs};
use crate::output::Output;
use crate::participant::{Participant, Participants, Remote};
pub(crate) use clock::Clock;

pub use moving::Traveller;

/// A LiveKit room.
pub struct Room {
    pub(crate) config: RoomConfig,
    pub(crate) sid: String,
    pub(crate) env: Env,
    pub(crate) clock: Clock,
    pub(crate) rng: StdRng,
    crypto: Arc<CryptoProvider>,
    created_at_ms: i64,
    pub(crate) participants: Participants,
    by_identity: HashMap<String, ParticipantId>,
    /// Who is looked at because it is time, while that goes on.
    overdue: Vec<ParticipantId>,
    next_id: u32,
    pub(crate) out: VecDeque<Output>,
    /// Clients with something queued in their peer connections.
    pub(crate) dirty: Vec<ParticipantId>,
    pub(crate) speakers_due: Option<Instant>,
    /// When to tell everybody of new counts, and to rate connections.
    tick_due: Option<Instant>,
    told_counts: (u32, u32),
    /// Messages of the API that were sent.
    pub(crate) nonces: Nonces,
    /// Methods that the API calls at participants.
    pub(crate) rpcs: PendingRpcs,
    /// When the room closes if nobody comes.
    empty_due: Option<Instant>,
    closed: bool,
}

impl Room {
    /// An empty room. `wallclock` is the time of day at `now`.
    #[must_use]
    pub fn new(config: RoomConfig, env: Env, seed: u64, now: Instant, wallclock: SystemTime) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let sid = config.sid.clone().unwrap_or_else(|| new_sid("RM_", &mut rng));
        let clock = Clock::new(now, wallclock);
        let empty_due = (!config.empty_timeout.is_zero()).then(|| now + config.empty_timeout);
        Self {
            config,
            sid,
            env,
            clock,
            rng,
            crypto: Arc::new(crate::peer::crypto()),
            created_at_ms: clock.ms(now),
            participants: Participants::default(),
            by_identity: HashMap::new(),
            overdue: Vec::new(),
            next_id: 1,
            out: VecDeque::new(),
            dirty: Vec::new(),
            speakers_due: None,
            tick_due: None,
            told_counts: (0, 0),
            nonces: Nonces::default(),
            rpcs: PendingRpcs::default(),
            empty_due,
            closed: false,
        }
    }

    /// The next thing to do; to be called after every other call, until it gives `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// The room as RoomService shows it.
    #[must_use]
    pub fn info(&self) -> proto::Room {
        let (num_participants, num_publishers) = self.counts();
        proto::Room {
            sid: self.sid.clone(),
            name: self.config.name.clone(),
            empty_timeout: seconds(self.config.empty_timeout),
            departure_timeout: seconds(self.config.departure_timeout),
            max_participants: self.config.max_participants,
            creation_time: self.created_at_ms.div_euclid(1000),
            creation_time_ms: self.created_at_ms,
            enabled_codecs: crate::signal::join::enabled_codecs(),
            metadata: self.config.metadata.clone(),
            num_participants,
            num_publishers,
            ..Default::default()
        }
    }

    /// The room's participants, in the order they joined, hidden ones included.
    #[must_use]
    pub fn participants(&self) -> Vec<proto::ParticipantInfo> {
        self.participants.values().map(Participant::info).collect()
    }

    /// The participant of this identity.
    #[must_use]
    pub fn participant(&self, identity: &str) -> Option<proto::ParticipantInfo> {
        self.participants.get(&self.id_of(identity)?).map(Participant::info)
    }

    /// Who has this identity.
    pub(crate) fn id_of(&self, identity: &str) -> Option<ParticipantId> {
        self.by_identity.get(identity).copied()
    }

    /// The sid of a participant.
    #[must_use]
    pub fn participant_sid(&self, id: ParticipantId) -> Option<&str> {
        self.participants.get(&id).map(|participant| participant.sid.as_str())
    }

    /// Participants and publishers, without agents and recorders.
    fn counts(&self) -> (u32, u32) {
        let counted = || self.participants.values().filter(|participant| !participant.is_dependent());
        let publishers = counted().filter(|participant| participant.is_publisher).count();
        (u32::try_from(counted().count()).unwrap_or(u32::MAX), u32::try_from(publishers).unwrap_or(u32::MAX))
    }

    pub(crate) fn remote_mut(&mut self, id: ParticipantId) -> Option<&mut Remote> {
        self.participants.get_mut(&id).and_then(Participant::remote_mut)
    }

    pub(crate) fn everybody(&self) -> Vec<ParticipantId> {
        self.participants.keys().copied().collect()
    }

    pub(crate) fn others(&self, than: ParticipantId) -> Vec<ParticipantId> {
        self.participants.keys().copied().filter(|id| *id != than).collect()
    }
}

fn seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
