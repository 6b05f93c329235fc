//! A call while it lives: what wakes it and what it does then.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use media::dtmf::DialString;
use media::sdp::SessionDescription;
use sip::LegEvent;
use sip::msg::StatusCode;
use tokio::sync::broadcast::error::RecvError;

use super::super::event::{HungUpBy, PhoneEvent};
use super::super::handle::Command;
use super::super::line::FRAME;
use super::{Call, Refusal, Session};

/// Frames made up for when the clock has run ahead; what is older is skipped.
const MAX_BEHIND: u32 = 5;
/// How often a call with nothing to do looks at the clock.
const IDLE: Duration = Duration::from_secs(1);

enum Woken {
    Leg(Box<Option<LegEvent>>),
    Rtp(io::Result<(usize, SocketAddr)>),
    Rtcp(io::Result<(usize, SocketAddr)>),
    Command(Result<(u64, Command), RecvError>),
    Clock,
}

impl Call {
    /// Both sockets, the leg, commands and the clock, until the leg has ended.
    pub(super) async fn talk(&mut self, session: &mut Session) {
        let (mut rtp, mut rtcp) = (vec![0; 2048], vec![0; 2048]);
        loop {
            let wake_at = self.tick(session).await;
            let woken = tokio::select! {
                event = self.leg.events.recv() => Woken::Leg(Box::new(event)),
                read = session.ports.rtp.recv_from(&mut rtp) => Woken::Rtp(read),
                read = session.ports.rtcp.recv_from(&mut rtcp) => Woken::Rtcp(read),
                command = self.commands.recv() => Woken::Command(command),
                () = tokio::time::sleep_until(wake_at.into()) => Woken::Clock,
            };
            let now = Instant::now();
            match woken {
                Woken::Leg(event) => match *event {
                    None | Some(LegEvent::Ended) => return,
                    Some(event) => self.signalled(session, event).await,
                },
                Woken::Rtp(Ok((length, from))) => {
                    if let Some(event) = session.line.handle_rtp(now, from, &rtp[..length]) {
                        self.event(event);
                    }
                }
                Woken::Rtcp(Ok((length, from))) => session.line.handle_rtcp(now, from, &rtcp[..length]),
                Woken::Command(Ok((call, command))) if call == 0 || call == self.number => {
                    self.commanded(session, command).await;
                }
                // An error on a UDP socket is an ICMP message about something sent before.
                Woken::Rtp(Err(_)) | Woken::Rtcp(Err(_)) | Woken::Command(_) | Woken::Clock => {}
            }
        }
    }

    /// Does what is due; when to look again.
    async fn tick(&mut self, session: &mut Session) -> Instant {
        let now = Instant::now();
        if session.turn.is_some_and(|turn| turn <= now) {
            session.turn = None;
            if self.answered.is_none() {
                self.answer(session).await;
            } else {
                self.hang_up().await;
            }
        }
        self.speak(session, now).await;
        if let Some(to) = session.line.report_due(now, SystemTime::now(), &mut session.packet) {
            let _ = session.ports.rtcp.send_to(&session.packet, to).await;
        }
        if now >= session.next_level {
            session.next_level = now + self.lobby.config.level_interval.max(FRAME);
            if self.answered.is_some() {
                self.lobby.level(self.number, session.line.take_levels());
            }
        }
        let next = [session.turn, session.next_frame, Some(session.next_level)];
        next.into_iter().flatten().min().unwrap_or(now + IDLE)
    }

    async fn speak(&self, session: &mut Session, now: Instant) {
        while let Some(due) = session.next_frame.filter(|due| *due <= now) {
            let behind = (now - due).as_millis() / FRAME.as_millis();
            let skipped = (behind as u32).saturating_sub(MAX_BEHIND);
            session.next_frame = Some(due + FRAME * (skipped + 1));
            let (to, event) = session.line.frame(now, &mut session.packet);
            if let Some(to) = to {
                // A full socket buffer is a lost datagram, as anywhere on the way.
                let _ = session.ports.rtp.send_to(&session.packet, to).await;
            }
            if let Some(event) = event {
                self.event(event);
            }
        }
    }

    async fn signalled(&mut self, session: &mut Session, event: LegEvent) {
        match event {
            LegEvent::RemoteBye { .. } => self.ended_by = Some(HungUpBy::Caller),
            LegEvent::Cancelled => self.ended_by = Some(HungUpBy::CallerEarly),
            LegEvent::AckMissing | LegEvent::DialogLost | LegEvent::TransportFailed(_) => {
                self.ended_by = Some(HungUpBy::Failure);
            }
            LegEvent::ReInvite { offer } => {
                let answer = renegotiate(session, offer.as_deref());
                self.control.answer_reinvite(answer).await;
            }
            _ => {}
        }
    }

    async fn commanded(&mut self, session: &mut Session, command: Command) {
        match command {
            Command::HangUp => self.hang_up().await,
            Command::Press(keys) => self.press(session, &keys),
            Command::Say(playback) => self.say(session, &playback),
        }
    }

    fn press(&self, session: &mut Session, keys: &DialString) {
        if !session.line.press(keys) {
            tracing::warn!(call = self.number, "the other end takes no digits");
        }
    }

    async fn hang_up(&mut self) {
        self.ended_by.get_or_insert(HungUpBy::Phone);
        self.control.hangup(Vec::new()).await;
    }

    /// Says goodbye on the audio's side and tells how it was.
    pub(super) async fn finish(self, mut session: Session) {
        if let Some(to) = session.line.goodbye(Instant::now(), SystemTime::now(), &mut session.packet) {
            let _ = session.ports.rtcp.send_to(&session.packet, to).await;
        }
        let recording = session.line.finish_recording().unwrap_or_else(|error| {
            tracing::warn!(%error, "a recording was lost");
            None
        });
        let report = session.line.report(self.answered);
        let by = self.ended_by.unwrap_or(HungUpBy::Failure);
        self.lobby.last_event(self.number, PhoneEvent::HungUp { by, report, recording }).await;
    }

    /// Refuses, and waits for the leg's end, since dropping it would end it in another way.
    pub(super) async fn refuse(mut self, refusal: Refusal) {
        let code = refusal.code.code();
        self.control.reject(refusal.code, refusal.reason, Vec::new()).await;
        self.event(PhoneEvent::Refused { code });
        while self.leg.next_event().await.is_some() {}
    }
}

/// The answer to an offer inside the call.
fn renegotiate(session: &mut Session, offer: Option<&str>) -> Result<String, StatusCode> {
    let unacceptable = StatusCode::NOT_ACCEPTABLE_HERE;
    let offer = SessionDescription::parse(offer.ok_or(unacceptable)?).map_err(|_| unacceptable)?;
    session.local.version += 1;
    let (answer, negotiated) = media::sdp::answer(&offer, &session.local).map_err(|_| unacceptable)?;
    session.line.negotiate(&negotiated, Instant::now());
    Ok(answer.to_string())
}
