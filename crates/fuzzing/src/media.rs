//! The phone's audio: descriptions, packets, encryption, digits, and one call's RTP session as a whole.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use media::codec::AudioCodec;
use media::dtmf::{DialString, Digit, EventPayload, Receiver, Sender, SenderStep, digit_of_info};
use media::jitter::{PlayoutBuffer, TalkerCodec, Width};
use media::sdp::{self, Direction, Encryption, LocalAudio, Negotiated, SessionDescription};
use media::session::{Received, RtpSession, SessionConfig};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rtp::RtpPacket;
use rtp::rtcp::Feedback;
use rtp::srtp::{LocalKeys, MasterKey, Session, SessionKeys, Suite};

use crate::Script;

/// What a side can do: everything.
pub(crate) fn local(port: u16, encryption: Encryption) -> LocalAudio {
    LocalAudio {
        rtp: SocketAddr::from(([127, 0, 0, 1], port)),
        session_id: 1,
        version: 1,
        codecs: vec![AudioCodec::Opus, AudioCodec::G722, AudioCodec::Pcmu, AudioCodec::Pcma],
        dtmf: true,
        comfort_noise: true,
        direction: Direction::SendRecv,
        encryption,
    }
}

fn keys(seed: u64) -> LocalKeys {
    LocalKeys::generate(&mut StdRng::seed_from_u64(seed))
}

/// A description is read or refused, as an offer and as an answer, and what is agreed on can be used.
pub fn sdp(data: &[u8]) {
    let Ok(description) = SessionDescription::parse(&String::from_utf8_lossy(data)) else { return };
    let printed = description.to_string();
    assert!(SessionDescription::parse(&printed).is_ok(), "what it prints is no description: {printed:?}");
    for encryption in [Encryption::Disabled, Encryption::Allowed(keys(1)), Encryption::Required(keys(2))] {
        let local = local(10_000, encryption);
        let offer = sdp::offer(&local);
        if let Ok(agreed) = sdp::accept_answer(&offer, &description) {
            use_terms(&agreed);
        }
        if let Ok((answer, agreed)) = sdp::answer(&description, &local) {
            assert!(SessionDescription::parse(&answer.to_string()).is_ok(), "{answer}");
            use_terms(&agreed);
        }
    }
}

fn use_terms(agreed: &Negotiated) {
    assert!((10..=60).contains(&agreed.ptime_ms), "{agreed:?}");
    let (now, mut out) = (Instant::now(), Vec::new());
    let mut session = RtpSession::new(SessionConfig::default(), &mut StdRng::seed_from_u64(1), now);
    session.negotiate(agreed, now);
    session.send_audio(now, &[0xff; 160], &mut out);
}

/// A packet that is read is written as what it was: its fields, the elements of its extension and its payload.
pub fn rtp(data: &[u8]) {
    let _ = rtp::is_rtcp(data);
    let Ok(packet) = RtpPacket::parse(data) else { return };
    let elements: Vec<_> =
        (1..=14).filter_map(|id| packet.extension.element(id).map(|value| (id, value))).collect();
    let mut written = Vec::new();
    if rtp::write_extended(&packet.header, &elements, packet.payload, &mut written).is_ok() {
        let Ok(again) = RtpPacket::parse(&written) else { panic!("a packet that was written is none") };
        assert_eq!((again.header, again.payload), (packet.header, packet.payload));
        elements.iter().for_each(|(id, value)| assert_eq!(again.extension.element(*id), Some(*value)));
    }
}

/// A report is read or refused.
pub fn rtcp(data: &[u8]) {
    let ours = Script::new(data).long();
    let _ = Feedback::parse(data, ours);
}

const SUITES: &[Suite] = &Suite::ALL;

/// Nothing opens but what was sealed, and that opens once.
pub fn srtp(data: &[u8]) {
    let mut script = Script::new(data);
    let Some(suite) = script.pick(SUITES) else { return };
    let (Some(send), Some(receive)) = (keys(1).get(suite).cloned(), keys(2).get(suite).cloned()) else {
        return;
    };
    let session = |send: &MasterKey, receive: &MasterKey| {
        Session::new(&SessionKeys { send: send.clone(), receive: receive.clone(), receive_mki: Vec::new() })
    };
    let (Some(mut ours), Some(mut theirs)) = (session(&send, &receive), session(&receive, &send)) else {
        return;
    };
    let mut opened = Vec::new();
    while script.goes_on() {
        let (kind, packet) = (script.byte() % 4, script.bytes());
        match kind {
            0 => assert!(ours.open_rtp(packet, &mut opened).is_err(), "a forged packet was believed"),
            1 => assert!(ours.open_rtcp(packet, &mut opened).is_err(), "a forged report was believed"),
            2 => {
                let mut sealed = packet.to_vec();
                if RtpPacket::parse(packet).is_ok() && theirs.protect_rtp(&mut sealed).is_ok() {
                    // One that is too old, or was there before, is refused: that is no promise broken.
                    if ours.open_rtp(&sealed, &mut opened).is_ok() {
                        assert_eq!(opened, packet);
                        assert!(ours.open_rtp(&sealed, &mut opened).is_err(), "a replay was believed");
                    }
                }
            }
            _ => {
                let mut sealed = packet.to_vec();
                if theirs.protect_rtcp(&mut sealed).is_ok() && ours.open_rtcp(&sealed, &mut opened).is_ok() {
                    assert_eq!(opened, packet);
                }
            }
        }
    }
}

/// Digits to be dialled, in an INFO, and as telephone-events.
pub fn dtmf(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(digits) = DialString::parse(&text) {
        let mut sender = Sender::new();
        if sender.push(&digits).is_ok() {
            let steps = (0..100_000).find(|_| matches!(sender.step(), SenderStep::Idle));
            assert!(steps.is_some() && sender.is_idle(), "the digits never end");
        }
    }
    for content_type in ["application/dtmf-relay", "application/dtmf", &text] {
        let _ = digit_of_info(content_type, data);
    }
    let (mut receiver, mut script, mut heard) = (Receiver::new(), Script::new(data), 0_usize);
    while script.goes_on() {
        let (timestamp, marker) = (script.byte(), script.byte() & 1 == 1);
        if let Ok(payload) = EventPayload::parse(&script.long().to_be_bytes()) {
            let digit = receiver.receive(payload, timestamp.into(), marker);
            heard += digit.iter().filter(|event| Digit::all().any(|digit| digit == event.digit)).count();
        }
    }
    assert!(heard <= data.len());
}

/// One call's session between two hosts of which one is a stranger: whatever comes, what leaves is well formed and goes to
/// somebody who has proven to be the phone, or to whom the description names.
pub fn session(data: &[u8]) {
    let mut script = Script::new(data);
    let kind = script.byte();
    let encryption = if kind & 1 == 0 { Encryption::Disabled } else { Encryption::Required(keys(1)) };
    let offer = sdp::offer(&local(10_000, encryption));
    let theirs = if kind & 1 == 0 { Encryption::Disabled } else { Encryption::Required(keys(2)) };
    let Ok((answer, phone_terms)) = sdp::answer(&offer, &local(20_000, theirs)) else { return };
    let Ok(terms) = sdp::accept_answer(&offer, &answer) else { return };
    let (mut now, mut rng) = (Instant::now(), StdRng::seed_from_u64(1));
    let config = SessionConfig { symmetric: kind & 2 == 0, ..SessionConfig::default() };
    let mut ours = RtpSession::new(config, &mut rng, now);
    let mut phone = RtpSession::new(SessionConfig::default(), &mut rng, now);
    phone.negotiate(&phone_terms, now);
    let (mut packet, mut out) = (Vec::new(), Vec::new());
    let hosts = [([127, 0, 0, 1], 20_000), ([127, 0, 0, 1], 20_002), ([192, 0, 2, 66], 20_000)];
    while script.goes_on() {
        let from = SocketAddr::from(script.pick(&hosts).unwrap_or(hosts[0]));
        match script.byte() % 8 {
            0 => ours.negotiate(&terms, now),
            1 => heard(ours.handle_rtp(now, from, script.bytes())),
            2 => ours.handle_rtcp(now, from, script.bytes()),
            3 => {
                phone.send_audio(now, script.bytes(), &mut packet);
                heard(ours.handle_rtp(now, from, &packet));
            }
            4 => now += Duration::from_millis(script.word().into()),
            5 => {
                if ours.send_audio(now, &[0xff; 160], &mut out).is_some() && kind & 1 == 0 {
                    assert!(RtpPacket::parse(&out).is_ok());
                }
            }
            6 => {
                ours.poll_rtcp(now, SystemTime::UNIX_EPOCH, &mut out);
            }
            _ => {
                let bent = script.byte();
                phone.send_audio(now, &[0x55; 160], &mut packet);
                if let Some(byte) = packet.get_mut(usize::from(bent) % 160) {
                    *byte ^= bent;
                }
                heard(ours.handle_rtp(now, from, &packet));
            }
        }
    }
    let stats = ours.stats();
    assert!(stats.dropped.total() <= data.len() as u64, "{stats:?}");
}

fn heard(received: Received<'_>) {
    if let Received::Audio { payload, .. } = received {
        assert!(!payload.is_empty());
    }
}

/// Whatever packets come, in whatever order and at whatever time: each frame is filled whole, and no more waits than may.
pub fn playout(data: &[u8]) {
    let mut script = Script::new(data);
    let width = if script.byte().is_multiple_of(2) { Width::Narrow } else { Width::Wide };
    let mut buffer = PlayoutBuffer::new(width);
    let (mut now, mut out) = (Instant::now(), [0; 400]);
    let mut frames = 0;
    while script.goes_on() && frames < 2_000 {
        match script.byte() % 8 {
            0..4 => {
                let codec = script.pick(&[TalkerCodec::Opus, TalkerCodec::Pcmu, TalkerCodec::Pcma]);
                let (seq, timestamp) = (script.word(), script.long());
                let Some(codec) = codec else { return };
                let _ = buffer.insert(now, seq, timestamp, script.bytes(), codec);
            }
            4 => now += Duration::from_millis(u64::from(script.word())),
            5 => buffer.reset(),
            _ => {
                for _ in 0..=script.byte() % 16 {
                    now += Duration::from_millis(20)
                        .saturating_sub(buffer.spare().min(Duration::from_micros(500)));
                    out.fill(i16::MIN + 1);
                    let _ = buffer.pull(now, &mut out);
                    assert!(
                        out[width.frame()..].iter().all(|sample| *sample == i16::MIN + 1),
                        "beyond its frame"
                    );
                    frames += 1;
                }
            }
        }
    }
    assert!(buffer.stats().depth < Duration::from_secs(60), "{:?}", buffer.stats());
}
