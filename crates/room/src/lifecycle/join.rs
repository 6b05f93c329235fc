//! Joining: clients with their first messages, and participants inside the server.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use livekit_protocol as proto;
use proto::participant_info::{Kind, State};

use super::{Clock, Room};
use crate::config::{Join, JoinMode, LocalJoin};
use crate::error::JoinError;
use crate::grants::VideoGrant;
use crate::ids::{ParticipantId, PeerId, new_sid};
use crate::output::Output;
use crate::participant::{Link, Local, Participant, Remote, is_dependent};
use crate::peer::Transport;
use crate::quality::Score;
use crate::subscription::{Negotiation, Offering, Requirement};

/// Clients of newer protocols take the connection they receive on for the primary one of two.
const SUBSCRIBER_PRIMARY: i32 = 2;
/// The Go SDK begins to read before it has set its own offer: an answer that follows the join at once is an error to
/// it, and it connects only at its second try, 5 s later. LiveKit takes 17 ms.
const GO_PAUSE: Duration = Duration::from_millis(50);

impl Room {
    /// Adds a client. The signals of its join (join, answer ...) are among the outputs.
    ///
    /// # Errors
    /// When it cannot join: see [`JoinError`].
    pub fn join(
        &mut self,
        now: Instant,
        wallclock: SystemTime,
        join: Join,
    ) -> Result<ParticipantId, JoinError> {
        self.check_join(&join.identity, is_dependent(join.kind, &join.grants))?;
        self.set_clock(now, wallclock);
        let replaced = self.replace(now, &join.identity);
        let remote = self.new_remote(now, &join);
        let mut participant = self.new_participant(now, join.identity, join.kind, join.grants);
        participant.name = join.name;
        participant.metadata = join.metadata;
        participant.attributes = without_empty(join.attributes);
        participant.client = join.client;
        participant.link = Link::Remote(Box::new(remote));
        let id = self.admit(now, participant);
        self.name_peers(id);
        self.send_join(id);
        self.joined(id, replaced);
        self.offer_all(now, id);
        self.refresh_token(id);
        for track in join.add_tracks {
            self.add_track(now, id, track);
        }
        if let JoinMode::Single { offer: Some(offer) } = join.mode {
            self.hold_offer(now, id, offer);
        }
        self.send_first_offer(now, id);
        self.flush(now);
        Ok(id)
    }

    /// Adds a participant inside the server. It is ACTIVE at once.
    ///
    /// # Errors
    /// When it cannot join: see [`JoinError`].
    pub fn join_local(
        &mut self,
        now: Instant,
        wallclock: SystemTime,
        join: LocalJoin,
    ) -> Result<ParticipantId, JoinError> {
        self.check_join(&join.identity, is_dependent(join.kind, &VideoGrant::default()))?;
        self.set_clock(now, wallclock);
        self.replace(now, &join.identity);
        let mut participant = self.new_participant(now, join.identity, join.kind, VideoGrant::default());
        participant.name = join.name;
        participant.metadata = join.metadata;
        participant.attributes = without_empty(join.attributes);
        participant.state = State::Active;
        let id = self.admit(now, participant);
        self.announce(id);
        self.flush(now);
        Ok(id)
    }

    pub(crate) fn check_join(&self, identity: &str, dependent: bool) -> Result<(), JoinError> {
        let full = self.config.max_participants > 0 && self.counts().0 >= self.config.max_participants;
        match () {
            () if self.closed => Err(JoinError::Closed),
            () if identity.is_empty() => Err(JoinError::NoIdentity),
            () if full && !dependent && !self.by_identity.contains_key(identity) => Err(JoinError::RoomFull),
            () => Ok(()),
        }
    }

    /// Tells the room the time of day at `now`.
    pub(crate) fn set_clock(&mut self, now: Instant, wallclock: SystemTime) {
        self.clock = Clock::new(now, wallclock);
    }

    /// The newcomer takes the place of whoever has its identity.
    pub(crate) fn replace(&mut self, now: Instant, identity: &str) -> bool {
        let Some(old) = self.by_identity.get(identity).copied() else { return false };
        self.end(now, old, proto::DisconnectReason::DuplicateIdentity, false);
        true
    }

    pub(crate) fn new_participant(
        &mut self,
        now: Instant,
        identity: String,
        kind: Kind,
        grants: VideoGrant,
    ) -> Participant {
        Participant {
            sid: new_sid("PA_", &mut self.rng),
            identity,
            name: String::new(),
            metadata: String::new(),
            attributes: HashMap::new(),
            kind,
            permission: grants.permission(),
            grants,
            state: State::Joined,
            joined_at_ms: self.clock.ms(now),
            version: 0,
            client: proto::ClientInfo::default(),
            tracks: Vec::new(),
            is_publisher: false,
            subscribers_allowed: None,
            last_sequence: 0,
            told_level: 0.0,
            pretends_until: None,
            score: Score::default(),
            forwardings: Vec::new(),
            link: Link::Local(Local::default()),
        }
    }

    pub(crate) fn admit(&mut self, now: Instant, participant: Participant) -> ParticipantId {
        let id = ParticipantId(self.next_id);
        self.next_id += 1;
        if !participant.is_dependent() {
            self.empty_due = None;
        }
        self.by_identity.insert(participant.identity.clone(), id);
        self.participants.insert(id, participant);
        self.counts_changed(now);
        id
    }

    /// JOINED is told only of one who takes another's place: everybody else hears of it when it is ACTIVE, about
    /// 100 ms later.
    fn joined(&mut self, id: ParticipantId, replaced: bool) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        participant.version += 1;
        let (info, hidden) = (participant.info(), participant.is_hidden());
        if replaced && !hidden {
            self.publish_info(info, |to| to != id);
        }
    }

    fn new_remote(&self, now: Instant, join: &Join) -> Remote {
        let (env, crypto, clock) = (&self.env, &self.crypto, self.clock);
        let (transport, negotiation) = match join.mode {
            JoinMode::Single { .. } => {
                (Transport::single(env, crypto, clock, now), Negotiation::Asking(Requirement::default()))
            }
            JoinMode::Dual => {
                let subscribes =
                    join.client.protocol > SUBSCRIBER_PRIMARY && join.grants.permission().can_subscribe;
                let transport = Transport::dual(env, crypto, clock, now, subscribes);
                (transport, Negotiation::Offering(Offering::default()))
            }
        };
        Remote::new(now, transport, negotiation, join.auto_subscribe)
    }

    /// Answers the offer of a join request: at once, or when the client can take the answer.
    fn hold_offer(&mut self, now: Instant, id: ParticipantId, offer: proto::SessionDescription) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let go = participant.client.sdk() == proto::client_info::Sdk::Go;
        if let Some(remote) = participant.remote_mut() {
            let due = if go { now + GO_PAUSE } else { now };
            remote.held_offer = Some((due, Box::new(offer)));
        }
        self.answer_held_offer(now, id);
    }

    pub(super) fn answer_held_offer(&mut self, now: Instant, id: ParticipantId) {
        let held = self.remote_mut(id).and_then(|remote| remote.held_offer.take_if(|(due, _)| now >= *due));
        if let Some((_, offer)) = held {
            self.handle_offer(now, id, &offer);
        }
    }

    /// Tells the shell which packets belong to the client.
    pub(super) fn name_peers(&mut self, participant: ParticipantId) {
        let Some(remote) = self.remote_mut(participant) else { return };
        let ufrags: Vec<_> = remote
            .transport
            .roles()
            .iter()
            .map(|role| (*role, remote.transport.of(*role).ufrag().to_owned()))
            .collect();
        for (role, ufrag) in ufrags {
            self.out.push_back(Output::PeerUfrag { peer: PeerId { participant, role }, ufrag });
        }
    }
}

fn without_empty(mut attributes: HashMap<String, String>) -> HashMap<String, String> {
    attributes.retain(|_, value| !value.is_empty());
    attributes
}
