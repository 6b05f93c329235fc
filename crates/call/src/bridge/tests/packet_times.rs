//! A phone gets packets of the length it asked for, one after the other, at their pace; the first words and the last.

use rtp::{RtpHeader, RtpPacket};

use super::*;

/// What was sent to the phone, and when.
#[derive(Default)]
struct Sent {
    start: Option<Instant>,
    packets: Vec<(i64, RtpHeader, usize)>,
}

/// Runs an open call for so long and notes each packet with its time in ms.
fn sent(line: &mut Line, seconds: u64) -> Sent {
    let until = line.now + Duration::from_secs(seconds);
    let mut sent = Sent { start: Some(line.now), ..Sent::default() };
    while let Some(due) = line.bridge.next_timeout().filter(|due| *due <= until) {
        line.now = due.max(line.now);
        line.heard.rtp.clear();
        line.bridge.handle_timeout(line.now, SystemTime::UNIX_EPOCH, &mut line.heard);
        let at = (line.now - sent.start.unwrap()).as_millis() as i64;
        for packet in &line.heard.rtp {
            let packet = RtpPacket::parse(packet).unwrap();
            if packet.header.payload_type < 64 || packet.header.payload_type > 95 {
                sent.packets.push((at, packet.header, packet.payload.len()));
            }
        }
    }
    sent
}

fn open_with(codec: AudioCodec, ptime_ms: u32) -> Line {
    let mut line = Line::new(codec, false);
    line.terms.ptime_ms = ptime_ms;
    line.terms.rtcp_mux = false;
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.command(BridgeCommand::Open);
    line
}

#[test]
fn packets_are_as_long_as_the_phone_asked_and_come_at_their_pace() {
    for codec in AudioCodec::ALL {
        for ptime in [10, 20, 30, 40, 50, 60] {
            // Opus has no frames of 30 and 50 ms.
            let ms = if codec == AudioCodec::Opus && ptime > 20 { ptime / 20 * 20 } else { ptime };
            let mut line = open_with(codec, ptime);
            let Sent { packets, .. } = sent(&mut line, 60);
            let name = format!("{codec} at {ptime} ms");
            let expected = (60_000 / ms) as usize;
            assert!(packets.len().abs_diff(expected) <= 1, "{name}: {} packets", packets.len());
            for pair in packets.windows(2) {
                assert_eq!(pair[1].0 - pair[0].0, i64::from(ms), "{name}");
                assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1), "{name}");
                let ticks = pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp);
                assert_eq!(ticks, ms * codec.rtp_clock() / 1000, "{name}");
            }
            let g711 = codec != AudioCodec::Opus;
            assert!(!g711 || packets.iter().all(|packet| packet.2 == 8 * ms as usize), "{name}");
        }
    }
}

#[test]
fn digits_between_long_packets_leave_the_clock_true() {
    for ptime in [10, 20, 30, 60] {
        let mut line = open_with(AudioCodec::Pcmu, ptime);
        let before = sent(&mut line, 1);
        line.bridge.room_digits("12w3");
        let during = sent(&mut line, 4);
        let (first, last) = (before.packets[0], *during.packets.last().unwrap());
        let passed = last.0 + 1_000 - first.0;
        let ticks = i64::from(last.1.timestamp.wrapping_sub(first.1.timestamp));
        assert!((ticks - passed * 8).abs() <= 8 * 20, "{ptime} ms: {ticks} ticks in {passed} ms");
        let events = during.packets.iter().filter(|packet| packet.1.payload_type == 101).count();
        assert_eq!(events, 30, "{ptime} ms: three digits of ten packets");
    }
}

#[test]
fn the_first_words_wait_until_the_phone_is_there() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.talker_hums("TR_a", 10);
    let (audio, _) = line.phone_hears();
    assert!(audio.iter().all(|frame| level(frame) < 10.0), "nothing proves yet that it hears");
    line.phone_says(&[0xff; 160]);
    line.pass(TWENTY_MS * 10);
    let (audio, _) = line.phone_hears();
    let loud = audio.iter().filter(|frame| level(frame) > 3_000.0).count();
    assert!((5..=10).contains(&loud), "what was said meanwhile, a little faster: {loud} frames");
}

#[test]
fn a_phone_that_says_nothing_hears_the_first_words_all_the_same() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.talker_goes_on("TR_a", 0, 24);
    let (audio, _) = line.phone_hears();
    assert!(audio.iter().all(|frame| level(frame) < 10.0));
    line.talker_goes_on("TR_a", 24, 50);
    let (audio, _) = line.phone_hears();
    let loud = audio.iter().filter(|frame| level(frame) > 3_000.0).count();
    assert!(loud > 40, "{loud} of {}", audio.len());
}

#[test]
fn a_talkers_last_words_are_heard_after_the_track_has_ended() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.phone_hums(5);
    // A jittery talker's buffer holds some words back.
    let track = TrackSid::from("TR_a");
    let mut tone = Sine::new(440.0, 8_000, 8_000);
    for n in 0..100_u16 {
        if n % 4 == 3 {
            line.pass(TWENTY_MS * 4);
        }
        let payload = ulaw(&mut tone);
        let (seq, timestamp) = (n, u32::from(n) * 160);
        let packet = TalkerPacket { track: &track, codec: Codec::Pcmu, seq, timestamp, payload: &payload };
        line.bridge.room_audio(line.now, &packet);
    }
    assert!(line.bridge.has_last_words());
    line.phone_hears();
    line.bridge.room_track_ended(&track);
    assert!(line.bridge.has_last_words(), "the track is gone, its words are not");
    let ended = line.now;
    while line.bridge.has_last_words() {
        line.pass(TWENTY_MS);
        assert!(line.now < ended + Duration::from_millis(400), "they do not last for ever");
    }
    let (audio, _) = line.phone_hears();
    assert!(audio.iter().any(|frame| level(frame) > 3_000.0));
    assert_eq!(line.bridge.report().playout.packets, 100, "what was counted is kept");
}

#[test]
fn a_held_phone_has_no_last_words_to_hear() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.phone_hums(5);
    line.talker_hums("TR_a", 10);
    line.command(BridgeCommand::Connect(Negotiated { direction: Direction::RecvOnly, ..line.terms.clone() }));
    assert!(!line.bridge.has_last_words());
}
