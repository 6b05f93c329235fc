//! One call of a phone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use media::codec::AudioCodec;
use media::sdp::{Direction, Encryption, LocalAudio, SessionDescription};
use media::session::{Received, RtpSession, SessionConfig};
use peers::phone::Ports;
use peers::prepared::{FRAME, Prepared};
use rand::Rng as _;
use sip::LegEvent;
use sip::msg::{Request, StatusCode};
use sip_io::LegHandle;
use tokio::sync::watch;

use super::{Desk, Line};

/// Frames made up for when the clock has run ahead; what is older is skipped.
const MAX_BEHIND: u32 = 5;

/// A call that talks.
struct Talk {
    line: Arc<Line>,
    leg: RtpSession,
    ports: Ports,
    speech: Arc<Prepared>,
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
            if ring(&mut leg, desk.ring).await {
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
async fn settle(desk: &Desk, line: &Arc<Line>, offer: &[u8]) -> anyhow::Result<(Talk, String)> {
    let offer = SessionDescription::parse(&String::from_utf8_lossy(offer)).context("no usable offer")?;
    let ports = Ports::bind(desk.ip).await.context("no ports for audio")?;
    let mut rng = rand::rng();
    let local = LocalAudio {
        rtp: SocketAddr::new(desk.ip, ports.addr.port()),
        session_id: rng.random::<u64>() >> 2,
        version: 1,
        codecs: vec![AudioCodec::Pcmu, AudioCodec::Pcma],
        dtmf: true,
        direction: Direction::SendRecv,
        encryption: Encryption::Disabled,
    };
    let (answer, negotiated) = media::sdp::answer(&offer, &local)?;
    let now = Instant::now();
    let config = SessionConfig { cname: "bench".to_owned(), ..SessionConfig::default() };
    let mut leg = RtpSession::new(config, &mut rng, now);
    leg.negotiate(&negotiated, now);
    let speech = match negotiated.codec {
        AudioCodec::Pcma => &desk.speech.alaw,
        _ => &desk.speech.ulaw,
    };
    let (line, speech) = (Arc::clone(line), Arc::clone(speech));
    Ok((Talk { line, leg, ports, speech, next_frame: now, frame: 0, packet: Vec::new() }, answer.to_string()))
}

impl Talk {
    /// Talks and listens until either side hangs up.
    async fn run(&mut self, leg: &mut LegHandle, hang_up: &mut watch::Receiver<u64>) {
        let (mut rtp, mut rtcp) = ([0; 1500], [0; 1500]);
        loop {
            self.speak().await;
            tokio::select! {
                read = self.ports.rtp.recv_from(&mut rtp) => {
                    // An error on a UDP socket is an ICMP message about something sent before.
                    if let Ok((length, from)) = read {
                        self.hear(from, &rtp[..length]);
                    }
                }
                read = self.ports.rtcp.recv_from(&mut rtcp) => {
                    if let Ok((length, from)) = read {
                        self.leg.handle_rtcp(Instant::now(), from, &rtcp[..length]);
                    }
                }
                () = tokio::time::sleep_until(self.next_frame.into()) => {}
                event = leg.events.recv() => match event {
                    None | Some(LegEvent::RemoteBye { .. } | LegEvent::Ended) => return,
                    Some(_) => {}
                },
                _ = hang_up.changed() => return,
            }
        }
    }

    /// Sends what is due.
    async fn speak(&mut self) {
        let now = Instant::now();
        while self.next_frame <= now {
            let behind = (now - self.next_frame).as_millis() / FRAME.as_millis();
            let skipped = (behind as u32).saturating_sub(MAX_BEHIND);
            self.next_frame += FRAME * (skipped + 1);
            let payload = &self.speech.frame(self.frame).payload;
            self.frame += 1;
            if let Some(to) = self.leg.send_audio(now, payload, &mut self.packet) {
                // A full socket buffer is a lost datagram, as anywhere on the way.
                let _ = self.ports.rtp.send_to(&self.packet, to).await;
            }
        }
        if let Some(to) = self.leg.poll_rtcp(now, SystemTime::now(), &mut self.packet) {
            let _ = self.ports.rtcp.send_to(&self.packet, to).await;
        }
    }

    fn hear(&mut self, from: SocketAddr, packet: &[u8]) {
        let now = Instant::now();
        let Received::Audio { payload, codec, seq, timestamp, .. } = self.leg.handle_rtp(now, from, packet)
        else {
            return;
        };
        let sound = self.line.hearing(|hearing| hearing.packet(now, seq, timestamp, codec, payload));
        if sound {
            let _ = self.line.first_sound.set(now);
        }
    }
}
