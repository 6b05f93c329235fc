//! The page that Prometheus reads, on a port of its own and under any path.

use axum::{
    Router,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};

use super::Metrics;

/// Text format 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4";

/// The HTTP service of `prometheus_port`.
pub(crate) fn router(metrics: Metrics) -> Router {
    Router::new().fallback(page).with_state(metrics)
}

async fn page(State(metrics): State<Metrics>) -> Response {
    ([(CONTENT_TYPE, TEXT)], metrics.text()).into_response()
}
