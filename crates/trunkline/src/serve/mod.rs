//! The server: puts the parts together, runs until a signal, and takes them apart again.
//!
//! What can fail at the start fails in one line that says what to do. The end has two ways: SIGTERM lets running calls go on
//! for a while; SIGINT, or a second signal, ends every call with BYE and is done within seconds. A further signal waits for
//! nothing.

mod addresses;
mod development;
mod files;
mod parts;
mod signals;
mod stun;
mod trunks;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use peers::phone::Phone;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::calls::{Calls, Stacks};
use crate::config::Config;
use crate::worker::{Threads, Workers};
use crate::{api, metrics};
use signals::Signals;

/// How long the SIP stack may take to end what calls have left.
const SIP_END: Duration = Duration::from_millis(500);

/// How long participants may take to close their signalling once they are told of the end.
const FAREWELL: Duration = Duration::from_millis(500);

/// How long the end may take in all, calls, rooms and connections included.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// What to serve.
#[derive(Debug)]
pub(crate) struct Options {
    /// The whole configuration.
    pub(crate) config: Config,
    /// Development: a built-in phone that listens here, a trunk that leads to it, and printed next steps.
    pub(crate) phone: Option<SocketAddr>,
}

/// Serves until a signal ends it.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let server = Server::start(options).await?;
    let served = server.until_its_end(&mut signals).await;
    tokio::select! {
        stopped = tokio::time::timeout(STOP_LIMIT, server.stop()) => if stopped.is_err() {
            tracing::warn!(limit = ?STOP_LIMIT, "not everything has ended in time");
        },
        () = signals.next() => anyhow::bail!("a further signal: the server ended at once, whatever was under way"),
    }
    served
}

/// Everything that runs.
struct Server {
    config: Config,
    calls: Calls,
    workers: Workers,
    threads: Threads,
    stacks: Stacks,
    http: JoinSet<()>,
    connections: api::Connections,
    stop_http: watch::Sender<bool>,
    /// The built-in phone of development; it rings while this is held.
    phone: Option<Phone>,
}

impl Server {
    async fn start(options: Options) -> anyhow::Result<Self> {
        let Options { config, phone } = options;
        files::raise_limit(&config);
        parts::install_crypto();
        let certificate = parts::certificate();
        let listeners = listen(&config.bind_addresses, config.port).await?;
        let metrics_listener = listen_for_metrics(config.prometheus_port).await?;
        let store = parts::store(&config)?;
        let node_id = parts::node_id();
        let metrics = metrics::Metrics::new(&node_id).context("cannot set up the metrics")?;
        let places = addresses::Addresses::find(&config).await?;
        let stacks = parts::sip(&config, &places).await?;
        let certificate = certificate.await.context("cannot make a certificate")?;
        let (workers, threads) = Workers::start(parts::workers(&config, &places, node_id, certificate))?;
        let calls = Calls::new(crate::calls::Parts {
            workers: workers.clone(),
            stacks: stacks.clone(),
            store: store.clone(),
            metrics: metrics.clone(),
            max_active: config.sip.max_active_calls,
            trunks: trunks::trunks(&config.sip)?,
            max_cpu_utilization: config.sip.max_cpu_utilization,
        });
        calls.end_lost().await.context("cannot read the store's open calls")?;
        let phone = match phone {
            Some(listen) => Some(development::phone(listen).await?),
            None => None,
        };
        let state = api::State::new(api::Parts {
            config: config.clone(),
            store: store.clone(),
            workers: workers.clone(),
            calls: calls.clone(),
            metrics: metrics.clone(),
            plan_defaults: parts::plan_defaults(&config, &places),
        });
        let bound = listeners.first().map(TcpListener::local_addr).transpose()?;
        let (stop_http, stopped) = watch::channel(false);
        let mut http = JoinSet::new();
        let connections = api::Connections::new();
        for listener in listeners {
            let service = api::service(state.clone());
            http.spawn(api::serve(listener, connections.clone(), service, until(stopped.clone())));
        }
        if let Some(listener) = metrics_listener {
            let sources = metrics::Sources {
                stacks: stacks.clone(),
                workers: workers.clone(),
                calls: calls.clone(),
                store: store.clone(),
                connections: connections.clone(),
                in_flight: state.in_flight().clone(),
            };
            http.spawn(serve_metrics(listener, metrics::router(metrics, sources), until(stopped)));
        }
        let server = Self { config, calls, workers, threads, stacks, http, connections, stop_http, phone };
        server.announce(bound, &store).await?;
        Ok(server)
    }

    /// Says where the server is reached, in development also what to try.
    async fn announce(&self, http: Option<SocketAddr>, store: &crate::store::Store) -> anyhow::Result<()> {
        let Some(http) = http else { return Ok(()) };
        tracing::info!(
            http = %http,
            sip = %self.stacks.all().map(|stack| stack.local_addr().to_string()).collect::<Vec<_>>().join(" and "),
            rtp = %self.config.sip.rtp_port,
            rtc = %self.config.rtc.udp_port,
            "serving"
        );
        if let Some(phone) = &self.phone {
            let trunk = development::trunk(store, phone.local_addr()).await?;
            let keys = self.config.keys.first().unwrap_or_default();
            let (phone, prometheus) = (phone.local_addr(), self.config.prometheus_port);
            development::print_next_steps(&development::NextSteps {
                http,
                keys,
                phone,
                trunk: &trunk,
                prometheus,
            });
        }
        Ok(())
    }

    /// Waits for the signal to end, and lets calls go on for a while if that is its meaning.
    ///
    /// # Errors
    /// A media worker has ended without being told to: rooms and calls on it are lost, and no new ones could be taken there.
    async fn until_its_end(&self, signals: &mut Signals) -> anyhow::Result<()> {
        let signalled = async {
            if signals.first().await == signals::Kind::Drain {
                tokio::select! {
                    () = self.drain() => {}
                    () = signals.next() => tracing::info!("a second signal: calls are ended now"),
                }
            }
        };
        tokio::select! {
            () = signalled => Ok(()),
            () = self.threads.one_ended() => {
                anyhow::bail!("a media worker failed, so the server ended: start it again; the log says why it failed")
            }
        }
    }

    async fn drain(&self) {
        let limit = self.config.shutdown.drain;
        tracing::info!(calls = self.calls.active(), ?limit, "draining: new calls are refused");
        self.calls.drain(limit).await;
    }

    async fn stop(mut self) {
        tracing::info!(calls = self.calls.active(), "stopping");
        // Nobody new comes in; what is under way gets its answer. Every listener may have gone already.
        let _ = self.stop_http.send(true);
        self.calls.hangup_all().await;
        self.workers.stop().await;
        // Participants have been told why they leave: it reaches them before the process is gone.
        let told = tokio::time::timeout(FAREWELL, self.connections.none_left());
        let _ = tokio::join!(told, self.stacks.shutdown(SIP_END));
        while self.http.join_next().await.is_some() {}
        drop(self.phone.take());
        self.threads.all_ended().await;
        tracing::info!("stopped");
    }
}

async fn listen(addresses: &[std::net::IpAddr], port: u16) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut port = port;
    for address in addresses {
        let listener = listen_one(SocketAddr::new(*address, port), "port").await?;
        // Port 0 takes a free one, the same on every address.
        port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(listeners)
}

async fn listen_for_metrics(port: Option<u16>) -> anyhow::Result<Option<TcpListener>> {
    let Some(port) = port else { return Ok(None) };
    listen_one(SocketAddr::new([0, 0, 0, 0].into(), port), "prometheus_port").await.map(Some)
}

async fn listen_one(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: stop the program that holds it, or set `{key}` to another port")
    })
}

async fn serve_metrics(
    listener: TcpListener,
    page: axum::Router,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let served = axum::serve(listener, page).with_graceful_shutdown(stop).await;
    if let Err(error) = served {
        tracing::warn!(%error, "the metrics page is no longer served");
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopped.wait_for(|stop| *stop).await;
}
