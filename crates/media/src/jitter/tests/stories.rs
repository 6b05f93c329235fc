//! What a network does to a steady talker, and what the phone hears of it.

use rand::Rng;

use super::sim::*;
use crate::jitter::{PlayoutStats, Pulled};

#[test]
fn a_steady_talker_is_heard_close_behind_at_every_phase() {
    for phase in (0..20_000).step_by(1_000) {
        let arrivals = sent_over(&pcmu(20, 20.0), 1, |_, rng| Some(30_000 + rng.random_range(0..2_000)));
        let heard = play(&arrivals, phase, 0);
        let stats = heard.stats();
        let p99 = heard.depth(99, 1);
        println!("phase {phase}: delay p50 {:.1} p99 {p99:.1} ms, {stats:?}", heard.depth(50, 1));
        assert!(p99 <= 30.0, "phase {phase}: p99 {p99:.1} ms");
        assert_eq!((stats.concealed, stats.inserted_silence, stats.lost), (0, 0, 0), "phase {phase}");
        assert!(heard.purest_worst(1) > 0.999 && heard.roughness(1) < 1.1, "phase {phase}");
    }
}

#[test]
fn a_clock_moved_by_what_can_be_spared_sits_right_behind_the_arrivals() {
    let arrivals = sent_over(&pcmu(20, 10.0), 2, |_, rng| Some(rng.random_range(0..1_500)));
    let mut phase = 1_000;
    let heard = play_by(&arrivals, 0, |tick, buffer| {
        // The bridge moves its clock once the network is known, by half a millisecond a frame.
        if tick > 100 {
            phase -= (buffer.spare().as_micros() as i64).min(500);
        }
        phase + tick * 20_000
    });
    let before = heard.frames[90].1.depth.as_secs_f64() * 1e3;
    println!("before {before:.1} ms, then p50 {:.1} p99 {:.1} ms", heard.depth(50, 4), heard.depth(99, 4));
    assert!(before > 12.0);
    assert!(heard.depth(99, 4) <= 9.0);
    assert_eq!((heard.stats().concealed, heard.stats().shortened), (0, 0));
}

#[test]
fn a_clock_behind_arrivals_that_wobble_puts_nothing_in_for_minutes() {
    for most in [1_000, 3_000, 5_000, 8_000, 12_000, 30_000] {
        let arrivals = sent_over(&opus(120.0), 8, |_, rng| Some(rng.random_range(0..=most)));
        let mut now = -19_000;
        let heard = play_by(&arrivals, 0, |_, buffer| {
            now += 20_000 - (buffer.spare().as_micros() as i64).min(500);
            now
        });
        // After ten seconds the wobble is known.
        let (stats, learnt) = (heard.stats(), heard.frames[500].1);
        let since = |of: fn(&PlayoutStats) -> u64| of(&stats) - of(&learnt);
        let changed = (since(|s| s.lengthened), since(|s| s.shortened), since(|s| s.concealed));
        let (p50, p99) = (heard.depth(50, 10), heard.depth(99, 10));
        println!(
            "up to {most} us: put in, left out, made up {changed:?} samples; p50 {p50:.1} p99 {p99:.1} ms"
        );
        assert_eq!(changed, (0, 0, 0), "up to {most} us");
        assert!(p99 <= most as f64 / 1e3 + 10.0, "up to {most} us: p99 {p99:.1} ms");
    }
}

#[test]
fn the_first_words_are_heard_whole() {
    for packets in [pcmu(20, 1.0), opus(1.0)] {
        let heard = play(&sent_over(&packets, 3, |_, _| Some(0)), 7_000, 100_000);
        let first = heard.frames.iter().position(|frame| frame.0 == Pulled::Audio).unwrap();
        assert!(first <= 1, "the first frame waited for {first} pulls");
        assert_eq!(heard.count(Pulled::Audio, 0), 50);
    }
}

#[test]
fn jitter_is_learnt_and_then_heard_no_more() {
    for (mean, limit) in [(10_000, 45.0), (25_000, 75.0), (50_000, 125.0)] {
        for seed in 0..4 {
            let arrivals = sent_over(&pcmu(20, 60.0), seed, |_, rng| Some(wobble(rng, mean)));
            let heard = play(&arrivals, 3_000, 0);
            let learnt = heard.frames[500].1;
            let concealed = (heard.stats().concealed - learnt.concealed) as f64 / (50.0 * 8_000.0);
            let (p50, p99) = (heard.depth(50, 10), heard.depth(99, 10));
            println!(
                "jitter {} ms, seed {seed}: p50 {p50:.0} p99 {p99:.0} ms, concealed {:.2} %, {:?}",
                mean / 1_000,
                concealed * 100.0,
                heard.stats()
            );
            assert!(concealed < 0.01, "seed {seed}: {:.2} % concealed", concealed * 100.0);
            assert!(p50 < limit, "seed {seed}: {p50:.0} ms");
            assert_eq!(heard.stats().inserted_silence, 0, "seed {seed}");
        }
    }
}

#[test]
fn when_the_network_calms_down_the_delay_goes_back() {
    let packets = pcmu(20, 40.0);
    let arrivals = sent_over(&packets, 5, |packet, rng| {
        Some(if packet.at < 15_000_000 { wobble(rng, 40_000) } else { rng.random_range(0..1_000) })
    });
    let heard = play(&arrivals, 3_000, 0);
    println!("in the storm {:.0} ms, after it {:.0} ms", heard.depth(50, 5), heard.depth(99, 30));
    assert!(heard.depth(99, 30) <= 30.0);
    assert!(heard.purest_worst(1) > 0.8);
}

#[test]
fn lost_packets_are_made_up_for() {
    for (name, packets) in [("PCMU", pcmu(20, 30.0)), ("Opus", opus(30.0))] {
        let whole = play(&packets, 3_000, 0);
        for percent in [2, 5, 10, 20] {
            let arrivals = sent_over(&packets, percent, |_, rng| {
                (rng.random_range(0..100) >= percent).then_some(rng.random_range(0..2_000))
            });
            let heard = play(&arrivals, 3_000, 0);
            let stats = heard.stats();
            let (faintest, rougher) = (heard.faintest(&whole, 1), heard.roughness(1) / whole.roughness(1));
            println!("{name}, {percent} % lost: faintest {faintest:.2}, rougher {rougher:.2}, {stats:?}");
            assert!(stats.lost as usize >= (packets.len() - arrivals.len()) * 9 / 10);
            assert!(rougher < 2.0, "{name}, {percent} %: it clicks, {rougher:.2}");
            assert!(percent > 10 || faintest > 0.3, "{name}, {percent} %: down to {faintest:.2}");
            assert!(name == "Opus" || percent > 10 || heard.purest_worst(1) > 0.95);
            // The talker goes on speaking: silence is never heard, and no delay builds up.
            assert_eq!(heard.count(Pulled::Silence, 5), 0);
            assert!(heard.depth(99, 2) <= 30.0, "{name}: {:.0} ms", heard.depth(99, 2));
        }
    }
}

#[test]
fn opus_recovers_a_lost_packet_from_the_next_when_that_is_there() {
    // Jitter keeps the next packet at hand.
    let arrivals =
        sent_over(&opus(30.0), 9, |packet, rng| (packet.seq % 20 != 0).then(|| wobble(rng, 30_000)));
    let stats = play(&arrivals, 3_000, 0).stats();
    println!("{stats:?}");
    assert!(stats.recovered * 10 >= stats.lost * 6, "{} of {} recovered", stats.recovered, stats.lost);
}

#[test]
fn a_publisher_that_sends_in_bursts_is_heard_without_gaps_once_known() {
    for burst in [2, 3, 5, 8] {
        let arrivals = sent_over(&pcmu(20, 30.0), burst as u64, |packet, rng| {
            let frame = packet.at / 20_000;
            Some((burst - 1 - frame % burst) * 20_000 + rng.random_range(0..1_000))
        });
        let heard = play(&arrivals, 3_000, 0);
        let after = heard.frames[150].1;
        println!("{burst} frames at once: p99 {:.0} ms, {:?}", heard.depth(99, 5), heard.stats());
        assert_eq!(heard.stats().concealed, after.concealed, "{burst} frames at once");
        assert_eq!(heard.stats().inserted_silence, 0, "{burst} frames at once");
        assert!(heard.purest_worst(3) > 0.98);
        assert!(heard.depth(99, 5) <= burst as f64 * 20.0 + 30.0);
    }
}

#[test]
fn a_second_without_network_is_caught_up_and_nothing_lost() {
    let arrivals = sent_over(&pcmu(20, 30.0), 1, |packet, _| {
        Some(if (10_000_000..10_700_000).contains(&packet.at) { 10_700_000 - packet.at } else { 0 })
    });
    let heard = play(&arrivals, 3_000, 0);
    let stats = heard.stats();
    println!("p99 after: {:.0} ms, {stats:?}", heard.depth(99, 18));
    assert_eq!((stats.late, stats.lost, stats.overflowed), (0, 0, 0));
    assert!(stats.shortened > 4_000);
    assert!(heard.depth(99, 18) <= 60.0);
}

#[test]
fn packets_of_every_length_play() {
    for ms in [10, 20, 30, 40, 60] {
        let arrivals = sent_over(&pcmu(ms, 20.0), 1, |_, rng| Some(rng.random_range(0..2_000)));
        let heard = play(&arrivals, 3_000, 0);
        println!("{ms} ms: p99 {:.1} ms, {:?}", heard.depth(99, 2), heard.stats());
        assert_eq!(heard.stats().concealed, 0, "{ms} ms");
        assert!(heard.purest_worst(1) > 0.99, "{ms} ms");
        assert!(heard.depth(99, 2) <= 30.0 + ms as f64, "{ms} ms");
    }
}

#[test]
fn clocks_that_drift_apart_are_followed_for_hours() {
    for ppm in [-300i64, 300] {
        let packets = pcmu(20, 0.16);
        let packet = |n: i64| {
            let like = &packets[(n % 4) as usize];
            Packet {
                at: n * 20_000 + n * 20_000 / 1_000_000 * ppm + n % 3 * 700,
                seq: n as u16,
                timestamp: (n * 160) as u32,
                ..like.clone()
            }
        };
        let arrivals: Vec<Packet> = (0..2 * 3_600 * 50).map(packet).collect();
        let heard = play(&arrivals, 3_000, 0);
        let stats = heard.stats();
        println!("{ppm} ppm for two hours: p99 {:.1} ms, {stats:?}", heard.depth(99, 5));
        assert!(heard.depth(99, 5) <= 40.0);
        assert_eq!(stats.inserted_silence, 0);
        assert!(stats.concealed < 160 * 20, "{stats:?}");
        assert!(heard.purest_worst(5) > 0.7);
    }
}
