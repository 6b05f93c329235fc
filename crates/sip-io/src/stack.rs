//! The handle that programs hold.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sip::{Agent, Announced, Contacts, Invite};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::timeout;

use crate::config::StackConfig;
use crate::driver::{self, Command};
use crate::error::{BindError, CallError};
use crate::leg::{Incoming, LegHandle};
use crate::resolve::Resolver;
use crate::socket;
use crate::stats::StackStats;
use crate::target::Target;
use crate::trace::{Tap, Traced};

/// Commands on their way to the driver.
const COMMANDS: usize = 1024;
/// Incoming calls that wait to be taken.
const INCOMING: usize = 256;

/// A SIP stack. Clones are the same stack; it ends, hanging up what is left, when the last handle, calls included,
/// is gone.
#[derive(Debug, Clone)]
pub struct Stack {
    commands: mpsc::Sender<Command>,
    resolver: Arc<Resolver>,
    tap: Tap,
    local: SocketAddr,
    announced: Announced,
}

impl Stack {
    /// Opens the sockets and starts the driver on the current tokio runtime.
    pub async fn bind(mut config: StackConfig) -> Result<(Self, Incoming), BindError> {
        let listen = config.listen;
        if listen.ip().is_unspecified() && config.announced.is_none() {
            return Err(BindError::NothingToAnnounce { address: listen });
        }
        let (udp, tcp) = socket::open(listen)?;
        let local = udp.local_addr().map_err(|e| BindError::new(listen, sip::Transport::Udp, e))?;
        let host = config.announced.clone().unwrap_or_else(|| local.ip().into());
        let announced = Announced { host, port: local.port() };
        config.agent.contacts =
            Contacts { udp: Some(announced.clone()), tcp: Some(announced.clone()), tls: None };
        let agent = Agent::new(config.agent.clone(), rand::random());
        let (commands, command_queue) = mpsc::channel(COMMANDS);
        let (incoming, incoming_queue) = mpsc::channel(INCOMING);
        let tap = Tap::new();
        let resolver = Arc::new(Resolver::new(local.is_ipv4(), config.resolve_timeout, &config.name_servers));
        let parts = driver::Parts { agent, udp, tcp, local, incoming, tap: tap.clone(), config };
        tokio::spawn(driver::run(parts, command_queue, commands.downgrade()));
        Ok((Self { commands, resolver, tap, local, announced }, Incoming(incoming_queue)))
    }

    /// Places a call through `target` (see [`Target::of_invite`]). Its name is resolved first; the INVITE goes to the
    /// first address, and to the next one when that refuses.
    pub async fn call(&self, invite: Invite, target: &Target) -> Result<LegHandle, CallError> {
        if target.transport == sip::Transport::Tls {
            return Err(CallError::Transport { transport: target.transport.to_string() });
        }
        let targets = self.resolver.resolve(target).await?;
        let (reply, answer) = oneshot::channel();
        let command = Command::Call { invite: Box::new(invite), targets, reply };
        self.commands.send(command).await.map_err(|_| CallError::Closed)?;
        answer.await.map_err(|_| CallError::Closed)?.map_err(Into::into)
    }

    /// The address listened on, UDP and TCP.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What is printed in Via and Contact.
    #[must_use]
    pub fn announced(&self) -> &Announced {
        &self.announced
    }

    /// Every message from now on. A listener that lags 1024 messages behind loses the oldest.
    #[must_use]
    pub fn trace(&self) -> broadcast::Receiver<Traced> {
        self.tap.listen()
    }

    /// Counts; all zero once the stack is shut down.
    pub async fn stats(&self) -> StackStats {
        let (reply, answer) = oneshot::channel();
        match self.commands.send(Command::Stats(reply)).await {
            Ok(()) => answer.await.unwrap_or_default(),
            Err(_) => StackStats::default(),
        }
    }

    /// Hangs up every call, waits until each has ended or `grace` is over, and closes the sockets. New calls are
    /// refused meanwhile.
    pub async fn shutdown(&self, grace: Duration) {
        let (done, ended) = oneshot::channel();
        if self.commands.send(Command::Shutdown { done, grace }).await.is_ok() {
            // The driver keeps the time; this is only a second lock.
            let _ = timeout(grace + Duration::from_secs(1), ended).await;
        }
    }
}
