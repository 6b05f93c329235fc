//! Talkers who speak and pause at random over networks drawn at random: whole, close behind, and silent in the pauses.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::sim::*;
use crate::jitter::Pulled;

/// Spurts of speech between pauses in which nothing is sent; sequence numbers go on. Gives the packets and how many
/// there are in each spurt.
fn conversation(rng: &mut SmallRng) -> (Vec<Packet>, Vec<usize>) {
    let all = pcmu(20, 30.0);
    let (mut packets, mut spurts, mut next) = (Vec::new(), Vec::new(), 0);
    while next < all.len() {
        let spurt = rng.random_range(5..150).min(all.len() - next);
        for packet in &all[next..next + spurt] {
            let seq = all[0].seq.wrapping_add(packets.len() as u16);
            packets.push(Packet { seq, ..packet.clone() });
        }
        spurts.push(spurt);
        next += spurt + rng.random_range(15..100);
    }
    (packets, spurts)
}

#[test]
fn every_spurt_is_heard_whole_and_every_pause_is_silent() {
    for seed in 0..60 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (packets, spurts) = conversation(&mut rng);
        let jitter = rng.random_range(500..25_000);
        let phase = rng.random_range(0..20_000);
        let arrivals = sent_over(&packets, seed, |_, rng| Some(wobble(rng, jitter)));
        let heard = play(&arrivals, phase, 400_000);
        let stats = heard.stats();
        let said: usize = spurts.iter().sum();
        let sounding = heard.frames.len() - heard.count(Pulled::Silence, 0);
        let context =
            format!("seed {seed}, jitter {} ms, {} spurts: {stats:?}", jitter / 1_000, spurts.len());
        // A packet is lost only by being overtaken while its spurt begins; each pause may be led in by 120 ms of fade.
        assert!(stats.late <= 3 + said as u64 / 50, "{context}");
        assert!(sounding + 3 >= said - stats.lost as usize, "{sounding} of {said} frames sound; {context}");
        assert!(sounding <= said + spurts.len() * 8 + said / 20, "{sounding} frames for {said}; {context}");
        assert!(stats.inserted_silence <= 320, "{context}");
        assert!(
            heard.depth(99, 2) <= 35.0 + 2.0 * jitter as f64 / 1_000.0 + 10.0,
            "{:.0} ms; {context}",
            heard.depth(99, 2)
        );
    }
}

#[test]
fn losses_on_top_cost_no_more_than_themselves() {
    for seed in 100..130 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (packets, spurts) = conversation(&mut rng);
        let (jitter, percent) = (rng.random_range(500..15_000), rng.random_range(1..8));
        let arrivals = sent_over(&packets, seed, |_, rng| {
            (rng.random_range(0..100) >= percent).then(|| wobble(rng, jitter))
        });
        let heard = play(&arrivals, rng.random_range(0..20_000), 400_000);
        let stats = heard.stats();
        let gone = (packets.len() - arrivals.len()) as u64;
        let context = format!("seed {seed}, {percent} % lost, {} spurts: {stats:?}", spurts.len());
        assert!(stats.late <= 3 + packets.len() as u64 / 50, "{context}");
        let made_up = (gone + stats.late) * 160 + spurts.len() as u64 * 960 + packets.len() as u64 * 160 / 50;
        assert!(stats.concealed <= made_up, "{made_up} allowed; {context}");
    }
}
