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
    Metrics,
    sampled::{Population, Process},
};
use crate::worker::Workers;

/// Text format 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4";
/// How long a part may take to give its figures; without them the page shows the last ones.
const PATIENCE: Duration = Duration::from_secs(1);

/// The parts that are asked for figures when the page is read.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) stack: sip_io::Stack,
    pub(crate) workers: Workers,
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
    let (stack, population) = tokio::join!(soon(sources.stack.stats()), soon(population(&sources.workers)));
    if let Some(stats) = stack {
        sampled.stack(stats);
    }
    if let Some(population) = population.flatten() {
        sampled.population(population);
    }
    sampled.process(&Process::look());
}

async fn population(workers: &Workers) -> Option<Population> {
    let rooms = workers.list_rooms(Vec::new()).await.ok()?;
    let participants = rooms.iter().map(|room| u64::from(room.num_participants)).sum();
    Some(Population { rooms: rooms.len(), participants })
}

async fn soon<T>(figures: impl Future<Output = T>) -> Option<T> {
    timeout(PATIENCE, figures).await.ok()
}
