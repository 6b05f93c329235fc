//! Calls over real sockets to a phone that knows its book.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use media::codec::AudioCodec;
use media::sdp::{Direction, LocalAudio, SessionDescription};
use sip::auth::Credentials;
use sip::msg::{Host, NameAddr, Uri};
use sip::{AgentConfig, Contacts, Inbound, Invite, LegEvent, Limits, Timers};
use sip_io::{LegHandle, Stack, StackConfig, Target};

use super::line::{FRAME, Line};
use super::ports::Ports;
use super::*;
use crate::measure::{Recording, Tone};
use crate::sound::Sound;

const LIMIT: Duration = Duration::from_secs(10);

/// A caller with a line of its own.
struct Caller {
    stack: Stack,
    ports: Ports,
    line: Line,
    offer: SessionDescription,
    to: SocketAddr,
}

fn config() -> PhoneConfig {
    PhoneConfig { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), seed: 7, ..PhoneConfig::default() }
}

async fn caller(phone: &Phone) -> Caller {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let agent = AgentConfig {
        contacts: Contacts::udp_and_tcp(listen),
        user_agent: "caller/1".to_owned(),
        timers: Timers::default(),
        limits: Limits::default(),
        inbound: Inbound::Refuse(403),
    };
    let (stack, _) = Stack::bind(StackConfig::new(listen, agent)).await.unwrap();
    let ports = Ports::bind(listen.ip()).await.unwrap();
    let local = LocalAudio {
        rtp: ports.addr,
        session_id: 1,
        version: 1,
        codecs: vec![AudioCodec::Pcmu],
        dtmf: true,
        comfort_noise: false,
        direction: Direction::SendRecv,
        encryption: media::sdp::Encryption::Disabled,
    };
    let line = Line::new(3, Instant::now()).unwrap();
    Caller { stack, ports, line, offer: media::sdp::offer(&local), to: phone.local_addr() }
}

impl Caller {
    async fn dial(&self, number: &str, credentials: Option<Credentials>) -> LegHandle {
        let host: Host = self.to.ip().into();
        let uri = Uri::sip(host).with_user(number).with_port(Some(self.to.port()));
        let invite = Invite {
            to: NameAddr::new(uri.clone()),
            from: NameAddr::new(Uri::sip(self.stack.announced().host.clone()).with_user("+15550001")),
            request_uri: uri,
            call_id: format!("call-{number}"),
            from_tag: "tag".to_owned(),
            headers: Vec::new(),
            body: Some(self.offer.to_string()),
            other_body: None,
            credentials,
        };
        let target = Target::of_invite(&invite).unwrap();
        self.stack.call(invite, &target).await.unwrap()
    }

    fn accept(&mut self, body: Option<&str>) {
        let answer = SessionDescription::parse(body.expect("a description")).unwrap();
        let agreed = media::sdp::accept_answer(&self.offer, &answer).unwrap();
        self.line.negotiate(&agreed, Instant::now());
    }

    /// Talks and listens for some time; the digits heard.
    async fn talk(&mut self, time: Duration) -> String {
        let (end, mut digits) = (Instant::now() + time, String::new());
        let (mut packet, mut buffer) = (Vec::new(), vec![0; 2048]);
        let mut ticks = tokio::time::interval(FRAME);
        while Instant::now() < end {
            tokio::select! {
                _ = ticks.tick() => {
                    if let (Some(to), _) = self.line.frame(Instant::now(), &mut packet) {
                        self.ports.rtp.send_to(&packet, to).await.unwrap();
                    }
                }
                read = self.ports.rtp.recv_from(&mut buffer) => {
                    let (length, from) = read.unwrap();
                    let heard = self.line.handle_rtp(Instant::now(), from, &buffer[..length]);
                    if let Some(PhoneEvent::Digit { digit }) = heard {
                        digits.push(digit);
                    }
                }
            }
        }
        digits
    }
}

async fn until<T>(leg: &mut LegHandle, mut wanted: impl FnMut(&LegEvent) -> Option<T>) -> T {
    let search = async {
        loop {
            let event = leg.next_event().await.expect("the leg has ended");
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    };
    tokio::time::timeout(LIMIT, search).await.expect("no such event in time")
}

async fn answered(leg: &mut LegHandle) -> Option<String> {
    let body = |event: &LegEvent| match event {
        LegEvent::Answered { response, .. } => Some(response.body.clone()),
        _ => None,
    };
    until(leg, body).await
}

async fn refused(leg: &mut LegHandle) -> u16 {
    let code = |event: &LegEvent| match event {
        LegEvent::Failed { response } => Some(response.code),
        LegEvent::AuthFailed(failure) => Some(failure.response.code),
        _ => None,
    };
    until(leg, code).await
}

async fn hung_up(phone: &mut Phone) -> (HungUpBy, RtpReport, Option<crate::sound::Recorded>) {
    let end = |happened: &Happened| match &happened.event {
        PhoneEvent::HungUp { by, report, recording } => Some((*by, *report, recording.clone())),
        _ => None,
    };
    phone.wait_for(LIMIT, end).await.expect("the call ends")
}

#[tokio::test]
async fn a_call_is_answered_heard_recorded_and_hung_up_by_the_caller() {
    let folder = tempfile::tempdir().unwrap();
    let record = Some(folder.path().to_owned());
    let mut phone = Phone::start(PhoneConfig { record, ..config() }).await.unwrap();
    let mut caller = caller(&phone).await;
    let mut leg = caller.dial("+15550100", None).await;
    caller.accept(answered(&mut leg).await.as_deref());
    caller.line.say(&Playback::Play(Sound::tone(800.0))).unwrap();
    let path = folder.path().join("caller.wav");
    caller.line.record(&path).unwrap();
    caller.talk(Duration::from_millis(600)).await;
    caller.line.press(&media::dtmf::DialString::parse("4#").unwrap());
    caller.talk(Duration::from_millis(800)).await;
    let digits = [phone.wait_for(LIMIT, digit).await.unwrap(), phone.wait_for(LIMIT, digit).await.unwrap()];
    leg.hangup(Vec::new()).await;
    let (by, report, recording) = hung_up(&mut phone).await;
    assert_eq!((digits, by), (['4', '#'], HungUpBy::Caller));
    assert!(report.received > 40 && report.sent > 40 && report.lost == 0, "{report:?}");
    assert!(report.first_audio_ms.is_some());
    caller.line.finish_recording().unwrap();
    for (path, hz) in [(recording.unwrap().path, 800.0), (path, 440.0)] {
        let heard = Recording::read(&path).unwrap();
        let tone = Tone::find(&heard.samples[800..4000], heard.rate)[0];
        assert!((tone.frequency - hz).abs() < 5.0, "{tone:?}");
    }
}

fn digit(happened: &Happened) -> Option<char> {
    match happened.event {
        PhoneEvent::Digit { digit } => Some(digit),
        _ => None,
    }
}

#[tokio::test]
async fn each_number_refuses_in_its_own_way() {
    let phone = Phone::start(config()).await.unwrap();
    let caller = caller(&phone).await;
    for (number, code) in [("+15550102", 486), ("+15550103", 603), ("+15550109", 404)] {
        assert_eq!(refused(&mut caller.dial(number, None).await).await, code, "{number}");
    }
}

#[tokio::test]
async fn a_number_that_never_answers_rings_until_the_caller_gives_up() {
    let mut phone = Phone::start(config()).await.unwrap();
    let caller = caller(&phone).await;
    let mut leg = caller.dial("+15550104", None).await;
    let ringing = |event: &LegEvent| match event {
        LegEvent::Provisional { response, .. } => Some(response.code),
        _ => None,
    };
    assert_eq!(until(&mut leg, ringing).await, 180);
    leg.hangup(Vec::new()).await;
    assert_eq!(refused(&mut leg).await, 487);
    assert_eq!(hung_up(&mut phone).await.0, HungUpBy::CallerEarly);
}

#[tokio::test]
async fn early_media_is_heard_before_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let phone = Phone::start(config()).await.unwrap();
    let mut caller = caller(&phone).await;
    let mut leg = caller.dial("+15550106", None).await;
    let early = |event: &LegEvent| match event {
        LegEvent::Provisional { response, .. } if response.code == 183 => Some(response.body.clone()),
        _ => None,
    };
    let body = until(&mut leg, early).await;
    caller.accept(body.as_deref());
    let path = folder.path().join("early.wav");
    caller.line.record(&path).unwrap();
    caller.talk(Duration::from_secs(1)).await;
    caller.line.finish_recording().unwrap();
    let heard = Recording::read(&path).unwrap();
    assert!((Tone::find(&heard.samples, heard.rate)[0].frequency - 620.0).abs() < 5.0);
    answered(&mut leg).await;
}

#[tokio::test]
async fn digits_are_pressed_and_the_phone_hangs_up_by_itself() {
    let hangup_after = Some(Duration::from_secs(4));
    let mut phone = Phone::start(PhoneConfig { hangup_after, ..config() }).await.unwrap();
    let mut caller = caller(&phone).await;
    let mut leg = caller.dial("+15550107", None).await;
    caller.accept(answered(&mut leg).await.as_deref());
    assert_eq!(caller.talk(Duration::from_millis(3800)).await, "123#");
    until(&mut leg, |event| matches!(event, LegEvent::RemoteBye { .. }).then_some(())).await;
    assert_eq!(hung_up(&mut phone).await.0, HungUpBy::Phone);
}

#[tokio::test]
async fn a_login_is_demanded_and_checked() {
    let login = Login { username: "u".into(), password: "p".into(), as_proxy: true };
    let phone = Phone::start(PhoneConfig { login: Some(login), ..config() }).await.unwrap();
    let caller = caller(&phone).await;
    assert_eq!(refused(&mut caller.dial("+15550100", None).await).await, 407);
    let wrong = Some(Credentials::new("u", "x"));
    assert_eq!(refused(&mut caller.dial("15550100", wrong).await).await, 407);
    let right = Some(Credentials::new("u", "p"));
    assert!(answered(&mut caller.dial("+15550199", right).await).await.is_some());
}

#[tokio::test]
async fn one_call_too_many_is_busy() {
    let phone = Phone::start(PhoneConfig { max_calls: 1, ..config() }).await.unwrap();
    let caller = caller(&phone).await;
    let mut first = caller.dial("+15550100", None).await;
    answered(&mut first).await;
    assert_eq!(refused(&mut caller.dial("15550100", None).await).await, 486);
}
