//! What load balancers are told.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn the_server_says_that_it_is_there() {
    let bench = Bench::new().await;
    let answer = bench.get("/").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "OK"));
    let head = Request::head("/").header("origin", "http://a.test").body(Body::empty()).unwrap();
    let answer = bench.send(head).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, ""));
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://a.test"));
    let answer = bench.get("/settings/regions").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (404, "404 page not found\n"));
}

async fn health(state: State) -> (u16, String) {
    let request = Request::get("/").body(Body::empty()).unwrap();
    let (parts, body) = service(state).oneshot(request).await.unwrap().into_parts();
    let text = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status.as_u16(), String::from_utf8(text.to_vec()).unwrap())
}

#[tokio::test]
async fn a_draining_server_wants_no_new_work() {
    let bench = Bench::new().await;
    bench.state.calls.drain(Duration::ZERO).await;
    let expected = (503, "draining: new calls are refused".to_owned());
    assert_eq!(health(bench.state.clone()).await, expected);
    let head = bench.send(Request::head("/").body(Body::empty()).unwrap()).await;
    assert_eq!((head.status.as_u16(), head.text()), (503, ""));
}

#[tokio::test]
async fn a_server_without_its_workers_is_unwell() {
    let bench = Bench::new().await;
    bench.state.workers.stop().await;
    let told = (503, "a media worker does not answer".to_owned());
    eventually("the workers' end is told", async || health(bench.state.clone()).await == told).await;
}

#[tokio::test]
async fn a_server_without_its_store_is_unwell() {
    let bench = Bench::new().await;
    let parts = &bench.state.parts;
    let state = State::new(Parts {
        config: parts.config.clone(),
        store: Store::ended(),
        workers: parts.workers.clone(),
        calls: parts.calls.clone(),
        metrics: parts.metrics.clone(),
        plan_defaults: parts.plan_defaults.clone(),
    });
    assert_eq!(health(state).await, (503, "the store does not answer".to_owned()));
}
