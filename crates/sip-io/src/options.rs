//! What a call may ask for beyond its INVITE and its target.

use std::sync::Arc;

pub use sip::LostState;
use sip::auth::Credentials;
use sip::msg::Host;
use sip::{Destination, DialogState, InviteState, Redirects};

use crate::tls::TlsOptions;

/// How a call is placed. The default is what [`Stack::call`](crate::Stack::call) does.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CallOptions {
    /// How the agent deals with the call.
    pub agent: sip::CallOptions,
    /// How TLS connections are secured.
    pub tls: Arc<TlsOptions>,
    /// The target's transport is only a wish: where its name has NAPTR records they decide, else the first transport
    /// that has SRV records (RFC 3263 §4.1). Of no effect on targets with a port, an address or TLS.
    pub discover_transport: bool,
}

impl CallOptions {
    /// With redirections dealt with so.
    #[must_use]
    pub fn with_redirects(mut self, redirects: Redirects) -> Self {
        self.agent = self.agent.with_redirects(redirects);
        self
    }

    /// With everything written down before it binds the peer: each awaited [`sip::LegEvent::Record`] is answered with
    /// [`LegControl::recorded`](crate::LegControl::recorded).
    #[must_use]
    pub fn journaled(mut self) -> Self {
        self.agent = self.agent.journaled();
        self
    }

    /// With TLS connections secured so.
    #[must_use]
    pub fn with_tls(mut self, tls: Arc<TlsOptions>) -> Self {
        self.tls = tls;
        self
    }

    /// With the transport looked up.
    #[must_use]
    pub fn with_discovered_transport(mut self) -> Self {
        self.discover_transport = true;
        self
    }
}

/// A call that an earlier run of the program left behind.
#[derive(Debug, Clone)]
pub struct LostCall {
    /// What was written down of it.
    pub state: LostState,
    /// What challenges to the BYE are answered with.
    pub credentials: Option<Credentials>,
    /// Header fields of the BYE.
    pub headers: Vec<(String, String)>,
    /// Over TLS: the host that was called, and how it was secured.
    pub tls: Option<(Host, Arc<TlsOptions>)>,
}

impl LostCall {
    /// One that was up, with nothing but its dialog.
    #[must_use]
    pub fn new(dialog: DialogState) -> Self {
        Self::of(LostState::Up(dialog))
    }

    /// One that still rang, with nothing but its INVITE.
    #[must_use]
    pub fn ringing(invite: InviteState) -> Self {
        Self::of(LostState::Ringing(invite))
    }

    /// One of which this was written down last.
    #[must_use]
    pub fn of(state: LostState) -> Self {
        Self { state, credentials: None, headers: Vec::new(), tls: None }
    }

    pub(crate) fn destination_mut(&mut self) -> &mut Destination {
        match &mut self.state {
            LostState::Up(dialog) => &mut dialog.destination,
            LostState::Ringing(invite) => &mut invite.destination,
        }
    }
}
