//! The handle that programs hold.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sip::msg::Host;
use sip::{Agent, Announced, Contacts, Invite, Targets, TlsPeer, Transport};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::config::StackConfig;
use crate::driver::{self, Command};
use crate::error::{BindError, PlaceError, ResolveError};
use crate::leg::{Incoming, LegHandle};
use crate::options::{CallOptions, LostCall, LostState};
use crate::resolve::{Penalties, Resolver, named};
use crate::socket;
use crate::stats::StackStats;
use crate::target::Target;
use crate::tls::{self, Profiles, TlsListen, TlsOptions};
use crate::trace::{Tap, Traced};

/// Commands on their way to the driver.
const COMMANDS: usize = 1024;
/// Incoming calls that wait to be taken.
const INCOMING: usize = 256;
/// How long the BYE of a call that was left behind waits for the name of its next hop.
const LOOKING_UP: Duration = Duration::from_secs(2);

/// A SIP stack. Clones are the same stack; it ends, hanging up what is left, when the last handle, calls included,
/// is gone.
#[derive(Debug, Clone)]
pub struct Stack {
    commands: mpsc::Sender<Command>,
    resolver: Arc<Resolver>,
    profiles: Arc<Profiles>,
    tap: Tap,
    local: SocketAddr,
    announced: Announced,
    over_tls: Announced,
    limits: (sip::Limits, usize),
}

fn secured_listener(tls: &TlsListen) -> Result<(TcpListener, TlsAcceptor), BindError> {
    let address = tls.listen;
    let config = tls::server(tls).map_err(|source| BindError::Certificate { address, source })?;
    let listener = socket::tcp(address).map_err(|e| BindError::new(address, Transport::Tls, e))?;
    Ok((listener, TlsAcceptor::from(config)))
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
        let tls = config.tls.as_ref().map(secured_listener).transpose()?;
        let tls_port = tls.as_ref().and_then(|(listener, _)| Some(listener.local_addr().ok()?.port()));
        let tls_port = config.tls.as_ref().and_then(|tls| tls.announced_port).or(tls_port);
        let port = config.announced_port.unwrap_or(local.port());
        let announced = Announced { host: host.clone(), port };
        // Without a listener peers have the connection that we dialled, and nothing else to call back by.
        let host = config.announced_over_tls.clone().unwrap_or(host);
        let over_tls = Announced { host, port: tls_port.unwrap_or(port) };
        config.agent.contacts = Contacts {
            udp: Some(announced.clone()),
            tcp: Some(announced.clone()),
            tls: Some(over_tls.clone()),
        };
        let limits = (config.agent.limits, config.max_connections);
        let agent = Agent::new(config.agent.clone(), rand::random());
        let (commands, command_queue) = mpsc::channel(COMMANDS);
        let (incoming, incoming_queue) = mpsc::channel(INCOMING);
        let tap = Tap::new();
        let penalties = Arc::new(Penalties::default());
        let resolver = Arc::new(Resolver::new(local.is_ipv4(), &config, penalties.clone()));
        let profiles = Arc::new(Profiles::default());
        let parts = driver::Parts {
            agent,
            udp,
            tcp,
            tls,
            local,
            incoming,
            tap: tap.clone(),
            config,
            profiles: profiles.clone(),
            penalties,
            resolver: resolver.clone(),
        };
        tokio::spawn(driver::run(parts, command_queue, commands.downgrade()));
        let stack = Self { commands, resolver, profiles, tap, local, announced, over_tls, limits };
        Ok((stack, Incoming(incoming_queue)))
    }

    /// Places a call through `target` (see [`Target::of_invite`]). Its name is resolved first; the INVITE goes to the
    /// first address, and to the next one when that refuses.
    pub async fn call(&self, invite: Invite, target: &Target) -> Result<LegHandle, PlaceError> {
        self.call_with(invite, target, &CallOptions::default()).await
    }

    /// [`Stack::call`] with options.
    pub async fn call_with(
        &self,
        invite: Invite,
        target: &Target,
        options: &CallOptions,
    ) -> Result<LegHandle, PlaceError> {
        let mut targets = self.resolver.resolve(target, options.discover_transport).await?;
        if targets.iter().any(|hop| hop.transport == Transport::Tls) {
            let peer = self.peer(&target.host, &options.tls).await?;
            targets = targets.into_iter().map(|hop| hop.with_peer(peer)).collect();
        }
        let host = target.host.to_string();
        let targets = Targets::new(targets).ok_or(ResolveError::NoAddress { host })?;
        let (reply, answer) = oneshot::channel();
        let options = options.agent.clone();
        let command = Command::Call { invite: Box::new(invite), targets, options, reply };
        self.commands.send(command).await.map_err(|_| PlaceError::Closed)?;
        answer.await.map_err(|_| PlaceError::Closed)?.map_err(Into::into)
    }

    /// Whether `target` has an address that can be called from here.
    pub async fn reaches(&self, target: &Target, options: &CallOptions) -> bool {
        self.resolver.resolve(target, options.discover_transport).await.is_ok()
    }

    /// Ends a call that an earlier run of the program left behind, with BYE or CANCEL. The handle's events end with
    /// [`sip::LegEvent::Ended`]; keep it until then.
    pub async fn end_lost_call(&self, mut lost: LostCall) -> Result<LegHandle, PlaceError> {
        let peer = match &lost.tls {
            Some((host, options)) => self.peer(host, options).await?,
            None => TlsPeer::default(),
        };
        let destination = lost.destination_mut();
        *destination = destination.with_peer(peer);
        self.follow_name(&mut lost).await;
        let (reply, answer) = oneshot::channel();
        let command = Command::EndLost { lost: Box::new(lost), reply };
        self.commands.send(command).await.map_err(|_| PlaceError::Closed)?;
        answer.await.map_err(|_| PlaceError::Closed)?.map_err(Into::into)
    }

    /// A dialog that was written down goes on by the name of its next hop, if that leads anywhere, and soon.
    async fn follow_name(&self, lost: &mut LostCall) {
        let LostState::Up(dialog) = &mut lost.state else { return };
        let Some(hop) = dialog.named_hop() else { return };
        let found = timeout(LOOKING_UP, named::destinations(&self.resolver, &self.profiles, &hop)).await;
        if let Some(chosen) = found.ok().and_then(|found| hop.choose(dialog.destination, &found)) {
            dialog.destination = chosen;
        }
    }

    /// Certificates are read, and the system's roots the first time, which is not for a thread that serves calls.
    async fn peer(&self, host: &Host, options: &Arc<TlsOptions>) -> Result<TlsPeer, PlaceError> {
        let (profiles, host, options) = (self.profiles.clone(), host.clone(), options.clone());
        let number = tokio::task::spawn_blocking(move || profiles.number(&host, &options)).await;
        Ok(number.map_err(|_| PlaceError::Closed)??)
    }

    /// How much it holds at most: legs and transactions, and TCP and TLS connections.
    #[must_use]
    pub fn limits(&self) -> (sip::Limits, usize) {
        self.limits
    }

    /// The address listened on, UDP and TCP.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What is printed in Via and Contact over TLS: the TLS listener's port, if there is one.
    #[must_use]
    pub fn announced_over_tls(&self) -> &Announced {
        &self.over_tls
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
