use std::collections::BTreeSet;
use std::time::SystemTime;

use proptest::prelude::*;
use rand::Rng;

use super::*;
use crate::dtmf::{DialString, Sender, SenderStep};

/// Two sessions and what is on its way between them, in order of arrival.
struct Network {
    sessions: [RtpSession; 2],
    addresses: [SocketAddr; 2],
    wire: Vec<(Instant, usize, bool, Vec<u8>)>,
    rng: StdRng,
    loss: f64,
    delay: Duration,
    jitter_ms: u64,
}

impl Network {
    fn new(seed: u64, now: Instant) -> Self {
        let addresses = [addr("192.0.2.10:40000"), phone_addr()];
        let mut sessions = [new_session(seed, now), new_session(seed ^ 1, now)];
        for (n, session) in sessions.iter_mut().enumerate() {
            let remote = addresses[1 - n];
            let rtcp = SocketAddr::new(remote.ip(), remote.port() + 1);
            session.negotiate(&Negotiated { remote_rtp: remote, remote_rtcp: rtcp, ..terms() }, now);
        }
        let delay = Duration::from_millis(40);
        Self {
            sessions,
            addresses,
            wire: Vec::new(),
            rng: StdRng::seed_from_u64(seed),
            loss: 0.0,
            delay,
            jitter_ms: 0,
        }
    }

    fn send(&mut self, now: Instant, from: usize, rtcp: bool, data: Vec<u8>) {
        if self.rng.random_bool(self.loss) && !rtcp {
            return;
        }
        let jitter = Duration::from_millis(self.rng.random_range(0..=self.jitter_ms));
        self.wire.push((now + self.delay + jitter, from, rtcp, data));
    }

    /// Delivers what has arrived at `now` to the other side, and returns audio and digits heard by the second session.
    fn deliver(&mut self, now: Instant, audio: &mut Vec<(u64, u32)>, digits: &mut String) {
        self.wire.sort_by_key(|(at, ..)| *at);
        let arrived = self.wire.iter().take_while(|(at, ..)| *at <= now).count();
        for (at, from, rtcp, data) in self.wire.drain(..arrived) {
            let (session, source) = (&mut self.sessions[1 - from], self.addresses[from]);
            if rtcp {
                session.handle_rtcp(at, SocketAddr::new(source.ip(), source.port() + 1), &data);
                continue;
            }
            match session.handle_rtp(at, source, &data) {
                Received::Audio { seq, timestamp, .. } if from == 0 => audio.push((seq, timestamp)),
                Received::Digit(event) if from == 0 => digits.push(event.digit.as_char()),
                _ => {}
            }
        }
    }

    /// Runs both sides for `steps` frames; the first dials. Returns what the second heard.
    fn run(&mut self, start: Instant, steps: u32, dial: &str) -> (Vec<(u64, u32)>, String) {
        let mut sender = Sender::new();
        sender.push(&DialString::parse(dial).unwrap()).unwrap();
        let (mut audio, mut digits) = (Vec::new(), String::new());
        for n in 0..steps {
            let now = start + FRAME * n;
            self.deliver(now, &mut audio, &mut digits);
            for side in 0..2 {
                let mut out = Vec::new();
                let event = if side == 0 { sender.step() } else { SenderStep::Idle };
                let sent = match event {
                    SenderStep::Event(event) => self.sessions[side].send_event(now, &event, &mut out),
                    _ => self.sessions[side].send_audio(now, &SILENCE, &mut out),
                };
                if sent.is_some() {
                    self.send(now, side, false, out);
                }
                let mut out = Vec::new();
                let wallclock = SystemTime::UNIX_EPOCH + (now - start);
                if self.sessions[side].poll_rtcp(now, wallclock, &mut out).is_some() {
                    self.send(now, side, true, out);
                }
            }
        }
        self.deliver(start + FRAME * steps + Duration::from_secs(1), &mut audio, &mut digits);
        (audio, digits)
    }
}

#[test]
fn both_sides_measure_the_same_network() {
    let start = Instant::now();
    let mut network = Network::new(42, start);
    network.loss = 0.1;
    network.jitter_ms = 15;
    network.run(start, 3000, "");
    for session in &network.sessions {
        let stats = session.stats();
        let rtt = stats.rtt_ms.expect("a round trip");
        assert!((80.0..=125.0).contains(&rtt), "{rtt} ms with 80 to 110 ms of delay, seen in 20 ms steps");
        assert!((240..=360).contains(&stats.lost), "{} of 3000 lost", stats.lost);
        let reported = stats.remote_lost.expect("a report");
        assert!((150..=360).contains(&reported), "{reported} reported lost");
        assert!((1.0..=10.0).contains(&stats.jitter_ms), "{} ms jitter", stats.jitter_ms);
        assert!(stats.remote_jitter_ms.is_some());
        assert_eq!(stats.packets_sent, 3000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Loss up to 10 %, packets overtaking one another by up to 60 ms: every digit is heard once and in order, every
    /// audio packet has a place of its own, and places and times agree.
    #[test]
    fn digits_and_audio_survive_a_bad_network(seed: u64, loss in 0.0..0.1_f64, jitter_ms in 0..60_u64) {
        let start = Instant::now();
        let mut network = Network::new(seed, start);
        (network.loss, network.jitter_ms) = (loss, jitter_ms);
        let (audio, digits) = network.run(start, 400, "*1123#ww4560D");
        prop_assert_eq!(digits, "*1123#4560D", "seed {}", seed);
        let places: BTreeSet<u64> = audio.iter().map(|(seq, _)| *seq).collect();
        prop_assert_eq!(places.len(), audio.len(), "seed {}: a place was given twice", seed);
        let mut by_place = audio;
        by_place.sort_unstable();
        for pair in by_place.windows(2) {
            let step = pair[1].1.wrapping_sub(pair[0].1);
            prop_assert!((160..160 * 60).contains(&step), "seed {}: {:?}", seed, pair);
        }
    }

    /// Whatever arrives from wherever, in whatever order: no panic, and nobody but the phone is heard while it talks.
    #[test]
    fn garbage_and_strangers_disturb_nothing(
        noise in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..60), any::<u16>(), any::<bool>()), 0..300),
    ) {
        let (mut session, start) = session();
        for ((mut data, port, valid), n) in noise.into_iter().zip(0_u16..) {
            let now = start + FRAME * u32::from(n);
            prop_assert!(heard(session.handle_rtp(now, phone_addr(), &voice(n))).is_some());
            if let (true, [first, second, ..]) = (valid, &mut data[..]) {
                (*first, *second) = (0x80, 0);
            }
            let stranger = SocketAddr::new(addr("203.0.113.66:1").ip(), port);
            prop_assert_eq!(session.handle_rtp(now, stranger, &data), Received::Nothing);
            session.handle_rtcp(now, stranger, &data);
            session.handle_rtcp(now, phone_addr(), &data);
        }
        prop_assert_eq!(session.stats().lost, 0);
    }

    /// A phone out of its mind: any packets from the right address.
    #[test]
    fn any_packets_from_the_phone_are_survived(
        packets in proptest::collection::vec((0..4_usize, any::<u16>(), any::<u32>(), 0..3_u32, 0..5000_u64), 0..200),
    ) {
        let (mut session, mut now) = session();
        for (kind, sequence, timestamp, ssrc, wait) in packets {
            now += Duration::from_millis(wait);
            let data = packet([0, 8, 13, 101][kind], sequence, timestamp, ssrc, &[0; 8]);
            session.handle_rtp(now, phone_addr(), &data);
            let _ = (session.stats(), session.media_timed_out(now));
            session.poll_rtcp(now, SystemTime::UNIX_EPOCH, &mut Vec::new());
        }
    }
}
