//! A room participant: speaks and listens as an agent does, and notes what it sees of the phones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use peers::api::{Grants, token};
use peers::participant::{
    Happened, Listening, Participant, ParticipantConfig, ParticipantEvent, Tap, TapHandle, TappedPacket,
};
use peers::path::Trouble;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::hearing::Hearing;
use crate::lateness::Lateness;
use crate::run::Target;
use crate::speech::Speech;

/// How long joining may take, media included.
const JOIN_LIMIT: Duration = Duration::from_secs(20);
/// Nobody looks at levels.
const NO_LEVELS: Duration = Duration::from_secs(24 * 3600);
/// Where the SIP participant shows the state of its call.
const STATUS: &str = "sip.callStatus";
/// How the identities of the phones' participants begin.
pub(crate) const PHONE: &str = "phone";

/// What a participant does.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) identity: String,
    /// What it says; nothing is published without.
    pub(crate) speech: Option<Arc<Speech>>,
    /// Frames sent at once.
    pub(crate) burst: u32,
    /// Whether it subscribes to everybody.
    pub(crate) listens: bool,
    pub(crate) trouble: Option<Trouble>,
}

/// A participant in a room.
pub(crate) struct Agent {
    pub(crate) ears: Arc<Ears>,
    statuses: Arc<Statuses>,
    leave: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Agent {
    /// Joins `room` and waits until its media is up and its track, if any, published.
    pub(crate) async fn join(
        target: &Target,
        room: &str,
        role: Role,
        lateness: Arc<Lateness>,
    ) -> anyhow::Result<Self> {
        let token = token(&target.key, &target.secret, &Grants::join(&role.identity, room))?;
        let speaks = role.speech.is_some();
        let ears = Arc::new(Ears::new(role.speech.clone(), lateness));
        let config = ParticipantConfig {
            prepared: role.speech.map(|speech| Arc::clone(&speech.audio)),
            listening: Listening::Count,
            level_interval: NO_LEVELS,
            auto_subscribe: role.listens,
            burst: role.burst,
            trouble: role.trouble,
            tap: Some(TapHandle(Arc::clone(&ears) as Arc<dyn Tap>)),
            ..ParticipantConfig::default()
        };
        let mut participant = Participant::connect(&target.url, &token, config).await?;
        let (mut connected, mut published) = (false, !speaks);
        let ready = participant.wait_for(JOIN_LIMIT, |happened| {
            connected |= matches!(happened.event, ParticipantEvent::Connected);
            published |= matches!(happened.event, ParticipantEvent::Published { .. });
            (connected && published).then_some(())
        });
        if ready.await.is_none() {
            bail!(
                "joined, but not connected ({connected}) and published ({published}) within {JOIN_LIMIT:?}"
            );
        }
        let statuses = Arc::new(Statuses::default());
        let (leave, asked) = oneshot::channel();
        let task = tokio::spawn(watch(participant, Arc::clone(&statuses), asked));
        Ok(Self { ears, statuses, leave: Some(leave), task })
    }

    /// What it sees of the phones.
    pub(crate) fn statuses(&self) -> &Arc<Statuses> {
        &self.statuses
    }

    pub(crate) async fn leave(mut self) {
        drop(self.leave.take());
        let _ = (&mut self.task).await;
    }
}

/// Notes what happens until it is to leave.
async fn watch(mut participant: Participant, statuses: Arc<Statuses>, asked: oneshot::Receiver<()>) {
    let mut asked = asked;
    loop {
        tokio::select! {
            happened = participant.next() => match happened {
                Some(happened) => statuses.note(&happened),
                None => return,
            },
            _ = &mut asked => break,
        }
    }
    participant.leave().await;
}

/// When each phone's participant first showed each status.
#[derive(Debug, Default)]
pub(crate) struct Statuses {
    seen: Mutex<HashMap<(String, String), Instant>>,
    news: Notify,
}

impl Statuses {
    fn seen(&self) -> MutexGuard<'_, HashMap<(String, String), Instant>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, happened: &Happened) {
        let (identity, status) = match &happened.event {
            ParticipantEvent::AttributesChanged { identity, changed } => (identity, changed.get(STATUS)),
            ParticipantEvent::ParticipantJoined(info) => (&info.identity, info.attributes.get(STATUS)),
            _ => return,
        };
        let Some(status) = status else { return };
        self.seen().entry((identity.clone(), status.clone())).or_insert(happened.at);
        self.news.notify_waiters();
    }

    /// When a phone's participant first showed `status`.
    pub(crate) fn at(&self, identity: &str, status: &str) -> Option<Instant> {
        self.seen().get(&(identity.to_owned(), status.to_owned())).copied()
    }

    /// Waits until it does.
    pub(crate) async fn wait(&self, identity: &str, status: &str, limit: Duration) -> anyhow::Result<()> {
        let shown = async {
            loop {
                let mut news = std::pin::pin!(self.news.notified());
                news.as_mut().enable();
                if self.at(identity, status).is_some() {
                    return;
                }
                news.await;
            }
        };
        let shown = tokio::time::timeout(limit, shown).await;
        shown.with_context(|| format!("{STATUS} of {identity} did not become {status} within {limit:?}"))
    }
}

/// What a participant says and hears, seen from within its task.
#[derive(Debug)]
pub(crate) struct Ears {
    speech: Option<Arc<Speech>>,
    lateness: Arc<Lateness>,
    said: Mutex<Vec<Instant>>,
    heard: Mutex<HashMap<String, Hearing>>,
}

impl Ears {
    fn new(speech: Option<Arc<Speech>>, lateness: Arc<Lateness>) -> Self {
        Self { speech, lateness, said: Mutex::default(), heard: Mutex::default() }
    }

    /// When each mark was said.
    pub(crate) fn said(&self) -> Vec<Instant> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was heard of a phone, if anything.
    pub(crate) fn hearing<T>(&self, identity: &str, look: impl FnOnce(&Hearing) -> T) -> Option<T> {
        self.heard().get(identity).map(look)
    }

    /// Forgets what was heard; counts from the next packets on.
    pub(crate) fn restart(&self) {
        self.heard().values_mut().for_each(Hearing::restart);
    }

    fn heard(&self) -> MutexGuard<'_, HashMap<String, Hearing>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for Ears {
    fn spoke(&self, at: Instant, frame: usize, late: Duration) {
        self.lateness.note(late);
        if let Some(offset) = self.speech.as_ref().and_then(|speech| speech.mark(frame)) {
            self.said.lock().unwrap_or_else(PoisonError::into_inner).push(at + offset);
        }
    }

    fn heard(&self, identity: &str, packet: &TappedPacket<'_>) {
        // Other participants are no phones; what the room does among its own is not looked at.
        if !identity.starts_with(PHONE) {
            return;
        }
        let mut heard = self.heard();
        let hearing = match heard.get_mut(identity) {
            Some(hearing) => hearing,
            None => heard.entry(identity.to_owned()).or_default(),
        };
        let TappedPacket { at, codec, seq, timestamp, payload } = *packet;
        match codec {
            Some(codec) => hearing.packet(at, codec, seq, timestamp, payload),
            None => hearing.silence(seq),
        }
    }
}
