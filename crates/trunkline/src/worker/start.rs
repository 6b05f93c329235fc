//! Starting and stopping the workers.

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::bounded;
use mio::{Poll, Waker};
use rand::SeedableRng;
use rand::rngs::StdRng;
use room::Env;

use super::StartError;
use super::command::Command;
use super::config::WorkersConfig;
use super::directory::Directory;
use super::handle::{Lane, QUEUE, Workers};
use super::ports::PortPool;
use super::rtc::RtcSockets;
use super::thread::{Parts, RTC, WAKER, Worker};

/// The workers' threads, to be waited for at the end.
#[derive(Debug)]
pub(crate) struct Threads(Vec<JoinHandle<()>>);

impl Threads {
    /// Waits until every worker has stopped.
    pub(crate) fn join(self) {
        for thread in self.0 {
            // A worker that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Workers {
    /// Binds the WebRTC ports and starts the threads.
    ///
    /// # Errors
    /// When a port is taken, or the system gives no thread.
    pub(crate) fn start(config: WorkersConfig) -> Result<(Self, Threads), StartError> {
        let count = config.workers.max(1);
        let directory = Directory::new(count);
        let ports = PortPool::new(config.rtp_bind, &config.rtp_ports);
        let config = Arc::new(config);
        let (mut taken, mut lanes, mut threads) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..count {
            let poll = Poll::new()?;
            let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
            let mut rtc = RtcSockets::bind(&config, &mut taken)?;
            rtc.register(poll.registry(), RTC)?;
            let (sender, commands) = bounded(QUEUE);
            let env = Env {
                node_id: config.node_id.clone(),
                version: config.version.clone(),
                candidates: rtc.candidates(),
                ice_servers: config.ice_servers.clone(),
                certificate: config.certificate.clone(),
            };
            let rng = StdRng::seed_from_u64(config.seed.wrapping_add(index as u64));
            let parts = Parts {
                config: config.clone(),
                env,
                directory: directory.clone(),
                ports: ports.clone(),
                rng,
                poll,
                commands,
                rtc,
            };
            threads.push(spawn(index, parts)?);
            lanes.push(Lane { commands: sender, waker });
        }
        Ok((Self { lanes: lanes.into(), directory }, Threads(threads)))
    }

    /// Ends every room and every worker.
    pub(crate) async fn stop(&self) {
        for lane in self.lanes.iter() {
            // A worker that is gone needs no telling.
            let _ = lane.send(Command::Stop).await;
        }
    }
}

fn spawn(index: usize, parts: Parts) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("media-{index}")).spawn(move || {
        let mut worker = Worker::new(parts);
        if let Err(error) = worker.run() {
            tracing::error!(%error, "a media worker stopped");
        }
    })
}
