//! Phones whose participant has left: the room's last words are still on their way to them.
//!
//! Each is closed when it has heard them, or a moment later at the latest; the call hangs up then.

use std::time::{Duration, Instant};

use super::phone::Phone;
use super::slot::Now;
use super::timers::SLACK;

/// How long a phone may still be spoken to. Talkers' buffers hold less, unless the phone was silent from the start.
const LIMIT: Duration = Duration::from_millis(400);

/// The phones that are being left.
#[derive(Debug, Default)]
pub(super) struct Farewells(Vec<(Box<Phone>, Instant)>);

impl Farewells {
    /// Takes leave of a phone: at once if there is nothing left to say.
    pub(super) fn take(&mut self, now: Now, phone: Box<Phone>) {
        if phone.has_last_words() {
            self.0.push((phone, now.at + LIMIT));
        } else {
            phone.close(now.at, now.wallclock);
        }
    }

    /// When [`Farewells::handle_timeout`] is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.0.iter().filter_map(|(phone, until)| Some(phone.next_timeout()?.min(*until))).min()
    }

    /// Sends what is due, and closes the phones that have heard everything.
    pub(super) fn handle_timeout(&mut self, now: Now) {
        for (phone, _) in &mut self.0 {
            if phone.next_timeout().is_some_and(|at| at <= now.at + SLACK) {
                let at = phone.next_timeout().map_or(now.at, |at| at.max(now.at));
                phone.handle_timeout(at, now.wallclock, None);
            }
        }
        let over = |(phone, until): &mut (Box<Phone>, Instant)| !phone.has_last_words() || now.at >= *until;
        for (phone, _) in self.0.extract_if(.., over) {
            phone.close(now.at, now.wallclock);
        }
    }

    /// Closes all of them.
    pub(super) fn close(&mut self, now: Now) {
        self.0.drain(..).for_each(|(phone, _)| phone.close(now.at, now.wallclock));
    }
}
