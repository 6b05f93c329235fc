//! Starting and stopping the workers.

use std::sync::Arc;

use crossbeam_channel::bounded;
use mio::Poll;
use rand::SeedableRng;
use rand::rngs::StdRng;
use room::Env;
use tokio::sync::watch;

use super::StartError;
use super::command::Command;
use super::config::WorkersConfig;
use super::directory::Directory;
use super::elsewhere::Elsewhere;
use super::handle::{Lane, QUEUE, Workers};
use super::ice_tcp::IceTcp;
use super::load::Load;
use super::ports::PortPool;
use super::post::{self, Inbox, Packets};
use super::rtc::RtcSockets;
use super::thread::{Parts, RTC, WAKER, Worker};
use super::wake::Wake;
use crate::metrics::Refused;

/// The workers' threads, seen from outside.
#[derive(Debug)]
pub(crate) struct Threads {
    count: usize,
    /// How many have ended.
    ended: watch::Receiver<usize>,
}

impl Threads {
    /// Waits until a worker has ended, as none does by itself.
    pub(crate) async fn one_ended(&self) {
        self.wait(1).await;
    }

    /// Waits until every worker has ended.
    pub(crate) async fn all_ended(&self) {
        self.wait(self.count).await;
    }

    async fn wait(&self, count: usize) {
        // When nobody is left to count, all have ended.
        let _ = self.ended.clone().wait_for(|ended| *ended >= count).await;
    }
}

/// Counts a thread that ends, by a panic too.
struct Ending(watch::Sender<usize>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.send_modify(|ended| *ended += 1);
    }
}

impl Workers {
    /// Binds the WebRTC ports and starts the threads.
    ///
    /// # Errors
    /// When a port is taken, or the system gives no thread.
    pub(crate) fn start(config: WorkersConfig) -> Result<(Self, Threads), StartError> {
        let count = config.workers.max(1);
        let loads: Vec<_> = (0..count).map(|_| Arc::new(Load::default())).collect();
        let directory = Directory::new(loads.clone());
        let (ports, call_events) = (PortPool::new(&config.rtp_ports), Refused::default());
        let config = Arc::new(config);
        let (mut taken, mut bound, mut lanes, mut inboxes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let poll = Poll::new()?;
            bound.push(RtcSockets::bind(&config, &mut taken, poll.registry(), RTC)?);
            let wake = Arc::new(Wake::new(poll.registry(), WAKER)?);
            let (commands, received) = bounded(QUEUE);
            let (parcels, arriving) = post::parcels();
            let packets = Packets::new();
            inboxes.push((poll, Inbox { commands: received, parcels: arriving, packets: packets.clone() }));
            lanes.push(Lane { commands, parcels, packets, wake, refused: Refused::default() });
        }
        let lanes: Arc<[Lane]> = lanes.into();
        let (mut taken_tcp, elsewhere) = (Vec::new(), Elsewhere::default());
        let (ending, ended) = watch::channel(0);
        let each = loads.into_iter().zip(inboxes).zip(RtcSockets::of_all(bound)).enumerate();
        for (index, ((load, (poll, inbox)), rtc)) in each {
            let mut ice_tcp = IceTcp::bind(&config, &mut taken_tcp)?;
            ice_tcp.register(poll.registry())?;
            let env = Env {
                node_id: config.node_id.clone(),
                version: config.version.clone(),
                candidates: rtc.candidates(),
                tcp_candidates: ice_tcp.candidates(),
                ice_servers: config.ice_servers.clone(),
                certificate: config.certificate.clone(),
                narrowband: config.narrowband_for_phones,
                comfort_noise: config.comfort_noise,
                opus_when_lossy: config.opus_when_lossy,
            };
            let rng = StdRng::seed_from_u64(config.seed.wrapping_add(index as u64));
            let parts = Parts {
                me: index,
                elsewhere: elsewhere.clone(),
                lanes: Arc::clone(&lanes),
                config: config.clone(),
                env,
                directory: directory.clone(),
                ports: ports.clone(),
                call_events: call_events.clone(),
                rng,
                poll,
                inbox,
                rtc,
                ice_tcp,
                load,
            };
            spawn(index, parts, Ending(ending.clone()))?;
        }
        Ok((Self { lanes, directory, ports, call_events, elsewhere }, Threads { count, ended }))
    }

    /// Ends every room and every worker.
    pub(crate) async fn stop(&self) {
        for lane in self.lanes.iter() {
            // A worker that is gone needs no telling.
            let _ = lane.send(Command::Stop).await;
        }
    }
}

fn spawn(index: usize, parts: Parts, ending: Ending) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name(format!("media-{index}"));
    thread.spawn(move || {
        // Dropped after the worker and everything it holds.
        let _ending = ending;
        parts.lanes[index].wake.is_mine();
        let mut worker = Worker::new(parts);
        if let Err(error) = worker.run() {
            tracing::error!(%error, "a media worker stopped");
        }
    })?;
    Ok(())
}
