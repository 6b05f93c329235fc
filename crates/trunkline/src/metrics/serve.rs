//! The page that Prometheus reads, on a port of its own and under any path.

use std::{future::Future, time::Duration};

use axum::{
    Router,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use tokio::time::timeout;

use super::{
    Bound, Metrics,
    sampled::{Population, Process},
};
use crate::{
    api::{Connections, InFlight},
    calls::{Calls, Stacks},
    store::Store,
    worker::Workers,
};

/// Text format 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4";
/// How long a part may take to give its figures; without them the page shows the last ones.
const PATIENCE: Duration = Duration::from_secs(1);

/// The parts that are asked for figures when the page is read.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) stacks: Stacks,
    pub(crate) workers: Workers,
    pub(crate) calls: Calls,
    pub(crate) store: Store,
    pub(crate) connections: Connections,
    pub(crate) in_flight: InFlight,
}

/// The HTTP service of `prometheus_port`.
pub(crate) fn router(metrics: Metrics, sources: Sources) -> Router {
    Router::new().fallback(page).with_state((metrics, sources))
}

async fn page(State((metrics, sources)): State<(Metrics, Sources)>) -> Response {
    sample(&metrics, &sources).await;
    ([(CONTENT_TYPE, TEXT)], metrics.text()).into_response()
}

async fn sample(metrics: &Metrics, sources: &Sources) {
    let sampled = &metrics.0.sampled;
    let (stack, population) = tokio::join!(soon(sources.stacks.stats()), soon(population(&sources.workers)));
    if let Some(stats) = stack {
        sampled.stack(stats);
        let fills = stats.fills.into_iter().filter(|fill| !fill.what.is_empty()).map(Bound::from);
        sip_bounds(&sources.stacks, &stats)
            .into_iter()
            .chain(fills)
            .for_each(|bound| metrics.0.bounds.sample(bound));
    }
    let [queue, trunks] = sources.store.bounds();
    let api = [sources.connections.bound(), sources.in_flight.bound()];
    let own = [queue, trunks, sources.calls.bound()].into_iter().chain(api);
    own.chain(sources.workers.bounds()).for_each(|bound| metrics.0.bounds.sample(bound));
    if let Some(population) = population.flatten() {
        sampled.population(population);
    }
    sampled.process(&Process::look());
}

impl From<sip_io::Fill> for Bound {
    fn from(fill: sip_io::Fill) -> Self {
        let sip_io::Fill { what, held, most, refused } = fill;
        Self { what, held, most, refused }
    }
}

fn sip_bounds(stacks: &Stacks, stats: &sip_io::StackStats) -> [Bound; 3] {
    let (mut limits, mut connections) =
        (sip::Limits { legs: 0, transactions: 0, ..sip::Limits::default() }, 0);
    for (own, most) in stacks.all().map(sip_io::Stack::limits) {
        limits.legs += own.legs;
        limits.transactions += own.transactions;
        connections += most;
    }
    let agent = stats.agent;
    let transactions = agent.client_transactions + agent.server_transactions;
    let held = usize::try_from(stats.connections).unwrap_or(usize::MAX);
    [
        Bound { what: "sip_legs", held: agent.legs, most: limits.legs, refused: agent.refused },
        Bound {
            what: "sip_transactions",
            held: transactions,
            most: limits.transactions,
            refused: agent.refused,
        },
        Bound { what: "sip_connections", held, most: connections, refused: stats.connections_shed },
    ]
}

async fn population(workers: &Workers) -> Option<Population> {
    let rooms = workers.list_rooms(Vec::new()).await.ok()?;
    let participants = rooms.iter().map(|room| u64::from(room.num_participants)).sum();
    Some(Population { rooms: rooms.len(), participants })
}

async fn soon<T>(figures: impl Future<Output = T>) -> Option<T> {
    timeout(PATIENCE, figures).await.ok()
}
