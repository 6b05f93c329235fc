//! The order of SRV records (RFC 2782): by priority, among equals at random by weight.

use rand::Rng;

/// One SRV record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Srv {
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) port: u16,
    pub(super) host: String,
}

pub(super) fn in_order(records: Vec<Srv>) -> Vec<Srv> {
    order_with(records, &mut rand::rng())
}

fn order_with(mut records: Vec<Srv>, rng: &mut impl Rng) -> Vec<Srv> {
    // A sole "." says: the service is not there (RFC 2782).
    records.retain(|srv| srv.host != ".");
    // Weight 0 first, so that it has its small chance.
    records.sort_by_key(|srv| (srv.priority, srv.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|srv| srv.priority) {
        let group = records.iter().take_while(|srv| srv.priority == priority);
        let total: u32 = group.clone().map(|srv| u32::from(srv.weight)).sum();
        let drawn = rng.random_range(0..=total);
        let mut sum = 0;
        let chosen = group.take_while(|srv| {
            sum += u32::from(srv.weight);
            sum < drawn
        });
        let chosen = chosen.count();
        ordered.push(records.remove(chosen));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn srv(priority: u16, weight: u16, host: &str) -> Srv {
        Srv { priority, weight, port: 5060, host: host.into() }
    }

    #[test]
    fn the_lower_priority_number_comes_first_and_weights_share_the_calls() {
        let seed = 5;
        let mut rng = StdRng::seed_from_u64(seed);
        let mut heavy_first = 0;
        for _ in 0..1000 {
            let records = vec![srv(20, 0, "last"), srv(10, 10, "light"), srv(10, 90, "heavy")];
            let ordered: Vec<_> = order_with(records, &mut rng).into_iter().map(|srv| srv.host).collect();
            assert_eq!(ordered[2], "last", "seed {seed}");
            heavy_first += usize::from(ordered[0] == "heavy");
        }
        assert!((850..950).contains(&heavy_first), "{heavy_first} of 1000, seed {seed}");
    }

    #[test]
    fn a_service_that_is_declared_absent_has_no_targets() {
        assert!(in_order(vec![srv(0, 0, ".")]).is_empty());
    }
}
