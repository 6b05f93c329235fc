//! What an agent is told about itself: its addresses and name, its limits.

use crate::target::Contacts;
use crate::timer::Timers;

/// How an agent presents itself and what it takes on.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Where peers reach this agent, by transport: printed in Via and Contact.
    pub contacts: Contacts,
    /// The product, for `User-Agent` in requests and `Server` in responses: `name/version`.
    pub user_agent: String,
    /// Timer base values.
    pub timers: Timers,
    /// Bounds of every table.
    pub limits: Limits,
    /// What happens to calls that come in.
    pub inbound: Inbound,
}

/// What an agent does with an INVITE outside any dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inbound {
    /// It becomes a leg, and the application an [`Incoming`](crate::LegEvent::Incoming) event.
    Offer,
    /// It is refused with this status, without any state kept.
    Refuse(u16),
    /// It is not answered at all, so that scanners find nothing.
    Ignore,
}

/// Bounds: what is beyond is refused (503) or, where refusing would cost as much, dropped; both are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls at once, either way, those still ending included.
    pub legs: usize,
    /// Transactions at once, either way.
    pub transactions: usize,
    /// Answers per second to requests outside any dialog (OPTIONS, scanners, strays), which are given without
    /// state; the excess is dropped.
    pub stateless_per_second: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { legs: 10_000, transactions: 50_000, stateless_per_second: 500 }
    }
}
