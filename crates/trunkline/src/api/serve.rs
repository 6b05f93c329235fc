//! Accepting connections: HTTP/1.1 with bounded headers and waits.

use std::{future::Future, sync::Arc, time::Duration};

use axum::{Extension, Router, extract::Request, middleware::AddExtension};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tower::{Layer, util::MapRequest};

use super::connections::{Admitted, Connections};

/// The HTTP service as a whole.
pub(crate) type ApiService = MapRequest<Router, fn(Request) -> Request>;

/// Request line and headers together: a browser's join request carries its SDP in the URL, 25 KB of it with video.
const MAX_HEAD: usize = 128 * 1024;
/// How long a client may take to send them, idle time between requests included: longer than clients keep an idle
/// connection themselves, so that none is closed under a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// After an accept that failed, for example without a free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long answers under way may take once the server stops.
const FINISH: Duration = Duration::from_secs(2);

/// Serves `service` on `listener` until `stop` is ready, then lets what is under way finish for a moment.
pub(crate) async fn serve(
    listener: TcpListener,
    connections: Connections,
    service: ApiService,
    stop: impl Future<Output = ()>,
) {
    let (stopping, stopped) = watch::channel(());
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        if let Some((stream, admitted)) = accepted {
            let (service, stopped) = (service.clone(), stopped.clone());
            tokio::spawn(async move {
                // Whoever takes the connection over, a WebSocket, takes the place along.
                run(connection(stream, service, admitted.into()), stopped).await;
            });
        }
    }
    drop((listener, stopping));
    drop(tokio::time::timeout(FINISH, connections.none_left()).await);
}

/// Runs one connection; once the server stops it ends after the answer under way.
async fn run(connection: Connection, mut stopped: watch::Receiver<()>) {
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        // The other end of the channel is dropped: that is the signal.
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "HTTP connection ended");
    }
}

/// The next connection; `None` when it is not let in.
async fn accept(listener: &TcpListener, connections: &Connections) -> Option<(TcpStream, Admitted)> {
    let place = connections.place().await?;
    match listener.accept().await {
        Ok((stream, client)) => {
            let Some(admitted) = connections.admit(place, client.ip()) else {
                tracing::debug!(%client, "too many connections from one address");
                return None;
            };
            // Signalling messages are small and urgent. Without the option they only arrive later.
            drop(stream.set_nodelay(true));
            Some((stream, admitted))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept an HTTP connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

type Connection = http1::UpgradeableConnection<TokioIo<TcpStream>, TowerToHyperService<IncomingService>>;
type IncomingService =
    MapRequest<AddExtension<ApiService, Arc<Admitted>>, fn(hyper::Request<Incoming>) -> Request>;

fn connection(stream: TcpStream, service: ApiService, admitted: Arc<Admitted>) -> Connection {
    let convert: fn(hyper::Request<Incoming>) -> Request = |request| request.map(axum::body::Body::new);
    let service = Extension(admitted).layer(service);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(MapRequest::new(service, convert)))
        .with_upgrades()
}
