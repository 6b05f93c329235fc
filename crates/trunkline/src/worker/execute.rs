//! Carrying out what the control plane asks.

use std::net::SocketAddr;
use std::time::Duration;

use call::bridge::BridgeConfig;
use call::plan::Encryption;
use media::codec::AudioCodec;
use media::sdp::{self, Direction, LocalAudio};
use rand::Rng;
use room::proto::{self, DisconnectReason};
use room::{LocalTrack, Room, RoomConfig};
use rtp::srtp::LocalKeys;
use tokio::sync::mpsc;

use super::JoinError;
use super::call_media::{CallOpen, MediaEvent, OpenError};
use super::command::{CallCommand, Command, Joined, Opened, Reply, RoomKey};
use super::directory::Placed;
use super::moving::Whereabouts;
use super::phone::{EventQueue, Phone, PhoneSockets};
use super::session::{SignalJoin, SignalOut, SignalResume};
use super::slot::{Now, RoomSlot};
use super::thread::{PhoneAt, Worker};

/// How long rooms may take to end when the worker stops.
const GOODBYE: Duration = Duration::from_millis(500);

impl Worker {
    pub(super) fn execute(&mut self, now: Now, mut command: Command) {
        if let Some(place) = command.addressee() {
            match self.moved.whereabouts(*place) {
                Whereabouts::Here(now) => *place = now,
                Whereabouts::With(worker) => return self.post.pass_on(worker, command),
            }
        }
        match command {
            Command::Join { placed, join, outgoing, reply } => {
                self.join(now, &placed, *join, outgoing, reply)
            }
            Command::Resume { resume, outgoing, reply } => self.resume(now, &resume, outgoing, reply),
            Command::Signal { from: (room, from), connection, request } => {
                self.with_room(room, |slot| {
                    // What an earlier connection still had to say is out of date.
                    if slot.is_current(from, connection) {
                        slot.room.handle_signal(now.at, from, *request);
                    }
                });
            }
            Command::SignalClosed { from: (room, from), connection } => {
                self.with_room(room, |slot| slot.disconnected(now, from, connection));
            }
            Command::CreateRoom { placed: _placed, request, reply } => {
                let key = self.ensure_room(now, &request.name, Some(&request));
                let info = key.and_then(|key| self.with_room(key, |slot| slot.room.info()));
                // No answer is one too: the worker stops.
                if let Some(info) = info {
                    answer(reply, info);
                }
            }
            Command::ListRooms { names, reply } => answer(reply, self.list_rooms(&names)),
            Command::DeleteRoom { name, reply } => answer(reply, self.delete_room(now, &name)),
            Command::InRoom { room, act } => self.act(now, &room, act),
            Command::PerformRpc { request, reply } => self.perform_rpc(now, &request, reply),
            Command::Move { room, identity, placed, reply } => {
                self.move_participant(now, &room, &identity, placed, reply);
            }
            Command::Forward { room, identity, placed, reply } => {
                self.forward_participant(now, &room, &identity, placed, reply);
            }
            Command::Told { id, told } => self.guest_told(now, id, &told),
            Command::Asked { id, asked } => self.forwarding_asked(now, id, asked),
            Command::OpenCall { placed, open, events, reply } => {
                self.open_call(now, &placed, *open, events, reply);
            }
            Command::Call { of: (room, participant), command } => {
                self.with_room(room, |slot| slot.call(now, participant, command));
            }
            Command::Stop => self.stop(now),
        }
    }

    /// The room of this name, made if there is none. `None` when the worker stops.
    pub(super) fn ensure_room(
        &mut self,
        now: Now,
        name: &str,
        request: Option<&proto::CreateRoomRequest>,
    ) -> Option<RoomKey> {
        if self.stop_by.is_some() {
            return None;
        }
        if let Some(key) = self.open_room(now, name) {
            return Some(key);
        }
        let key = RoomKey::new(self.me, self.next_room);
        self.next_room += 1;
        let config = self.room_config(name, request);
        let room = Room::new(config, self.env.clone(), self.rng.random(), now.at, now.wallclock);
        self.rooms.insert(key, RoomSlot::new(key, name.to_owned(), room));
        self.names.insert(name.to_owned(), key);
        self.directory.opened(name);
        tracing::debug!(room = %name, worker = self.me, "a room is made");
        // Even an empty room wants to be called: it closes after a time.
        self.with_room(key, |_| ());
        Some(key)
    }

    /// The room of this name. One that a command of this turn has closed is cleared away first.
    pub(super) fn open_room(&mut self, now: Now, name: &str) -> Option<RoomKey> {
        let key = *self.names.get(name)?;
        if self.rooms.get(&key).is_some_and(|slot| slot.dirty) {
            self.drain_room(now, key);
        }
        self.names.get(name).copied()
    }

    fn room_config(&self, name: &str, request: Option<&proto::CreateRoomRequest>) -> RoomConfig {
        let seconds =
            |value: u32, default| if value == 0 { default } else { Duration::from_secs(value.into()) };
        let default = proto::CreateRoomRequest::default();
        let request = request.unwrap_or(&default);
        RoomConfig {
            name: name.to_owned(),
            sid: None,
            empty_timeout: seconds(request.empty_timeout, self.config.room_empty_timeout),
            departure_timeout: seconds(request.departure_timeout, self.config.room_departure_timeout),
            max_participants: match request.max_participants {
                0 => self.config.room_max_participants,
                most => most,
            },
            metadata: request.metadata.clone(),
        }
    }

    fn join(
        &mut self,
        now: Now,
        placed: &Placed,
        join: SignalJoin,
        outgoing: mpsc::Sender<SignalOut>,
        reply: Reply<Result<Joined, JoinError>>,
    ) {
        let config = join.config.as_deref().map(requested);
        let key = self.ensure_room(now, placed.room(), config.as_ref());
        let joined = key.and_then(|key| self.join_room(now, key, join, outgoing));
        let joined = joined.unwrap_or(Err(JoinError::Stopped));
        if let Err(Ok(Joined { place: (room, participant), connection, .. })) = reply.send(joined) {
            self.with_room(room, |slot| slot.disconnected(now, participant, connection));
        }
    }

    fn join_room(
        &mut self,
        now: Now,
        key: RoomKey,
        join: SignalJoin,
        outgoing: mpsc::Sender<SignalOut>,
    ) -> Option<Result<Joined, JoinError>> {
        self.with_room(key, |slot| {
            let participant = slot.room.join(now.at, now.wallclock, join.join)?;
            let connection = slot.connect(participant, outgoing);
            let participant_sid = slot.room.participant_sid(participant).unwrap_or_default().to_owned();
            Ok(Joined { place: (key, participant), connection, participant_sid })
        })
    }

    fn resume(
        &mut self,
        now: Now,
        resume: &SignalResume,
        outgoing: mpsc::Sender<SignalOut>,
        reply: Reply<Option<Joined>>,
    ) {
        let key = self.names.get(&resume.room).copied();
        let resumed = key.and_then(|key| self.with_room(key, |slot| resume_in(slot, now, resume, outgoing)));
        if let Err(Some(Joined { place: (room, participant), connection, .. })) =
            reply.send(resumed.flatten())
        {
            self.with_room(room, |slot| slot.disconnected(now, participant, connection));
        }
    }

    fn open_call(
        &mut self,
        now: Now,
        placed: &Placed,
        open: CallOpen,
        events: mpsc::Sender<MediaEvent>,
        reply: Reply<Result<Opened, OpenError>>,
    ) {
        let opened = self.try_open_call(now, placed.room(), open, events);
        if let Err(Ok(opened)) = reply.send(opened) {
            let leave = CallCommand::Leave(DisconnectReason::ClientInitiated);
            let (room, participant) = opened.place;
            self.with_room(room, |slot| slot.call(now, participant, leave));
        }
    }

    fn try_open_call(
        &mut self,
        now: Now,
        room: &str,
        open: CallOpen,
        events: mpsc::Sender<MediaEvent>,
    ) -> Result<Opened, OpenError> {
        if self.stop_by.is_some() {
            return Err(OpenError::Stopped);
        }
        let address = self.config.rtp_v6.filter(|_| open.over_ipv6).unwrap_or(self.config.rtp);
        let ports = self.ports.lease(address.bind, &mut self.rng, now.at).ok_or(OpenError::NoPort)?;
        let rtp = SocketAddr::new(address.announced, ports.port);
        let local = self.local_audio(rtp, open.codecs.clone(), open.encryption);
        let token = self.phone_token();
        let sockets = PhoneSockets::new(ports, self.registry(), token).map_err(|_| OpenError::NoPort)?;
        let key = self.ensure_room(now, room, None).ok_or(OpenError::Stopped)?;
        let config = BridgeConfig {
            symmetric_rtp: self.config.symmetric_rtp,
            media_timeout_initial: self.config.media_timeout_initial,
            media_timeout: open.media_timeout.unwrap_or(self.config.media_timeout),
            voice_isolation: open.voice_isolation,
            cname: format!("{:016x}", self.rng.random::<u64>()),
        };
        let track = LocalTrack {
            name: open.join.identity.clone(),
            source: proto::TrackSource::Microphone,
            stream: String::new(),
            codec: track_codec(&open.codecs),
        };
        let mut rng = self.rng.clone();
        let events = EventQueue::new(events, self.call_events.clone());
        let opened = self.with_room(key, |slot| {
            let participant = slot.room.join_local(now.at, now.wallclock, open.join)?;
            let phone = Phone::new((key, participant), &config, sockets, events, &mut rng, now.at);
            slot.phones.insert(participant, Box::new(phone));
            // A participant that has just joined has published nothing.
            let _ = slot.room.publish_audio(now.at, participant, track);
            let participant_sid = slot.room.participant_sid(participant).unwrap_or_default().to_owned();
            Ok(Opened { place: (key, participant), participant_sid, local })
        });
        self.rng = rng;
        let opened = opened.unwrap_or(Err(OpenError::Stopped))?;
        self.phones.insert(token, PhoneAt { room: key, participant: opened.place.1 });
        Ok(opened)
    }

    fn local_audio(
        &mut self,
        rtp: SocketAddr,
        codecs: Vec<AudioCodec>,
        encryption: Encryption,
    ) -> LocalAudio {
        // Some phones read these as signed 32-bit numbers.
        let session_id = u64::from(self.rng.random::<u32>() >> 1);
        LocalAudio {
            rtp,
            session_id,
            version: session_id,
            codecs,
            dtmf: true,
            comfort_noise: self.config.comfort_noise_to_phones,
            direction: Direction::SendRecv,
            encryption: keys(encryption),
        }
    }

    fn list_rooms(&mut self, names: &[String]) -> Vec<proto::Room> {
        let wanted = |slot: &&RoomSlot| names.is_empty() || names.contains(&slot.name);
        let keys: Vec<RoomKey> = self.rooms.values().filter(wanted).map(|slot| slot.key).collect();
        keys.into_iter().filter_map(|key| self.with_room(key, |slot| slot.room.info())).collect()
    }

    fn delete_room(&mut self, now: Now, name: &str) -> bool {
        let Some(key) = self.open_room(now, name) else { return false };
        self.with_room(key, |slot| slot.room.close(now.at, DisconnectReason::RoomDeleted)).is_some()
    }

    fn stop(&mut self, now: Now) {
        self.stop_by = Some(now.at + GOODBYE);
        let keys: Vec<RoomKey> = self.rooms.keys().copied().collect();
        for key in keys {
            self.with_room(key, |slot| slot.room.close(now.at, DisconnectReason::ServerShutdown));
        }
    }
}

/// A token's configuration of the room that its join makes.
fn requested(config: &proto::RoomConfiguration) -> proto::CreateRoomRequest {
    proto::CreateRoomRequest {
        empty_timeout: config.empty_timeout,
        departure_timeout: config.departure_timeout,
        max_participants: config.max_participants,
        metadata: config.metadata.clone(),
        ..proto::CreateRoomRequest::default()
    }
}

fn resume_in(
    slot: &mut RoomSlot,
    now: Now,
    resume: &SignalResume,
    outgoing: mpsc::Sender<SignalOut>,
) -> Option<Joined> {
    match slot.room.resume(now.at, now.wallclock, &resume.resume) {
        Ok(participant) => {
            let connection = slot.connect(participant, outgoing);
            let participant_sid = slot.room.participant_sid(participant).unwrap_or_default().to_owned();
            Some(Joined { place: (slot.key, participant), connection, participant_sid })
        }
        Err(error) => {
            tracing::debug!(room = %slot.name, participant = resume.resume.identity, %error, "not resumed");
            None
        }
    }
}

/// Whoever asked may have gone meanwhile.
pub(super) fn answer<T>(reply: Reply<T>, value: T) {
    let _ = reply.send(value);
}

/// The first choice of those who listen, until the phone has answered: what is offered to it first.
fn track_codec(codecs: &[AudioCodec]) -> room::Codec {
    match codecs.first() {
        Some(AudioCodec::G722 | AudioCodec::Opus) => room::Codec::Opus,
        Some(AudioCodec::Pcma) => room::Codec::Pcma,
        _ => room::Codec::Pcmu,
    }
}

/// Keys for one call. They come from the operating system's generator by way of the thread's, not from the worker's
/// seeded one: nobody may guess them.
fn keys(encryption: Encryption) -> sdp::Encryption {
    match encryption {
        Encryption::Disable => sdp::Encryption::Disabled,
        Encryption::Allow => sdp::Encryption::Allowed(LocalKeys::generate(&mut rand::rng())),
        Encryption::Require => sdp::Encryption::Required(LocalKeys::generate(&mut rand::rng())),
    }
}
