//! What the benches measure happens, and none of it takes memory of ours.
//!
//! The engine under a room's peer takes memory for each packet. It is measured alone, by the same operations on a connection
//! without a room, and what a packet takes on its whole way must not be more.

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
fn a_packet_takes_no_memory_but_the_engines() {
    for (whole, engine) in [
        ("phone-to-room", "engine-send"),
        ("room-to-phone", "engine-receive"),
        ("room-to-phone-narrow", "engine-receive"),
        ("room-to-nobody", "engine-receive"),
        // Beside them a connection is kept up.
        ("silence-to-phone", "idle-client"),
    ] {
        let ours = allocations(whole) - allocations(engine);
        assert!(ours < NOW_AND_THEN, "{whole}: {ours:.2} times a packet");
    }
    let mixing = allocations("mixer-tick");
    assert!(mixing < NOW_AND_THEN, "{mixing:.2} times a frame");
}
