//! A phone that takes comfort noise (RFC 3389) is told what silence sounds like, twice a second, and sent words whole.

use media::comfort;
use rtp::{RtpHeader, RtpPacket};

use super::*;

fn takes_noise(codec: AudioCodec) -> Line {
    let mut line = Line::called(&local(20_000, vec![codec]), false);
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.command(BridgeCommand::Open);
    line.phone_says(&[0xff; 160]);
    line
}

/// The headers of what was sent to the phone, with their payloads.
fn sent(line: &mut Line) -> Vec<(RtpHeader, Vec<u8>)> {
    let packets = std::mem::take(&mut line.heard.rtp);
    let parsed = packets.iter().filter(|packet| !rtp::is_rtcp(packet)).map(|packet| {
        let RtpPacket { header, payload, .. } = RtpPacket::parse(packet).unwrap();
        (header, payload.to_vec())
    });
    parsed.collect()
}

fn is_noise(packet: &(RtpHeader, Vec<u8>)) -> bool {
    packet.0.payload_type == comfort::PAYLOAD_TYPE
}

#[test]
fn silence_is_sent_for_a_moment_and_then_described() {
    for codec in AudioCodec::G711 {
        let mut line = takes_noise(codec);
        line.pass(Duration::from_secs(60));
        let sent = sent(&mut line);
        let noise = sent.iter().filter(|packet| is_noise(packet)).count();
        assert!(
            (11..=13).contains(&(sent.len() - noise)),
            "{codec}: 240 ms are sent: {}",
            sent.len() - noise
        );
        assert!((115..=125).contains(&noise), "{codec}: {noise} descriptions in a minute");
        assert!(
            sent.iter().filter(|packet| is_noise(packet)).all(|(_, noise)| noise[0] == 127),
            "no noise at all"
        );
    }
}

#[test]
fn words_come_whole_with_a_marker_on_one_clock_and_without_a_gap_in_the_numbers() {
    let mut line = takes_noise(AudioCodec::Pcmu);
    let begun = line.now;
    line.talker_goes_on("TR_a", 100, 50);
    line.pass(Duration::from_secs(3));
    line.talker_goes_on("TR_a", 300, 50);
    line.pass(Duration::from_secs(1));
    let sent = sent(&mut line);
    let loud =
        |(header, payload): &&(RtpHeader, Vec<u8>)| header.payload_type == 0 && level(payload) > 3_000.0;
    assert!(sent.iter().filter(loud).count() >= 98, "two words of 50 frames");
    for pair in sent.windows(2) {
        assert_eq!(pair[1].0.sequence, pair[0].0.sequence.wrapping_add(1));
        assert_eq!(
            pair[1].0.marker,
            !is_noise(&pair[1]) && is_noise(&pair[0]),
            "the first packet after silence"
        );
    }
    let (first, last) = (sent[0].0.timestamp, sent.last().unwrap().0.timestamp);
    let passed = (line.now - begun).as_millis() as u32 * 8;
    assert!(passed.abs_diff(last.wrapping_sub(first)) <= 4_800, "{passed} and {}", last.wrapping_sub(first));
    let longest = sent.windows(2).map(|pair| pair[1].0.timestamp.wrapping_sub(pair[0].0.timestamp)).max();
    assert!(longest <= Some(4_160), "descriptions come twice a second: {longest:?}");
}

#[test]
fn a_phone_that_takes_none_is_sent_every_frame() {
    let mut line = Line::open(AudioCodec::Pcma);
    line.pass(Duration::from_secs(10));
    let sent = sent(&mut line);
    assert!((500..=501).contains(&sent.len()) && !sent.iter().any(is_noise), "{}", sent.len());
}

#[test]
fn wideband_is_sent_every_frame() {
    for codec in [AudioCodec::G722, AudioCodec::Opus] {
        let mut line = takes_noise(codec);
        line.pass(Duration::from_secs(10));
        let sent = sent(&mut line);
        assert!(sent.len() >= 500 && !sent.iter().any(is_noise), "{codec}: {}", sent.len());
    }
}

#[test]
fn a_key_in_the_midst_of_silence_is_told_and_the_silence_described_anew() {
    let mut line = takes_noise(AudioCodec::Pcmu);
    line.pass(Duration::from_secs(2));
    line.bridge.room_digits("5");
    line.pass(Duration::from_secs(2));
    let sent = sent(&mut line);
    let last_event = sent.iter().rposition(|(header, _)| header.payload_type == 101).unwrap();
    let after = &sent[last_event + 1..];
    assert!(after.iter().take(11).all(|packet| !is_noise(packet)), "silence itself for a while");
    assert!(after.iter().any(is_noise));
}
