//! A bridge between a scripted phone and a scripted room, in simulated time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use media::codec::{AudioCodec, g711};
use media::dtmf::{DialString, Digit};
use media::sdp::{self, Direction, LocalAudio};
use media::session::{Received, RtpSession, SessionConfig};
use media::tone::Sine;
use rand::SeedableRng;
use rand::rngs::StdRng;
use room::{AudioPacket, Codec, TrackSid};

use super::*;

mod before_the_answer;
mod clock;
mod ends;
mod into_the_room;
mod packet_times;
mod quiet;
mod wideband;

const TWENTY_MS: Duration = Duration::from_millis(20);

/// What came out of the bridge.
#[derive(Default)]
struct Heard {
    rtp: Vec<Vec<u8>>,
    rtcp: usize,
    room: Vec<(Codec, AudioPacket)>,
    noises: Vec<(u32, Vec<u8>)>,
    codecs: Vec<Codec>,
    digits: Vec<char>,
    events: Vec<BridgeEvent>,
}

impl Sink for Heard {
    fn rtp(&mut self, _to: SocketAddr, packet: &[u8]) {
        self.rtp.push(packet.to_vec());
    }
    fn rtcp(&mut self, _to: SocketAddr, _packet: &[u8]) {
        self.rtcp += 1;
    }
    fn room_codec(&mut self, codec: Codec) {
        self.codecs.push(codec);
    }
    fn room_audio(&mut self, codec: Codec, packet: AudioPacket) {
        self.room.push((codec, packet));
    }
    fn room_noise(&mut self, timestamp: u32, noise: &[u8]) {
        self.noises.push((timestamp, noise.to_vec()));
    }
    fn room_digit(&mut self, digit: Digit) {
        self.digits.push(digit.as_char());
    }
    fn event(&mut self, event: BridgeEvent) {
        self.events.push(event);
    }
}

struct Line {
    bridge: Bridge,
    phone: RtpSession,
    at: SocketAddr,
    now: Instant,
    heard: Heard,
    buffer: Vec<u8>,
    terms: Negotiated,
}

fn local(port: u16, codecs: Vec<AudioCodec>) -> LocalAudio {
    let rtp = SocketAddr::from(([127, 0, 0, 1], port));
    LocalAudio {
        rtp,
        session_id: 1,
        version: 1,
        codecs,
        dtmf: true,
        comfort_noise: true,
        direction: Direction::SendRecv,
        encryption: media::sdp::Encryption::Disabled,
    }
}

fn config(voice_isolation: bool) -> BridgeConfig {
    BridgeConfig {
        symmetric_rtp: true,
        media_timeout_initial: Duration::from_secs(30),
        media_timeout: Duration::from_secs(15),
        voice_isolation,
        cname: "test".into(),
    }
}

impl Line {
    /// A phone that takes no comfort noise.
    fn new(codec: AudioCodec, voice_isolation: bool) -> Self {
        let callee = LocalAudio { comfort_noise: false, ..local(20_000, vec![codec]) };
        Self::called(&callee, voice_isolation)
    }

    fn called(callee: &LocalAudio, voice_isolation: bool) -> Self {
        let mut rng = StdRng::seed_from_u64(7);
        let now = Instant::now();
        let offer = sdp::offer(&local(10_000, AudioCodec::ALL.to_vec()));
        let (answer, phone_terms) = sdp::answer(&offer, callee).unwrap();
        let terms = sdp::accept_answer(&offer, &answer).unwrap();
        let mut phone = RtpSession::new(SessionConfig::default(), &mut rng, now);
        phone.negotiate(&phone_terms, now);
        Self {
            bridge: Bridge::new(&config(voice_isolation), &mut rng, now),
            phone,
            at: SocketAddr::from(([127, 0, 0, 1], 20_000)),
            now,
            heard: Heard::default(),
            buffer: Vec::new(),
            terms,
        }
    }

    /// The phone is up and somebody in the room listens in PCMU.
    fn open(codec: AudioCodec) -> Self {
        let mut line = Self::new(codec, false);
        line.bridge.demand(line.now, Demand { pcmu: true, ..Demand::default() });
        line.command(BridgeCommand::Connect(line.terms.clone()));
        line.command(BridgeCommand::Open);
        line
    }

    fn command(&mut self, command: BridgeCommand) {
        self.bridge.command(self.now, command, &mut self.heard);
    }

    /// Runs the bridge's clock for so long.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.bridge.next_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.bridge.handle_timeout(self.now, SystemTime::UNIX_EPOCH, &mut self.heard);
        }
        self.now = until;
    }

    fn phone_says(&mut self, payload: &[u8]) {
        self.phone.send_audio(self.now, payload, &mut self.buffer);
        self.bridge.handle_rtp(self.now, self.at, &self.buffer, &mut self.heard);
    }

    /// The phone hums for so many frames.
    fn phone_hums(&mut self, frames: usize) {
        let mut tone = Sine::new(440.0, 8_000, 8_000);
        for _ in 0..frames {
            let payload = ulaw(&mut tone);
            self.phone_says(&payload);
            self.pass(TWENTY_MS);
        }
    }

    /// What the phone receives: frames of audio and digits.
    fn phone_hears(&mut self) -> (Vec<Vec<u8>>, String) {
        let (mut audio, mut digits) = (Vec::new(), String::new());
        let from = SocketAddr::from(([127, 0, 0, 1], 10_000));
        for packet in std::mem::take(&mut self.heard.rtp) {
            match self.phone.handle_rtp(self.now, from, &packet) {
                Received::Audio { payload, .. } => audio.push(payload.to_vec()),
                Received::Digit(event) => digits.push(event.digit.as_char()),
                Received::Noise { .. } | Received::Nothing => {}
            }
        }
        (audio, digits)
    }
}

fn ulaw(tone: &mut Sine) -> [u8; 160] {
    let (mut pcm, mut payload) = ([0; 160], [0; 160]);
    tone.fill(&mut pcm);
    g711::encode_ulaw(&pcm, &mut payload);
    payload
}

/// Root mean square of a µ-law frame.
fn level(payload: &[u8]) -> f64 {
    let mut pcm = vec![0; payload.len()];
    g711::decode_ulaw(payload, &mut pcm);
    let sum: f64 = pcm.iter().map(|s| f64::from(*s).powi(2)).sum();
    (sum / pcm.len() as f64).sqrt()
}

#[test]
fn the_dial_tone_stops_at_the_answer_and_the_phone_goes_on_without_a_seam() {
    let mut line = Line::new(AudioCodec::Pcmu, false);
    line.bridge.demand(line.now, Demand { pcmu: true, ..Demand::default() });
    line.command(BridgeCommand::DialTone(true));
    line.pass(Duration::from_millis(500));
    let tones = line.heard.room.len();
    assert!((25..=26).contains(&tones), "{tones}");
    assert!(level(&line.heard.room[10].1.payload) > 8_000.0);
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.phone_hums(10);
    assert_eq!(line.heard.room.len(), tones + 10, "no tone after the answer");
    for pair in line.heard.room.windows(2) {
        assert_eq!(pair[1].1.seq, pair[0].1.seq + 1);
        let step = pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp);
        assert!((120..=320).contains(&step), "{step}");
    }
}

#[test]
fn a_dial_tone_nobody_hears_costs_no_wake_up() {
    let mut line = Line::new(AudioCodec::Pcmu, false);
    line.command(BridgeCommand::DialTone(true));
    assert_eq!(line.bridge.next_timeout(), None);
    line.bridge.demand(line.now, Demand { opus: true, ..Demand::default() });
    assert!(line.bridge.next_timeout().is_some());
}

#[test]
fn the_phone_gets_a_frame_every_20_ms_even_when_nobody_speaks() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.pass(Duration::from_secs(600));
    let (audio, _) = line.phone_hears();
    assert!((30_000..=30_001).contains(&audio.len()), "{}", audio.len());
    assert!(audio.iter().all(|frame| level(frame) < 10.0));
    assert!(line.heard.rtcp > 0 || line.terms.rtcp_mux);
}

#[test]
fn the_phone_hears_the_room_once_the_bridge_is_open() {
    let mut line = Line::new(AudioCodec::Pcmu, false);
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.talker_hums("TR_a", 25);
    let (audio, _) = line.phone_hears();
    assert!(audio.iter().all(|frame| level(frame) < 10.0), "not yet open");
    line.command(BridgeCommand::Open);
    line.phone_says(&[0xff; 160]);
    line.talker_hums("TR_a", 50);
    let (audio, _) = line.phone_hears();
    let loud = audio.iter().filter(|frame| level(frame) > 3_000.0).count();
    assert!(loud > 40, "{loud} of {}", audio.len());
    assert!(line.heard.events.iter().any(|event| matches!(event, BridgeEvent::FirstAudioToPhone { .. })));
}

impl Line {
    fn talker_hums(&mut self, track: &str, frames: u16) {
        let base = (self.now.elapsed().as_millis() % 1_000) as u16;
        self.talker_goes_on(track, base, frames);
    }

    /// The talker's frames from this number on.
    fn talker_goes_on(&mut self, track: &str, first: u16, frames: u16) {
        let track = TrackSid::from(track);
        let mut tone = Sine::new(440.0, 8_000, 8_000);
        for n in first..first.saturating_add(frames) {
            let payload: Arc<[u8]> = Arc::from(ulaw(&mut tone).as_slice());
            let packet = TalkerPacket {
                track: &track,
                codec: Codec::Pcmu,
                seq: n,
                timestamp: u32::from(n) * 160,
                payload: &payload,
            };
            self.bridge.room_audio(self.now, &packet);
            self.pass(TWENTY_MS);
        }
    }
}

#[test]
fn initial_digits_reach_the_phone_and_are_reported_once_through() {
    let mut line = Line::new(AudioCodec::Pcmu, false);
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.command(BridgeCommand::SendDigits(DialString::parse("*123#ww456").unwrap()));
    line.pass(Duration::from_secs(6));
    let (audio, digits) = line.phone_hears();
    assert_eq!(digits, "*123#456");
    assert!(audio.len() > 100, "the stream does not stop in the pauses");
    let sent = line.heard.events.iter().filter(|event| **event == BridgeEvent::DigitsSent).count();
    assert_eq!(sent, 1);
}

#[test]
fn digits_of_the_room_pass_once_the_bridge_is_open_and_nonsense_is_counted() {
    let mut line = Line::new(AudioCodec::Pcmu, false);
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.bridge.room_digits("9");
    line.command(BridgeCommand::Open);
    line.bridge.room_digits("5");
    line.bridge.room_digits("x");
    line.pass(Duration::from_secs(1));
    assert_eq!(line.phone_hears().1, "5");
    assert_eq!(line.bridge.report().digits_dropped, 1);
    assert!(!line.heard.events.contains(&BridgeEvent::DigitsSent));
}

#[test]
fn a_key_on_the_phone_is_told_once() {
    let mut line = Line::open(AudioCodec::Pcmu);
    let mut keys = media::dtmf::Sender::new();
    keys.push(&DialString::parse("7").unwrap()).unwrap();
    for _ in 0..20 {
        if let media::dtmf::SenderStep::Event(packet) = keys.step() {
            line.phone.send_event(line.now, &packet, &mut line.buffer);
            line.bridge.handle_rtp(line.now, line.at, &line.buffer, &mut line.heard);
        } else {
            line.phone_says(&[0xff; 160]);
        }
        line.pass(TWENTY_MS);
    }
    assert_eq!(line.heard.digits, ['7']);
    let seqs: Vec<u64> = line.heard.room.iter().map(|(_, packet)| packet.seq).collect();
    assert!(seqs.windows(2).all(|w| w[1] == w[0] + 1), "digits are no loss: {seqs:?}");
}

#[test]
fn the_first_word_before_the_answer_came_through_is_whole() {
    let mut line = Line::new(AudioCodec::Pcmu, false);
    line.bridge.demand(line.now, Demand { pcmu: true, ..Demand::default() });
    for _ in 0..10 {
        line.phone_hums(1);
    }
    assert!(line.heard.room.is_empty());
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.pass(Duration::from_millis(1));
    line.phone_hums(5);
    assert_eq!(line.heard.room.len(), 3 + 5, "the last moment before the answer, and what follows");
}

#[test]
fn voice_isolation_works_on_every_codec_that_is_asked_for() {
    const FRAMES: usize = 500;
    let mut line = Line::new(AudioCodec::Pcmu, true);
    line.bridge.demand(line.now, Demand { pcmu: true, opus: true, ..Demand::default() });
    line.command(BridgeCommand::Connect(line.terms.clone()));
    let mut seed = 1_u32;
    for _ in 0..FRAMES {
        let mut noise = [0_i16; 160];
        for sample in &mut noise {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = ((seed >> 16) as i16) / 16;
        }
        let mut payload = [0; 160];
        g711::encode_ulaw(&noise, &mut payload);
        line.phone_says(&payload);
        line.pass(TWENTY_MS);
    }
    let pcmu: Vec<_> = line.heard.room.iter().filter(|(codec, _)| *codec == Codec::Pcmu).collect();
    assert_eq!((pcmu.len(), line.heard.room.len()), (FRAMES, 2 * FRAMES));
    let late = pcmu[FRAMES - 30..].iter().map(|(_, packet)| level(&packet.payload)).sum::<f64>() / 30.0;
    assert!(late < 300.0, "steady noise of about 1,180 is turned down: {late}");
}

#[test]
fn a_phone_that_falls_silent_is_reported_once() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.phone_hums(10);
    line.pass(Duration::from_secs(60));
    let timeouts = line.heard.events.iter().filter(|event| **event == BridgeEvent::MediaTimeout).count();
    assert_eq!(timeouts, 1);
}

#[test]
fn rubbish_on_the_port_is_dropped() {
    let mut line = Line::open(AudioCodec::Pcmu);
    for length in [0, 1, 11, 12, 13, 40, 172, 1_500] {
        let rubbish: Vec<u8> = (0..length).map(|n| (n * 37) as u8).collect();
        line.bridge.handle_rtp(line.now, line.at, &rubbish, &mut line.heard);
        line.bridge.handle_rtcp(line.now, line.at, &rubbish);
    }
    assert!(line.heard.room.is_empty());
}

#[test]
fn a_late_wake_up_does_not_send_a_burst() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.pass(Duration::from_millis(100));
    let before = line.heard.rtp.len();
    line.now += Duration::from_secs(3);
    line.pass(Duration::from_millis(40));
    assert!(line.heard.rtp.len() - before <= 4, "{}", line.heard.rtp.len() - before);
}

/// A call whose phone takes no telephone-events.
fn without_events() -> Line {
    let mut line = Line::new(AudioCodec::Pcma, false);
    line.terms.dtmf_payload_type = None;
    line.bridge.demand(line.now, Demand { pcmu: true, ..Demand::default() });
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.command(BridgeCommand::Open);
    line
}

#[test]
fn a_phone_without_telephone_events_hears_digits_as_sound_in_unbroken_audio() {
    let mut line = without_events();
    line.command(BridgeCommand::SendDigits(DialString::parse("1w5#").unwrap()));
    line.pass(Duration::from_secs(2));
    assert!(line.heard.events.contains(&BridgeEvent::DigitsSent));
    let mut ear = media::dtmf::tones::Detector::new(8_000);
    let mut digits = String::new();
    for packet in &line.heard.rtp {
        let mut pcm = [0; 160];
        assert_eq!(packet[1] & 0x7f, 8, "every packet is audio");
        g711::decode_alaw(&packet[12..], &mut pcm);
        digits.extend(ear.hear(&pcm).map(Digit::as_char));
    }
    assert_eq!(digits, "15#");
}

#[test]
fn keys_are_heard_in_the_audio_of_a_phone_without_telephone_events_and_of_no_other() {
    for (mut line, expected) in [(without_events(), "42"), (Line::open(AudioCodec::Pcma), "")] {
        let mut sender = media::dtmf::Sender::new();
        let mut player = media::dtmf::tones::Player::new(8_000);
        sender.push(&DialString::parse("42").unwrap()).unwrap();
        for _ in 0..60 {
            line.pass(TWENTY_MS);
            let mut pcm = [0; 160];
            if let media::dtmf::SenderStep::Event(event) = sender.step() {
                player.fill(&event, &mut pcm);
            }
            let mut payload = [0; 160];
            g711::encode_alaw(&pcm, &mut payload);
            line.phone_says(&payload);
        }
        assert_eq!(line.heard.digits.iter().collect::<String>(), expected);
    }
}
