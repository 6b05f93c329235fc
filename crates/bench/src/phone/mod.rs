//! Many phones behind one SIP port: each dialled number is one call, answered after ringing, that talks without pause
//! and measures what it hears.

mod call;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use media::codec::AudioCodec;
use peers::path::Trouble;
use rtp::srtp::LocalKeys;
use sip::{AgentConfig, Contacts, Inbound, Limits, Timers};
use sip_io::{Incoming, Stack, StackConfig};
use tokio::sync::watch;

use crate::hearing::Hearing;
use crate::lateness::Lateness;
use crate::speech::{Manner, Speech};
use crate::workload::PhoneCodec;

/// How long hanging up may take.
const GRACE: Duration = Duration::from_secs(5);
/// Pitch of the phones' voice in Hz.
const PITCH: f32 = 110.0;

/// How all phones behave.
#[derive(Debug)]
pub(crate) struct PhoneConfig {
    /// Where they are.
    pub(crate) ip: IpAddr,
    /// How long they ring.
    pub(crate) ring: Duration,
    /// What they take.
    pub(crate) codecs: Vec<PhoneCodec>,
    pub(crate) manner: Manner,
    /// Keys for SRTP, when they have it.
    pub(crate) keys: Option<LocalKeys>,
    /// What happens to their audio on the way to the server.
    pub(crate) trouble: Option<Trouble>,
    pub(crate) lateness: Arc<Lateness>,
}

/// The phones.
pub(crate) struct Phones {
    stack: Stack,
    desk: Arc<Desk>,
    hang_up: watch::Sender<u64>,
}

/// What all calls share.
struct Desk {
    config: PhoneConfig,
    /// What they say, in each codec that they take.
    speeches: Vec<(AudioCodec, Arc<Speech>)>,
    expected: Mutex<HashMap<String, Arc<Line>>>,
}

/// One call's times and what is heard in it. Times are set once.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The phone hangs up so long after its answer, if ever.
    talks: Option<Duration>,
    /// The INVITE came.
    pub(crate) invited: OnceLock<Instant>,
    /// The 180 was handed to the SIP stack.
    pub(crate) ringing: OnceLock<Instant>,
    /// The 200 was.
    pub(crate) answered: OnceLock<Instant>,
    /// The call was over.
    pub(crate) ended: OnceLock<Instant>,
    said: Mutex<Vec<Instant>>,
    hearing: Mutex<Hearing>,
}

impl Line {
    /// Looks at what is heard, or changes it.
    pub(crate) fn hearing<T>(&self, look: impl FnOnce(&mut Hearing) -> T) -> T {
        look(&mut self.hearing.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When each mark was said.
    pub(crate) fn said(&self) -> Vec<Instant> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn say(&self, at: Instant) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push(at);
    }
}

impl Phones {
    /// Opens the SIP port.
    pub(crate) async fn start(config: PhoneConfig) -> anyhow::Result<Self> {
        let listen = SocketAddr::new(config.ip, 0);
        let agent = AgentConfig {
            contacts: Contacts::udp_and_tcp(listen),
            user_agent: concat!("trunkline-bench/", env!("CARGO_PKG_VERSION")).to_owned(),
            timers: Timers::default(),
            limits: Limits::default(),
            inbound: Inbound::Offer,
        };
        let bound = Stack::bind(StackConfig::new(listen, agent)).await;
        let (stack, incoming) = bound.context("the phones need a SIP port")?;
        let speech =
            |codec: &PhoneCodec| Ok((codec.codec(), Speech::new(PITCH, codec.coding(), config.manner)?));
        let speeches = config.codecs.iter().map(speech).collect::<anyhow::Result<_>>()?;
        let desk = Arc::new(Desk { config, speeches, expected: Mutex::default() });
        let (hang_up, round) = watch::channel(0);
        tokio::spawn(receive(Arc::clone(&desk), incoming, round));
        Ok(Self { stack, desk, hang_up })
    }

    /// Where the server's trunk must lead.
    pub(crate) fn address(&self) -> SocketAddr {
        self.stack.local_addr()
    }

    /// How much later than said a mark comes out of the codec that they speak, or the slowest of them.
    pub(crate) fn codec_delay(&self) -> Duration {
        let delays = self.desk.speeches.iter().map(|(_, speech)| speech.codec_delay);
        delays.max().unwrap_or_default()
    }

    /// The call that will dial `number`, and hang up after `talks`.
    pub(crate) fn expect(&self, number: &str, talks: Option<Duration>) -> Arc<Line> {
        let line = Arc::new(Line { talks, ..Line::default() });
        self.desk.expected().insert(number.to_owned(), Arc::clone(&line));
        line
    }

    /// Hangs up every call.
    pub(crate) fn hang_up(&self) {
        self.hang_up.send_modify(|round| *round += 1);
    }

    /// Ends everything.
    pub(crate) async fn shutdown(&self) {
        self.stack.shutdown(GRACE).await;
    }
}

impl Desk {
    fn speech(&self, codec: AudioCodec) -> Option<&Arc<Speech>> {
        self.speeches.iter().find_map(|(spoken, speech)| (*spoken == codec).then_some(speech))
    }

    fn expected(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Line>>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes calls until the stack is shut down.
async fn receive(desk: Arc<Desk>, mut incoming: Incoming, round: watch::Receiver<u64>) {
    while let Some((leg, request)) = incoming.next().await {
        let now = Instant::now();
        let dialled = request.uri.user_decoded().unwrap_or_default();
        let Some(line) = desk.expected().remove(&dialled) else {
            tracing::error!(dialled, "a call that nobody placed");
            continue;
        };
        let _ = line.invited.set(now);
        let mut hang_up = round.clone();
        hang_up.mark_unchanged();
        tokio::spawn(call::take(Arc::clone(&desk), line, leg, request, hang_up));
    }
}
