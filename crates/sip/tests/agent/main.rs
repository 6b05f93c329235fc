//! The user agent's stories: calls as they go on the wire, in virtual time.

mod anything;
mod callee;
mod caller;
mod cancel;
mod connections;
mod crashes;
mod credentials;
mod early;
mod expiry;
mod hostile;
mod inside;
mod named;
mod offers;
mod oversize;
mod redirects;
mod restart;
mod schedules;
mod secured;
mod silence;
mod support;
mod unheard;
