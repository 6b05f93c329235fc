//! On its way a packet takes no memory of ours.

use micro::{BENCHES, allocations};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const PACKETS: usize = 300;
/// Far fewer than there are packets: what reports and the like take, now and then.
const MOST: u64 = PACKETS as u64 / 10;

/// One test for all: a profiler counts for the whole process.
#[test]
fn a_packet_on_its_way_takes_no_memory_of_ours() {
    for bench in BENCHES.iter().filter(|bench| bench.steady) {
        let counted = allocations::count(bench, PACKETS).unwrap();
        assert!(counted.ours < MOST, "{}: {} in {PACKETS}: {:?}", bench.name, counted.ours, counted.places);
    }
}
