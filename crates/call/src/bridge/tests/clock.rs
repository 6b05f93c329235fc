//! The clock of the frames to the phone: on hold, and when its wake-ups come late.

use rand::Rng;

use super::*;

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

#[test]
fn wake_ups_that_come_late_cost_not_one_packet_in_ten_minutes() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.heard.rtp.clear(); // what it was sent while it was opened
    let mut rng = StdRng::seed_from_u64(11);
    let end = line.now + Duration::from_secs(600);
    while let Some(due) = line.bridge.next_timeout().filter(|due| *due <= end) {
        line.now = due.max(line.now) + Duration::from_micros(rng.random_range(0..15_000));
        line.bridge.handle_timeout(line.now, SystemTime::UNIX_EPOCH, &mut line.heard);
    }
    // Reports go by the same port (RFC 5761 §4 tells them by their second byte).
    let is_report = |packet: &&Vec<u8>| (192..=223).contains(&packet[1]);
    let sent = line.heard.rtp.iter().filter(|packet| !is_report(packet)).count();
    assert!((29_999..=30_001).contains(&sent), "{sent} packets in ten minutes");
}
