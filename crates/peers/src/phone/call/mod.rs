//! One incoming call, from its INVITE to its end.

mod talk;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use media::codec::AudioCodec;
use media::dtmf::DialString;
use media::sdp::{Direction, LocalAudio, SessionDescription};
use sip::msg::{Request, StatusCode};
use sip_io::{LegControl, LegHandle};
use tokio::sync::broadcast;

use super::book::{Answer, Script};
use super::config::Playback;
use super::event::{HungUpBy, PhoneEvent};
use super::handle::Command;
use super::line::Line;
use super::lobby::{Lobby, Seat};
use super::ports::Ports;
use crate::sound::{Sound, file_name};

/// What early media sounds like: another pitch than anything else here.
const EARLY_MEDIA_HZ: f32 = 620.0;

/// One call.
pub(super) struct Call {
    number: u64,
    lobby: Arc<Lobby>,
    leg: LegHandle,
    control: LegControl,
    commands: broadcast::Receiver<(u64, Command)>,
    ended_by: Option<HungUpBy>,
    answered: Option<Instant>,
    _seat: Seat,
}

/// A call that has audio.
struct Session {
    line: Line,
    ports: Ports,
    script: Script,
    local: LocalAudio,
    answer: String,
    next_frame: Option<Instant>,
    next_level: Instant,
    /// When the call is answered, then when it is hung up.
    turn: Option<Instant>,
    packet: Vec<u8>,
}

/// Why a call cannot be taken.
struct Refusal {
    code: StatusCode,
    reason: Option<String>,
}

impl Call {
    pub(super) fn new(
        number: u64,
        lobby: Arc<Lobby>,
        seat: Seat,
        leg: LegHandle,
        commands: broadcast::Receiver<(u64, Command)>,
    ) -> Self {
        let control = leg.control();
        Self { number, lobby, leg, control, commands, ended_by: None, answered: None, _seat: seat }
    }

    /// Runs the call to its end.
    pub(super) async fn run(mut self, request: Box<Request>) {
        let dialled = request.uri.user_decoded().unwrap_or_default();
        self.tell_incoming(&request, &dialled);
        let script = self.lobby.script(&dialled);
        match Box::pin(self.pick_up(&request, script)).await {
            Ok(mut session) => {
                Box::pin(self.talk(&mut session)).await;
                self.finish(session).await;
            }
            Err(refusal) => self.refuse(refusal).await,
        }
    }

    fn tell_incoming(&self, request: &Request, dialled: &str) {
        let from = request.headers.from().ok().and_then(|from| from.uri.user_decoded());
        let headers = request.headers.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        self.event(PhoneEvent::Incoming {
            to: dialled.to_owned(),
            from: from.unwrap_or_default(),
            call_id: request.headers.call_id().unwrap_or_default().to_owned(),
            headers: headers.collect(),
        });
    }

    /// Settles the audio and sends what comes before the answer.
    async fn pick_up(&mut self, request: &Request, script: Script) -> Result<Session, Refusal> {
        if let Answer::Refuse { code, reason } = &script.answer {
            let code = StatusCode::new(*code).unwrap_or(StatusCode::BUSY_HERE);
            return Err(Refusal { code, reason: Some(reason.clone()) });
        }
        let mut session = self.settle(&request.body, script).await?;
        let now = Instant::now();
        match &session.script.answer {
            Answer::After { ring } if ring.is_zero() => self.answer(&mut session).await,
            Answer::After { ring } => {
                session.turn = Some(now + *ring);
                self.control.provisional(StatusCode::RINGING, None).await;
                self.event(PhoneEvent::Ringing);
            }
            Answer::EarlyMedia { ring } => {
                session.turn = Some(now + *ring);
                let early = Playback::Play(Sound::tone(EARLY_MEDIA_HZ));
                self.say(&mut session, &early);
                session.next_frame = Some(now);
                let body = Some(session.answer.clone());
                self.control.provisional(StatusCode::SESSION_PROGRESS, body).await;
                self.event(PhoneEvent::EarlyMedia);
            }
            Answer::Never | Answer::Refuse { .. } => {
                self.control.provisional(StatusCode::RINGING, None).await;
                self.event(PhoneEvent::Ringing);
            }
        }
        Ok(session)
    }

    /// Binds the sockets and answers the offer.
    async fn settle(&self, body: &[u8], script: Script) -> Result<Session, Refusal> {
        let refusal = |code, reason: String| Refusal { code, reason: Some(reason) };
        let unacceptable = |reason: String| refusal(StatusCode::NOT_ACCEPTABLE_HERE, reason);
        let offer = SessionDescription::parse(&String::from_utf8_lossy(body));
        let offer = offer.map_err(|_| unacceptable("No Usable Offer".to_owned()))?;
        let broken = |_| refusal(StatusCode::SERVER_INTERNAL_ERROR, "No Sockets".to_owned());
        let ports = Ports::bind(self.lobby.config.listen.ip()).await.map_err(broken)?;
        let seed = self.lobby.config.seed.wrapping_add(self.number);
        let local = LocalAudio {
            rtp: SocketAddr::new(self.lobby.announced(), ports.addr.port()),
            session_id: seed >> 2,
            version: 1,
            codecs: AudioCodec::G711.to_vec(),
            dtmf: true,
            comfort_noise: false,
            direction: Direction::SendRecv,
            encryption: media::sdp::Encryption::Disabled,
        };
        let answer = media::sdp::answer(&offer, &local);
        let (answer, negotiated) = answer.map_err(|error| unacceptable(error.to_string()))?;
        let now = Instant::now();
        let broken = |_| refusal(StatusCode::SERVER_INTERNAL_ERROR, "No Sound".to_owned());
        let mut line = Line::new(seed, now).map_err(broken)?;
        line.negotiate(&negotiated, now);
        Ok(Session {
            line,
            ports,
            script,
            local,
            answer: answer.to_string(),
            next_frame: None,
            next_level: now + self.lobby.config.level_interval,
            turn: None,
            packet: Vec::new(),
        })
    }

    /// Picks up: from here on both sides talk.
    async fn answer(&mut self, session: &mut Session) {
        let now = Instant::now();
        self.control.answer(Some(session.answer.clone())).await;
        self.answered = Some(now);
        let playback = if session.script.echo { Playback::Echo } else { self.lobby.config.play.clone() };
        self.say(session, &playback);
        self.record(session);
        session.next_frame.get_or_insert(now);
        session.turn = session.script.hangup_after.map(|after| now + after);
        let codec = session.line.codec().map_or("none", AudioCodec::name);
        self.event(PhoneEvent::Answered { codec });
        if let Some(keys) = session.script.press.as_deref().and_then(|keys| DialString::parse(keys).ok()) {
            session.line.press(&keys);
        }
    }

    fn say(&self, session: &mut Session, playback: &Playback) {
        if let Err(error) = session.line.say(playback) {
            tracing::warn!(%error, "the phone stays with what it says");
        }
    }

    fn record(&self, session: &mut Session) {
        let Some(folder) = &self.lobby.config.record else { return };
        let path = folder.join(file_name(&format!("phone-call-{}.wav", self.number)));
        if let Err(error) = session.line.record(&path) {
            tracing::warn!(%error, "nothing is recorded");
        }
    }

    fn event(&self, event: PhoneEvent) {
        self.lobby.event(self.number, event);
    }
}
