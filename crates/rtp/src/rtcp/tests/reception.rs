use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::rtcp::{Arrival, Reception};

#[test]
fn a_sequence_is_followed_through_its_wrap() {
    let mut reception = Reception::new();
    let first = 65_530_u16;
    for n in 0..100_000_u64 {
        let expected = 0x1_0000 + u64::from(first) + n;
        let sequence = first.wrapping_add(n as u16);
        assert_eq!(reception.packet(sequence), Arrival::New { sequence: expected, missing: 0 });
    }
    let stats = reception.stats();
    assert_eq!((stats.received, stats.lost), (100_000, 0));
}

#[test]
fn overtaken_packets_count_once_and_are_not_lost() {
    let mut reception = Reception::new();
    let arrivals: Vec<Arrival> = [10, 12, 11, 11, 12, 9, 13].map(|s| reception.packet(s)).to_vec();
    let at = |n: u64| 0x1_0000 + n;
    assert_eq!(arrivals[1], Arrival::New { sequence: at(12), missing: 1 });
    assert_eq!(arrivals[2], Arrival::Late { sequence: at(11) });
    assert_eq!(arrivals[3..5], [Arrival::Duplicate, Arrival::Duplicate]);
    assert_eq!(arrivals[5], Arrival::Late { sequence: at(9) });
    assert_eq!((reception.stats().received, reception.stats().lost), (5, 0));
    reception.packet(15);
    assert_eq!(reception.stats().lost, 1, "one that is missing is not hidden by one before the first");
}

#[test]
fn loss_is_reported_since_the_last_report_and_in_total() {
    let mut reception = Reception::new();
    assert_eq!(reception.report(), None);
    for sequence in (0..100_u16).filter(|s| s % 4 != 1) {
        reception.packet(sequence);
    }
    let first = reception.report().unwrap();
    assert_eq!((first.fraction_lost, first.cumulative_lost, first.highest_sequence), (64, 25, 99));
    for sequence in 100..200 {
        reception.packet(sequence);
    }
    let second = reception.report().unwrap();
    assert_eq!((second.fraction_lost, second.cumulative_lost), (0, 25));
    assert_eq!(reception.stats().lost, 25);
}

#[test]
fn one_stray_packet_is_noise_and_two_in_a_row_a_restart() {
    let mut reception = Reception::new();
    reception.packet(100);
    assert_eq!(reception.packet(40_000), Arrival::Jumped);
    assert!(matches!(reception.packet(101), Arrival::New { missing: 0, .. }));
    assert_eq!(reception.packet(30_000), Arrival::Jumped);
    assert!(matches!(reception.packet(30_001), Arrival::Restarted { .. }));
    assert!(matches!(reception.packet(30_002), Arrival::New { missing: 0, .. }));
    assert_eq!((reception.stats().received, reception.stats().lost), (4, 0));
}

#[test]
fn jitter_settles_at_the_mean_difference_of_transit_times() {
    let start = Instant::now();
    let mut reception = Reception::new();
    for n in 0..1000_u32 {
        // Every second packet is 10 ms late: the transit time differs by 80 ticks each time.
        let late = if n % 2 == 0 { 0 } else { 10 };
        let arrival = start + Duration::from_millis(u64::from(n * 20 + late));
        reception.measure(u32::MAX.wrapping_add(n * 160), arrival, 8000);
    }
    let jitter = reception.stats().jitter;
    assert!((78..=81).contains(&jitter), "{jitter}");
}

#[test]
fn a_steady_stream_has_no_jitter_even_where_its_timestamp_jumps() {
    let start = Instant::now();
    let mut reception = Reception::new();
    for n in 0..200_u32 {
        let jump = if n < 100 { 0 } else { 1_000_000 };
        reception.measure(n * 160 + jump, start + Duration::from_millis(u64::from(n) * 20), 8000);
    }
    assert_eq!(reception.stats().jitter, 0);
}

proptest! {
    #[test]
    fn any_sequence_of_packets_is_counted_without_contradiction(
        sequences in proptest::collection::vec(prop_oneof![any::<u16>(), 0..200_u16, 65_400..=65_535_u16], 0..500),
    ) {
        let mut reception = Reception::new();
        let mut counted = 0;
        for sequence in sequences {
            let arrival = reception.packet(sequence);
            if let Arrival::New { sequence: s, .. } | Arrival::Late { sequence: s } | Arrival::Restarted { sequence: s } = arrival {
                prop_assert_eq!(s as u16, sequence);
                counted += 1;
            }
        }
        prop_assert_eq!(reception.stats().received, counted);
        let _ = reception.report();
    }

    /// Any loss and any reordering within 60 packets: each packet counts once, and the lost ones are those dropped.
    #[test]
    fn loss_is_counted_right_through_reordering(
        first: u16,
        fates in proptest::collection::vec((0..60_u32, 0..10_u8), 2..400),
    ) {
        let mut arrivals: Vec<(u32, u16)> = fates
            .iter()
            .zip(0_u16..)
            .filter(|((_, fate), n)| *fate > 0 || *n == 0 || usize::from(*n) == fates.len() - 1)
            .map(|((delay, _), n)| (u32::from(n) + if n == 0 { 0 } else { *delay }, first.wrapping_add(n)))
            .collect();
        arrivals.sort_by_key(|&(at, _)| at);
        let mut reception = Reception::new();
        for &(_, sequence) in &arrivals {
            prop_assert_ne!(reception.packet(sequence), Arrival::Duplicate);
        }
        let stats = reception.stats();
        prop_assert_eq!(stats.received as usize, arrivals.len());
        prop_assert_eq!(stats.lost as usize, fates.len() - arrivals.len());
    }
}
