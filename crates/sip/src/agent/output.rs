//! What comes out of an agent.

use std::time::Duration;

use crate::dialog::NamedHop;
use crate::leg::{LegEvent, LegId};
use crate::target::{Destination, Transmit};

/// Something for the shell to do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Output {
    /// Send this.
    Transmit(Transmit),
    /// Tell the owner of the leg.
    Event {
        /// Which leg.
        leg: LegId,
        /// What happened.
        event: LegEvent,
    },
    /// A dialog's next hop is a name: say where it leads with [`Agent::resolved`](crate::Agent::resolved). Nothing waits
    /// for it, and where nothing is said all goes on the way it began.
    Resolve {
        /// Whose dialog.
        leg: LegId,
        /// The next hop.
        hop: NamedHop,
    },
    /// A next hop did not take an INVITE: it is out of reach, says nothing, or says 503. Others should come first for
    /// a while.
    TargetFailed {
        /// The next hop.
        destination: Destination,
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
}

/// Why a call was not placed. Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// As many legs or transactions as [`Limits`](crate::Limits) allow.
    #[error("too many calls at once")]
    Full,
    /// Another call of this agent has the same Call-ID and From tag.
    #[error("Call-ID and From tag are in use")]
    Duplicate,
    /// No address is announced for the transport of the first target.
    #[error("transport {0} is not served")]
    Transport(crate::Transport),
    /// A custom header field is no header field, or one that the agent writes itself.
    #[error("bad custom header field")]
    Header,
    /// A dialog that was written down cannot be read.
    #[error("bad dialog state")]
    Dialog,
}
