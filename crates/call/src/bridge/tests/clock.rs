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

/// Reports go by the same port (RFC 5761 §4 tells them by their second byte).
fn is_report(packet: &[u8]) -> bool {
    (192..=223).contains(&packet[1])
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
    let sent = line.heard.rtp.iter().filter(|packet| !is_report(packet)).count();
    assert!((29_999..=30_001).contains(&sent), "{sent} packets in ten minutes");
}

/// One talker of the room, and what its network does to it.
struct Talking {
    name: &'static str,
    /// How much faster its clock is than ours, in parts per million.
    ppm: i64,
    /// The longest delay of a packet sent at so many µs, in µs; the shortest is none.
    jitter: fn(i64) -> i64,
    /// How late our own wake-ups are at the most, in µs.
    late: u64,
    /// What is added to the delay of the audio, half of the time and almost always, in ms.
    added: (u128, u128),
}

/// What ten minutes with one talker were like for the phone.
struct Minutes {
    packets: Vec<Vec<u8>>,
    /// The playout's added delay at each frame after the first ten seconds, in ms, least first.
    added: Vec<u128>,
}

fn ten_minutes(talking: &Talking) -> Minutes {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.phone_says(&[0xff; 160]);
    line.heard.rtp.clear();
    let mut rng = StdRng::seed_from_u64(5);
    let payload = ulaw(&mut Sine::new(400.0, 8_000, 8_000)); // whole periods: each frame is the next
    let begun = line.now;
    let sent = |n: i64| n * 20_000 - n * 20_000 * talking.ppm / 1_000_000;
    let mut arrivals: Vec<(i64, i64)> =
        (0..30_020).map(|n| (sent(n) + rng.random_range(0..=(talking.jitter)(sent(n))), n)).collect();
    arrivals.sort_unstable();
    let (track, mut added) = (TrackSid::from("TR_a"), Vec::new());
    let end = begun + Duration::from_secs(600);
    let mut coming = arrivals.iter().peekable();
    while let Some(due) = line.bridge.next_timeout().filter(|due| *due <= end) {
        let at = |us: i64| begun + Duration::from_micros(us.unsigned_abs());
        line.now = due.max(line.now) + Duration::from_micros(rng.random_range(0..=talking.late));
        while let Some(&(us, n)) = coming.next_if(|arrival| at(arrival.0) <= line.now) {
            let (seq, timestamp) = (n as u16, n as u32 * 160);
            let packet =
                TalkerPacket { track: &track, codec: Codec::Pcmu, seq, timestamp, payload: &payload };
            line.bridge.room_audio(at(us), &packet);
        }
        line.bridge.handle_timeout(line.now, SystemTime::UNIX_EPOCH, &mut line.heard);
        if due > begun + Duration::from_secs(10) {
            added.push(line.bridge.report().playout.depth.as_millis());
        }
    }
    added.sort_unstable();
    println!("{}: {:?}", talking.name, line.bridge.report().playout);
    let mut packets = std::mem::take(&mut line.heard.rtp);
    packets.retain(|packet| !is_report(packet));
    Minutes { packets, added }
}

const fn rough_and_calm(us: i64) -> i64 {
    if us / 10_000_000 % 2 == 0 { 2_000 } else { 25_000 }
}

#[test]
fn one_talker_of_whatever_clock_and_network_costs_not_two_packets_in_ten_minutes() {
    let steady = |name, ppm| Talking { name, ppm, jitter: |_| 2_000, late: 0, added: (10, 20) };
    let jittery = |name, ppm| Talking { name, ppm, jitter: |_| 25_000, late: 0, added: (35, 50) };
    for talking in [
        Talking { added: (9, 12), ..steady("steady", 0) },
        steady("steady, 20 ppm fast", 20),
        steady("steady, 300 ppm fast", 300),
        steady("steady, 300 ppm slow", -300),
        jittery("jitter", 0),
        jittery("jitter, 300 ppm fast", 300),
        jittery("jitter, 300 ppm slow", -300),
        Talking { jitter: rough_and_calm, ..jittery("calm and rough", 0) },
        Talking { late: 3_000, added: (9, 12), ..steady("late wake-ups", 0) },
        Talking { late: 8_000, ..steady("very late wake-ups", 0) },
    ] {
        let Minutes { packets, added } = ten_minutes(&talking);
        let name = talking.name;
        let part = |percent: usize| added[added.len() * percent / 100];
        println!("{name}: {} packets, added p50 {} p99 {} ms", packets.len(), part(50), part(99));
        assert!((29_998..=30_002).contains(&packets.len()), "{name}: {} packets", packets.len());
        let timestamps = packets.iter().map(|packet| u32::from_be_bytes(packet[4..8].try_into().unwrap()));
        let timestamps: Vec<u32> = timestamps.collect();
        assert!(timestamps.windows(2).all(|w| w[1].wrapping_sub(w[0]) == 160), "{name}");
        assert!(part(50) <= talking.added.0, "{name}: p50 {} ms", part(50));
        assert!(part(99) <= talking.added.1, "{name}: p99 {} ms", part(99));
    }
}
