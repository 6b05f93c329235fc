//! One call of a phone.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use media::sdp::{Direction, Encryption, LocalAudio, SessionDescription};
use media::session::{Received, RtpSession, SessionConfig};
use peers::path::Path;
use peers::phone::Ports;
use peers::prepared::FRAME;
use rand::Rng as _;
use sip::LegEvent;
use sip::msg::{Request, StatusCode};
use sip_io::LegHandle;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::{Desk, Line, PhoneConfig};
use crate::speech::Speech;

/// Frames made up for when the clock has run ahead; what is older is skipped.
const MAX_BEHIND: u32 = 5;

/// A call that talks.
struct Talk {
    desk: Arc<Desk>,
    line: Arc<Line>,
    session: RtpSession,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    path: Option<Path>,
    speech: Arc<Speech>,
    next_frame: Instant,
    frame: usize,
    packet: Vec<u8>,
}

/// Takes one call from its INVITE to its end.
pub(super) async fn take(
    desk: Arc<Desk>,
    line: Arc<Line>,
    mut leg: LegHandle,
    request: Box<Request>,
    mut hang_up: watch::Receiver<u64>,
) {
    let control = leg.control();
    let _ = line.ringing.set(Instant::now());
    control.provisional(StatusCode::RINGING, None).await;
    match settle(&desk, &line, &request.body).await {
        Ok((mut talk, answer)) => {
            if ring(&mut leg, desk.config.ring).await {
                let now = Instant::now();
                let _ = line.answered.set(now);
                control.answer(Some(answer)).await;
                talk.next_frame = now;
                talk.run(&mut leg, &mut hang_up).await;
            }
        }
        Err(error) => {
            tracing::error!("a call cannot be taken: {error:#}");
            control.reject(StatusCode::NOT_ACCEPTABLE_HERE, None, Vec::new()).await;
        }
    }
    control.hangup(Vec::new()).await;
    while leg.next_event().await.is_some() {}
    let _ = line.ended.set(Instant::now());
}

/// Rings; false when the call ended meanwhile.
async fn ring(leg: &mut LegHandle, time: Duration) -> bool {
    if time.is_zero() {
        return true;
    }
    let over = async {
        while let Some(event) = leg.next_event().await {
            if matches!(event, LegEvent::Cancelled | LegEvent::Ended) {
                return;
            }
        }
    };
    tokio::time::timeout(time, over).await.is_err()
}

/// Binds the sockets and answers the offer.
async fn settle(desk: &Arc<Desk>, line: &Arc<Line>, offer: &[u8]) -> anyhow::Result<(Talk, String)> {
    let offer = SessionDescription::parse(&String::from_utf8_lossy(offer)).context("no usable offer")?;
    let PhoneConfig { ip, keys, trouble, .. } = &desk.config;
    let Ports { rtp, rtcp, addr } = Ports::bind(*ip).await.context("no ports for audio")?;
    let mut rng = rand::rng();
    let local = LocalAudio {
        rtp: SocketAddr::new(*ip, addr.port()),
        session_id: rng.random::<u64>() >> 2,
        version: 1,
        codecs: desk.speeches.iter().map(|(codec, _)| *codec).collect(),
        dtmf: true,
        comfort_noise: false,
        direction: Direction::SendRecv,
        encryption: keys.clone().map_or(Encryption::Disabled, Encryption::Required),
    };
    let (answer, negotiated) = media::sdp::answer(&offer, &local)?;
    let now = Instant::now();
    let config = SessionConfig { cname: "bench".to_owned(), ..SessionConfig::default() };
    let mut session = RtpSession::new(config, &mut rng, now);
    session.negotiate(&negotiated, now);
    let speech = desk.speech(negotiated.codec).context("a codec that nobody asked for")?;
    let talk = Talk {
        desk: Arc::clone(desk),
        line: Arc::clone(line),
        session,
        rtp,
        rtcp,
        path: trouble.map(|trouble| Path::new(trouble, u64::from(addr.port()))),
        speech: Arc::clone(speech),
        next_frame: now,
        // Not all at the same place: marks, loud and soft frames are spread over the calls.
        frame: rng.random_range(0..1000),
        packet: Vec::new(),
    };
    Ok((talk, answer.to_string()))
}

/// What woke a call.
enum Woken {
    Rtp(io::Result<(usize, SocketAddr)>),
    Rtcp(io::Result<(usize, SocketAddr)>),
    Leg(Option<LegEvent>),
    HangUp,
    Clock,
}

impl Talk {
    /// Talks and listens until either side hangs up.
    async fn run(&mut self, leg: &mut LegHandle, hang_up: &mut watch::Receiver<u64>) {
        let (mut rtp, mut rtcp) = ([0; 1500], [0; 1500]);
        let end = self.line.talks.map(|talks| self.next_frame + talks);
        while end.is_none_or(|end| Instant::now() < end) {
            let wake_at = self.speak().await;
            let woken = tokio::select! {
                read = self.rtp.recv_from(&mut rtp) => Woken::Rtp(read),
                read = self.rtcp.recv_from(&mut rtcp) => Woken::Rtcp(read),
                event = leg.events.recv() => Woken::Leg(event),
                () = tokio::time::sleep_until(wake_at.into()) => Woken::Clock,
                _ = hang_up.changed() => Woken::HangUp,
            };
            match woken {
                Woken::Rtp(Ok((length, from))) => self.hear(from, &rtp[..length]),
                Woken::Rtcp(Ok((length, from))) => {
                    self.session.handle_rtcp(Instant::now(), from, &rtcp[..length]);
                }
                Woken::HangUp | Woken::Leg(None | Some(LegEvent::RemoteBye { .. } | LegEvent::Ended)) => {
                    return;
                }
                // An error on a UDP socket is an ICMP message about something sent before.
                Woken::Rtp(Err(_)) | Woken::Rtcp(Err(_)) | Woken::Leg(Some(_)) | Woken::Clock => {}
            }
        }
    }

    /// Sends what is due; when to do so again.
    async fn speak(&mut self) -> Instant {
        let now = Instant::now();
        while self.next_frame <= now {
            self.desk.config.lateness.note(now - self.next_frame);
            let behind = (now - self.next_frame).as_millis() / FRAME.as_millis();
            let skipped = (behind as u32).saturating_sub(MAX_BEHIND);
            self.next_frame += FRAME * (skipped + 1);
            self.say(now).await;
        }
        if let Some(to) = self.session.poll_rtcp(now, SystemTime::now(), &mut self.packet) {
            let _ = self.rtcp.send_to(&self.packet, to).await;
        }
        while let Some((to, data)) = self.path.as_mut().and_then(|path| path.pop(now)) {
            let _ = self.rtp.send_to(&data, to).await;
        }
        let held = self.path.as_ref().and_then(Path::next_timeout);
        held.map_or(self.next_frame, |held| held.min(self.next_frame))
    }

    /// Sends the next frame.
    async fn say(&mut self, now: Instant) {
        let number = self.frame;
        self.frame += 1;
        let payload = &self.speech.audio.frame(number).payload;
        let Some(to) = self.session.send_audio(now, payload, &mut self.packet) else { return };
        if let Some(offset) = self.speech.mark(number) {
            self.line.say(now + offset);
        }
        match &mut self.path {
            Some(path) => path.push(now, to, &self.packet),
            // A full socket buffer is a lost datagram, as anywhere on the way.
            None => drop(self.rtp.send_to(&self.packet, to).await),
        }
    }

    fn hear(&mut self, from: SocketAddr, packet: &[u8]) {
        let at = Instant::now();
        let received = self.session.handle_rtp(at, from, packet);
        let Received::Audio { payload, codec, seq, timestamp, .. } = received else { return };
        self.line.hearing(|hearing| hearing.packet(at, codec, seq, timestamp, payload));
    }
}
