//! The clock of the frames to the phone: run ahead of its time, and on hold.

use super::*;

/// What the phone is sent while a talker hums for two seconds, each frame made up to `ahead` of its time where that is allowed;
/// and how many were.
fn frames(ahead: Duration) -> (Vec<Vec<u8>>, usize) {
    let mut line = Line::open(AudioCodec::Pcmu);
    let mut tone = Sine::new(440.0, 8_000, 8_000);
    let track = TrackSid::from("TR_a");
    let mut early = 0;
    for seq in 0..100_u16 {
        let payload = ulaw(&mut tone);
        let timestamp = u32::from(seq) * 160;
        let packet = TalkerPacket { track: &track, codec: Codec::Pcmu, seq, timestamp, payload: &payload };
        line.bridge.room_audio(line.now, &packet);
        let soon = line.bridge.next_timeout().filter(|due| *due > line.now && *due <= line.now + ahead);
        if let Some(due) = soon.filter(|_| line.bridge.may_run_ahead(line.now)) {
            line.bridge.handle_timeout(due, SystemTime::UNIX_EPOCH, &mut line.heard);
            early += 1;
        }
        line.pass(TWENTY_MS);
    }
    (line.phone_hears().0, early)
}

#[test]
fn a_frame_made_ahead_of_its_time_is_the_same_frame() {
    let (in_time, none) = frames(Duration::ZERO);
    let (ahead, early) = frames(Duration::from_millis(6));
    assert_eq!(none, 0);
    // Until the clock has moved to its place behind the talker; from then on a frame is due when its packet comes, or later.
    assert!(early >= 10, "only {early} were made ahead");
    assert_eq!(in_time, ahead);
}

#[test]
fn nothing_is_made_ahead_of_what_has_not_come() {
    let mut line = Line::open(AudioCodec::Pcmu);
    assert!(!line.bridge.may_run_ahead(line.now), "nobody has said anything");
    line.talker_hums("TR_a", 10);
    line.pass(Duration::from_millis(200));
    assert!(!line.bridge.may_run_ahead(line.now), "what was said has been heard");
}

#[test]
fn a_held_phone_s_clock_all_but_stands_still_and_goes_on_at_once() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.pass(Duration::from_secs(1));
    let held = Negotiated { direction: Direction::RecvOnly, ..line.terms.clone() };
    line.command(BridgeCommand::Connect(held));
    let (begin, until) = (line.now, line.now + Duration::from_secs(12));
    let mut ticks = 0;
    while let Some(due) = line.bridge.next_timeout().filter(|due| *due <= until) {
        line.now = due.max(line.now);
        line.bridge.handle_timeout(line.now, SystemTime::UNIX_EPOCH, &mut line.heard);
        ticks += 1;
    }
    assert!(ticks <= 60, "{ticks} in {:?}", line.now - begin);
    line.heard.rtp.clear();
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.pass(Duration::from_millis(100));
    assert!(line.heard.rtp.len() >= 4, "{} frames", line.heard.rtp.len());
}
