//! Early media, hold, and keys told by signalling.

use super::*;

/// The phone rings, somebody listens, the dial tone plays.
fn ringing() -> Line {
    let mut line = Line::new(AudioCodec::Pcmu, false);
    line.bridge.demand(line.now, Demand { pcmu: true, ..Demand::default() });
    line.command(BridgeCommand::DialTone(true));
    line.pass(Duration::from_millis(200));
    line
}

/// The terms of a phone at another address.
fn elsewhere(terms: &Negotiated, host: u8) -> Negotiated {
    let remote = SocketAddr::from(([127, 0, 0, host], 20_000));
    Negotiated { remote_rtp: remote, ..terms.clone() }
}

#[test]
fn the_dial_tone_plays_until_early_media_is_really_there() {
    let mut line = ringing();
    line.command(BridgeCommand::EarlyMedia(line.terms.clone()));
    let tones = line.heard.room.len();
    line.pass(Duration::from_millis(200));
    assert!(line.heard.room.len() >= tones + 9, "a description alone is no sound");
    line.heard.room.clear();
    let announcement = [0x55; 160];
    for _ in 0..10 {
        line.phone_says(&announcement);
        line.pass(TWENTY_MS);
    }
    assert_eq!(line.heard.room.len(), 10);
    assert!(line.heard.room.iter().all(|(_, packet)| packet.payload[..] == announcement));
}

#[test]
fn the_phone_hears_nothing_of_the_room_before_it_answers() {
    let mut line = ringing();
    line.command(BridgeCommand::EarlyMedia(line.terms.clone()));
    line.talker_hums("TR_a", 25);
    let (audio, _) = line.phone_hears();
    assert!(audio.len() > 20, "the phone's network is sent silence");
    assert!(audio.iter().all(|frame| level(frame) < 10.0));
}

#[test]
fn a_phone_may_ring_silently_for_longer_than_its_media_may_be_missing() {
    let mut line = ringing();
    line.command(BridgeCommand::EarlyMedia(line.terms.clone()));
    line.phone_hums(5);
    line.pass(Duration::from_secs(60));
    assert!(!line.heard.events.contains(&BridgeEvent::MediaTimeout));
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.pass(Duration::from_secs(10));
    assert!(!line.heard.events.contains(&BridgeEvent::MediaTimeout), "the patience begins with the answer");
    line.pass(Duration::from_secs(30));
    assert!(line.heard.events.contains(&BridgeEvent::MediaTimeout));
}

#[test]
fn a_fork_that_lost_is_not_heard_after_the_answer() {
    let mut line = ringing();
    let (loser, winner) = (elsewhere(&line.terms, 2), elsewhere(&line.terms, 3));
    line.command(BridgeCommand::EarlyMedia(loser.clone()));
    line.at = loser.remote_rtp;
    line.phone_hums(5);
    line.command(BridgeCommand::Connect(winner.clone()));
    line.heard.room.clear();
    line.phone_hums(5);
    assert!(line.heard.room.is_empty(), "it has not read its CANCEL yet");
    line.at = winner.remote_rtp;
    line.phone_hums(5);
    assert_eq!(line.heard.room.len(), 5);
}

#[test]
fn early_media_that_comes_after_the_answer_changes_nothing() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.command(BridgeCommand::EarlyMedia(elsewhere(&line.terms, 2)));
    line.phone_hums(5);
    assert_eq!(line.heard.room.len(), 5);
}

#[test]
fn a_held_phone_is_sent_nothing_and_its_silence_is_no_timeout() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.phone_hums(5);
    let held = Negotiated { direction: Direction::RecvOnly, ..line.terms.clone() };
    line.command(BridgeCommand::Connect(held));
    line.phone_hears();
    line.talker_hums("TR_a", 50);
    line.pass(Duration::from_secs(120));
    assert!(line.phone_hears().0.is_empty());
    assert!(!line.heard.events.contains(&BridgeEvent::MediaTimeout));
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.talker_hums("TR_a", 50);
    let (audio, _) = line.phone_hears();
    assert!(audio.iter().filter(|frame| level(frame) > 3_000.0).count() > 40);
    line.pass(Duration::from_secs(20));
    assert!(line.heard.events.contains(&BridgeEvent::MediaTimeout), "a phone that is back owes media again");
}

#[test]
fn music_on_hold_is_heard() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.command(BridgeCommand::Connect(Negotiated { direction: Direction::RecvOnly, ..line.terms.clone() }));
    line.phone_hums(5);
    assert_eq!(line.heard.room.len(), 5);
}

#[test]
fn a_key_told_by_signalling_reaches_the_room_once_the_call_is_up() {
    let five = Digit::from_char('5').unwrap();
    let mut line = Line::new(AudioCodec::Pcmu, false);
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.command(BridgeCommand::Pressed(five));
    assert!(line.heard.digits.is_empty());
    line.command(BridgeCommand::Open);
    line.command(BridgeCommand::Pressed(five));
    line.command(BridgeCommand::Pressed(five));
    assert_eq!(line.heard.digits, ['5', '5']);
    assert_eq!(line.bridge.report().digits_from_phone, 3);
}
