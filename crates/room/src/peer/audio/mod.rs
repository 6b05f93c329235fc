//! A connection's audio packets, past str0m: SRTP (RFC 3711), header extensions (RFC 8285) and reports (RFC 3550 §6).
//!
//! Whatever str0m is given goes through all that a connection consists of (ICE, DTLS, SCTP, every stream), which costs many
//! times what an audio packet takes by itself. So it settles what is settled once, and tells: the keys (`keys`), the SSRC of each stream
//! and the path that ICE chose, by the first packet of each stream, which goes through it. So does the first one after
//! each ICE check, since by that the path may have changed. Video, and whatever is not known here, is str0m's.
//!
//! Numbers are never used twice: one writer decides for each packet which way it goes, and both encrypt it with the same index.

mod incoming;
mod outgoing;
mod reports;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use rtp::Payloads;
use rtp::srtp::{Session, SessionKeys};
use str0m::media::Mid;
use str0m::net::{Protocol, Transmit};

use super::AudioIn;
use crate::lifecycle::Clock;
use incoming::Incoming;
pub(super) use incoming::Taken;
use outgoing::Outgoing;
use reports::Reporting;

/// The audio of one connection.
pub(super) struct Audio {
    /// There from the end of the DTLS handshake to the goodbye.
    srtp: Option<Box<Session>>,
    /// Where str0m sends to, unless it may have changed its mind.
    path: Option<Path>,
    incoming: Vec<Incoming>,
    outgoing: Vec<Outgoing>,
    reporting: Reporting,
    /// What has come, for [`super::Peer::poll`].
    arrived: Option<AudioIn>,
    /// What is to be sent, for the same.
    leaving: VecDeque<Transmit>,
    /// Memory for a packet that is decrypted, and for what it holds.
    clear: Vec<u8>,
    payloads: Payloads,
}

/// The pair of addresses that ICE chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Path {
    proto: Protocol,
    source: SocketAddr,
    destination: SocketAddr,
    /// No check has come since.
    sure: bool,
}

impl Audio {
    /// `reporter` is the SSRC that reports come from; it must be none of a stream.
    pub(super) fn new(clock: Clock, reporter: u32) -> Self {
        Self {
            srtp: None,
            path: None,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            reporting: Reporting::new(clock, reporter),
            arrived: None,
            leaving: VecDeque::new(),
            clear: Vec::new(),
            payloads: Payloads::default(),
        }
    }

    /// The DTLS handshake has agreed on keys.
    pub(super) fn begin(&mut self, keys: &SessionKeys) {
        self.srtp = Session::new(keys).map(Box::new);
    }

    /// Nothing is sent or let in any more.
    pub(super) fn end(&mut self) {
        self.srtp = None;
        self.leaving.clear();
    }

    /// Whether the keys are there.
    pub(super) fn has_begun(&self) -> bool {
        self.srtp.is_some()
    }

    /// str0m sends media this way.
    pub(super) fn sends(&mut self, proto: Protocol, source: SocketAddr, destination: SocketAddr) {
        self.path = Some(Path { proto, source, destination, sure: true });
    }

    /// str0m sent media this way a moment ago. If that is news, the next packet asks it.
    pub(super) fn has_sent(&mut self, proto: Protocol, source: SocketAddr, destination: SocketAddr) {
        let path = Path { proto, source, destination, sure: false };
        if self.path.is_none_or(|known| Path { sure: false, ..known } != path) {
            self.path = Some(path);
        }
    }

    /// A check has come: str0m may send another way from now on.
    pub(super) fn checked(&mut self) {
        if let Some(path) = &mut self.path {
            path.sure = false;
        }
    }

    /// A packet that has come.
    pub(super) fn take_arrived(&mut self) -> Option<AudioIn> {
        self.arrived.take()
    }

    /// A packet to be sent.
    pub(super) fn take_leaving(&mut self) -> Option<Transmit> {
        self.leaving.pop_front()
    }

    /// When [`Audio::report`] wants to be called.
    pub(super) fn due(&self) -> Option<Instant> {
        self.reporting.due()
    }

    /// A section's stream has ended; its next one has another SSRC.
    pub(super) fn free(&mut self, mid: Mid) {
        self.outgoing.retain(|stream| stream.mid != mid);
    }

    fn leave(&mut self, path: Path, packet: Vec<u8>) {
        let Path { proto, source, destination, .. } = path;
        self.leaving.push_back(Transmit { proto, source, destination, contents: packet.into() });
    }
}
