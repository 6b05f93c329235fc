//! The RTP session of one phone call (RFC 3550), either side of it: the caller's bridge and the called phone.
//!
//! One source of ours for the whole call: audio and telephone-events share its SSRC and its unbroken sequence, and its
//! timestamp follows the time of day through pauses, holds and digits. What arrives is checked, latched to one sender
//! (`latch`), counted, and laid on one unbroken line of sequence numbers and timestamps (`timeline`), whatever the
//! phone does with its own. Never opens a socket, asks a clock or draws randomness but from its constructor's.

mod latch;
mod receive;
mod reports;
mod send;
mod stats;
#[cfg(test)]
mod tests;
mod timeline;

pub use receive::Received;
pub use stats::{Dropped, SessionStats};

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::RngCore;

use crate::codec::AudioCodec;
use crate::dtmf;
use crate::sdp::Negotiated;
use latch::Latch;
use reports::Reports;
use rtp::rtcp::Reception;
use rtp::srtp;
use send::Sending;
use stats::Counters;
use timeline::Timeline;

/// How one call's media is to be treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// Whether audio is sent to where the phone's audio comes from instead of where its description says: for phones
    /// behind NAT.
    pub symmetric: bool,
    /// How long to wait for the first packet after negotiation. Zero: for ever.
    pub media_timeout_initial: Duration,
    /// How long the phone may be silent after that. Zero: for ever.
    pub media_timeout: Duration,
    /// Our canonical name in RTCP; no more than 255 bytes, the rest is cut.
    pub cname: String,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            symmetric: true,
            media_timeout_initial: Duration::from_secs(30),
            media_timeout: Duration::from_secs(15),
            cname: "trunkline".to_owned(),
        }
    }
}

/// One call's RTP session.
#[derive(Debug)]
pub struct RtpSession {
    config: SessionConfig,
    terms: Option<Negotiated>,
    latch: Latch,
    sending: Sending,
    sources: Sources,
    reception: Reception,
    timeline: Timeline,
    digits: dtmf::Receiver,
    reports: Reports,
    counters: Counters,
    /// SRTP, when it was agreed on. It rests while the call is plain after that.
    srtp: Option<srtp::Session>,
    /// The packet that was decrypted last.
    opened: Vec<u8>,
    /// Since when the phone has owed us media, and whether it has sent any yet. `None` while it owes none.
    waiting: Option<Waiting>,
}

/// The SSRCs that the phone has used.
#[derive(Debug, Default)]
struct Sources {
    current: Option<u32>,
    /// The one before, whose stragglers are not a change back.
    previous: Option<u32>,
    last_heard: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    since: Instant,
    heard: bool,
}

impl RtpSession {
    /// A session without a peer yet. SSRC, first sequence number and first timestamp are drawn from `rng`.
    #[must_use]
    pub fn new(mut config: SessionConfig, rng: &mut impl RngCore, now: Instant) -> Self {
        let cut = (0..=255).rev().find(|&n| config.cname.is_char_boundary(n)).unwrap_or(0);
        config.cname.truncate(cut.min(config.cname.len()));
        Self {
            config,
            terms: None,
            latch: Latch::default(),
            sending: Sending::new(rng),
            sources: Sources::default(),
            reception: Reception::new(),
            timeline: Timeline::default(),
            digits: dtmf::Receiver::new(),
            reports: Reports::new(rng.next_u64(), now),
            counters: Counters::default(),
            srtp: None,
            opened: Vec::new(),
            waiting: None,
        }
    }

    /// Takes what an answer, or a later offer, has settled. The same address again keeps the sender that is latched;
    /// another one opens the latch.
    pub fn negotiate(&mut self, negotiated: &Negotiated, now: Instant) {
        self.latch.signalled(now, negotiated.remote_rtp);
        // Who holds a call may play music or say nothing.
        if !negotiated.direction.receives() || negotiated.is_held() {
            self.waiting = None;
        } else if self.waiting.is_none() {
            self.latch.resumed(now);
            self.waiting = Some(Waiting { since: now, heard: self.counters.first_packet_at.is_some() });
        }
        if self.terms.is_none() {
            self.reports.start(now);
        }
        self.secure(negotiated);
        self.terms = Some(negotiated.clone());
    }

    /// The phone owes us media from now on, whatever it has sent before: it was rung, and is up now.
    pub fn answered(&mut self, now: Instant) {
        if let Some(waiting) = &mut self.waiting {
            waiting.since = now;
        }
    }

    /// Whether packets must be encrypted, both ways.
    fn is_secure(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.srtp.is_some())
    }

    /// Begins SRTP, or goes on with it under the keys of `negotiated`. While the call is plain it rests and keeps count:
    /// our keys are the same when it comes back, and no number may be used twice with one.
    fn secure(&mut self, negotiated: &Negotiated) {
        let Some(keys) = &negotiated.srtp else { return };
        let rested = !self.is_secure();
        let goes_on = self.srtp.as_mut().is_some_and(|session| {
            if rested {
                session.wake();
            }
            session.rekey(keys).is_some()
        });
        if !goes_on {
            self.srtp = srtp::Session::new(keys);
        }
    }

    /// Where audio is sent: the latched sender when symmetric, else the described address. `None` before negotiation
    /// and while the phone has given no address to send to.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        let terms = self.terms.as_ref()?;
        let latched = self.latch.source().filter(|_| self.config.symmetric);
        let usable = |a: &SocketAddr| !a.ip().is_unspecified() && a.port() != 0;
        latched.or(Some(terms.remote_rtp)).filter(usable)
    }

    /// The codec to send, once negotiated.
    #[must_use]
    pub fn codec(&self) -> Option<AudioCodec> {
        self.terms.as_ref().map(|t| t.codec)
    }

    /// What has been negotiated last.
    #[must_use]
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.terms.as_ref()
    }

    /// The crypto suite of SRTP, `None` for plain RTP.
    #[must_use]
    pub fn suite(&self) -> Option<srtp::Suite> {
        self.srtp.as_ref().filter(|_| self.is_secure()).map(srtp::Session::suite)
    }

    /// Whether the phone takes telephone-events.
    #[must_use]
    pub fn takes_events(&self) -> bool {
        self.terms.as_ref().is_some_and(|t| t.dtmf_payload_type.is_some())
    }

    /// Our source identifier.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.sending.ssrc()
    }

    /// Whether the phone owes us media and has sent none for too long. Only packets that were accepted count.
    #[must_use]
    pub fn media_timed_out(&self, now: Instant) -> bool {
        self.media_deadline().is_some_and(|deadline| now >= deadline)
    }

    /// When [`RtpSession::media_timed_out`] will be true if nothing arrives. `None` while the phone owes us nothing.
    #[must_use]
    pub fn media_deadline(&self) -> Option<Instant> {
        let Waiting { since, heard } = self.waiting?;
        let patience = if heard { self.config.media_timeout } else { self.config.media_timeout_initial };
        (!patience.is_zero()).then(|| since.checked_add(patience)).flatten()
    }

    /// What has happened so far.
    #[must_use]
    pub fn stats(&self) -> SessionStats {
        let clock = self.terms.as_ref().map_or(8000, |t| t.codec.rtp_clock());
        self.counters.stats(&self.sending, self.reception.stats(), &self.reports, clock)
    }
}
