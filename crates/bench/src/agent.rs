//! The room participant of one call: speaks all the time and listens, as an agent does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use peers::api::{Grants, token};
use peers::participant::{Heard, Listening, Participant, ParticipantConfig, ParticipantEvent};
use peers::prepared::Prepared;

use crate::run::Target;

/// How long joining may take, media included.
const JOIN_LIMIT: Duration = Duration::from_secs(20);
/// Nobody looks at levels.
const NO_LEVELS: Duration = Duration::from_secs(24 * 3600);
/// Where the SIP participant shows the state of its call.
const STATUS: &str = "sip.callStatus";

/// A participant in a room.
pub(crate) struct Agent {
    participant: Participant,
    /// When the phone's participant first showed each status.
    statuses: BTreeMap<String, Instant>,
}

impl Agent {
    /// Joins `room` and waits until its media is up and its track published.
    pub(crate) async fn join(target: &Target, room: &str, speech: Arc<Prepared>) -> anyhow::Result<Self> {
        let token = token(&target.key, &target.secret, &Grants::join("agent", room))?;
        let config = ParticipantConfig {
            prepared: Some(speech),
            listening: Listening::Count,
            level_interval: NO_LEVELS,
            ..ParticipantConfig::default()
        };
        let mut participant = Participant::connect(&target.url, &token, config).await?;
        let (mut connected, mut published) = (false, false);
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
        Ok(Self { participant, statuses: BTreeMap::new() })
    }

    /// Waits until the phone's participant shows `status`.
    pub(crate) async fn wait_for_status(&mut self, status: &str, limit: Duration) -> anyhow::Result<()> {
        let statuses = &mut self.statuses;
        let seen = self.participant.wait_for(limit, |happened| {
            let attributes: Vec<&String> = match &happened.event {
                ParticipantEvent::AttributesChanged { changed, .. } => {
                    changed.get(STATUS).into_iter().collect()
                }
                ParticipantEvent::ParticipantJoined(info) => {
                    info.attributes.get(STATUS).into_iter().collect()
                }
                _ => Vec::new(),
            };
            for value in attributes {
                statuses.entry(value.clone()).or_insert(happened.at);
            }
            statuses.contains_key(status).then_some(())
        });
        seen.await.with_context(|| format!("{STATUS} did not become {status} within {limit:?}"))
    }

    /// When a status was first shown.
    pub(crate) fn status(&self, status: &str) -> Option<Instant> {
        self.statuses.get(status).copied()
    }

    /// What it has heard of the phone so far.
    pub(crate) async fn heard(&self) -> anyhow::Result<Heard> {
        let mut tracks = self.participant.heard().await?.into_iter();
        Ok(tracks.next().unwrap_or_default())
    }

    pub(crate) async fn leave(self) {
        self.participant.leave().await;
    }
}
