//! What the benches measure happens, and a packet takes no memory on its whole way.

use allocation_counter::measure;
use micro::{BENCHES, Operation};

/// Operations until queues and tables have their size, and those that count: eight seconds of a call.
const WARM_UP: usize = 100;
const COUNTED: usize = 400;
/// Reports, speaker levels and ratings of connections come a few times in a second, not with each packet, and may take memory:
/// ten times a second.
const NOW_AND_THEN: f64 = 0.2;

fn operation(name: &str) -> Operation {
    let bench = BENCHES.iter().find(|bench| bench.name == name).expect("a bench of this name");
    (bench.prepare)().expect("set up")
}

/// How often one operation takes memory, on average.
fn allocations(name: &str) -> f64 {
    let mut operation = operation(name);
    (0..WARM_UP).for_each(|_| {
        operation();
    });
    let counted = measure(|| {
        (0..COUNTED).for_each(|_| {
            operation();
        });
    });
    let each = counted.count_total as f64 / COUNTED as f64;
    println!("{name}: {each:.3}, {:.0} bytes", counted.bytes_total as f64 / COUNTED as f64);
    each
}

#[test]
fn every_bench_makes_what_it_says() {
    for bench in BENCHES {
        let mut operation = operation(bench.name);
        let made: usize = (0..100).map(|_| operation()).sum();
        let wanted = bench.makes * 100;
        assert!(made >= wanted * 95 / 100, "{} made {made} in 100 operations", bench.name);
    }
}

#[test]
fn a_packet_takes_no_memory() {
    for name in ["phone-to-room", "room-to-phone", "room-to-phone-narrow", "room-to-nobody"] {
        let taken = allocations(name);
        assert!(taken < NOW_AND_THEN, "{name}: {taken:.2} times a packet");
    }
    // Beside it a connection is kept up.
    let silence = allocations("silence-to-phone") - allocations("idle-client");
    assert!(silence < NOW_AND_THEN, "{silence:.2} times a frame");
    let mixing = allocations("mixer-tick");
    assert!(mixing < NOW_AND_THEN, "{mixing:.2} times a frame");
}
