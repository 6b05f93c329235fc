//! The user agent's stories: calls as they go on the wire, in virtual time.

mod anything;
mod callee;
mod caller;
mod cancel;
mod credentials;
mod hostile;
mod inside;
mod offers;
mod restart;
mod schedules;
mod support;
