//! The RTCP of a call: reports every five seconds or so, goodbye at the end, and what the phone reports of us.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use super::RtpSession;
use rtp::rtcp::{
    self, Feedback, Outgoing, Report, ReportBlock, SenderInfo, from_short_ntp, ntp_middle, ntp_timestamp,
    to_short_ntp,
};

/// Mean time between reports (RFC 3550 §6.2's minimum; the bandwidth of one call never asks for more).
const INTERVAL: Duration = Duration::from_secs(5);
/// Sender reports remembered, to measure the round trip when the phone names one of them.
const REMEMBERED: usize = 4;

#[derive(Debug)]
pub(super) struct Reports {
    /// State of the random spread of the interval.
    spread: u64,
    next: Option<Instant>,
    sent: [Option<(u32, Instant)>; REMEMBERED],
    /// The phone's last sender report: its name and when it came.
    last_sr: Option<(u32, Instant)>,
    /// Where its RTCP came from.
    pub(super) source: Option<SocketAddr>,
    pub(super) about_us: Option<ReportBlock>,
    pub(super) round_trip: Option<Duration>,
}

impl Reports {
    pub(super) fn new(seed: u64, _now: Instant) -> Self {
        Self {
            spread: seed,
            next: None,
            sent: [None; REMEMBERED],
            last_sr: None,
            source: None,
            about_us: None,
            round_trip: None,
        }
    }

    /// The first report comes after half an interval.
    pub(super) fn start(&mut self, now: Instant) {
        self.schedule(now, INTERVAL / 2);
    }

    /// The phone's earlier reports tell of a source that is gone.
    pub(super) fn source_changed(&mut self) {
        self.last_sr = None;
    }

    /// Sets the next report to between half and one and a half of `mean` from now (RFC 3550 §6.3.1).
    fn schedule(&mut self, now: Instant, mean: Duration) {
        self.spread =
            self.spread.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let permille = 500 + ((self.spread >> 33) % 1001) as u32;
        self.next = now.checked_add(mean * permille / 1000);
    }

    fn take(&mut self, now: Instant, feedback: &Feedback) {
        if let Some(sender) = feedback.sender {
            self.last_sr = Some((ntp_middle(sender.ntp), now));
        }
        let Some(block) = feedback.about_us else { return };
        self.about_us = Some(block);
        let named = self.sent.iter().flatten().find(|(name, _)| *name == block.last_sr && block.last_sr != 0);
        if let Some((_, at)) = named {
            let held = from_short_ntp(block.delay_since_last_sr);
            // A phone next door answers sooner than its clock can tell: that is no time at all, and not no answer.
            self.round_trip = Some(now.saturating_duration_since(*at).saturating_sub(held));
        }
    }

    fn remember_sent(&mut self, name: u32, now: Instant) {
        self.sent.rotate_right(1);
        self.sent[0] = Some((name, now));
    }
}

impl RtpSession {
    /// Takes a datagram from the RTCP port. What comes from another host than the phone's is dropped.
    pub fn handle_rtcp(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) {
        if self.terms.is_none() {
            self.counters.dropped.before_negotiation += 1;
        } else if !self.knows_rtcp(from) {
            self.counters.dropped.foreign_source += 1;
        } else if self.is_secure() {
            let mut opened = std::mem::take(&mut self.opened);
            match self.srtp.as_mut().map(|srtp| srtp.open_rtcp(packet, &mut opened)) {
                Some(Ok(())) => self.report_came(now, from, &opened),
                Some(Err(rejected)) => self.counters.dropped.rejected(rejected),
                None => {}
            }
            self.opened = opened;
        } else {
            self.report_came(now, from, packet);
        }
    }

    fn report_came(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) {
        if let Ok(feedback) = Feedback::parse(packet, self.ssrc()) {
            self.reports.source = Some(from);
            self.reports.take(now, &feedback);
        } else {
            self.counters.dropped.malformed += 1;
        }
    }

    fn knows_rtcp(&self, from: SocketAddr) -> bool {
        let described = self.terms.as_ref().is_some_and(|t| t.remote_rtcp.ip() == from.ip());
        described || self.latch.knows_host(from)
    }

    /// When [`RtpSession::poll_rtcp`] has the next report.
    #[must_use]
    pub fn next_rtcp(&self) -> Option<Instant> {
        self.reports.next
    }

    /// Writes the report that is due, if one is, over `out` and tells where it goes: the RTP port with rtcp-mux, else the
    /// RTCP port. `wallclock` is the time of day of `now`.
    pub fn poll_rtcp(
        &mut self,
        now: Instant,
        wallclock: SystemTime,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        if self.reports.next.is_none_or(|at| now < at) {
            return None;
        }
        self.reports.schedule(now, INTERVAL);
        self.report(now, wallclock, false, out)
    }

    /// Writes the goodbye (RFC 3550 §6.6) over `out`. No report follows it.
    pub fn goodbye(&mut self, now: Instant, wallclock: SystemTime, out: &mut Vec<u8>) -> Option<SocketAddr> {
        self.reports.next = None;
        self.report(now, wallclock, true, out)
    }

    fn report(
        &mut self,
        now: Instant,
        wallclock: SystemTime,
        bye: bool,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        let remote = self.rtcp_remote()?;
        let outgoing = self.outgoing(now, wallclock);
        let block = self.block(now);
        let report = Report { outgoing, block, cname: &self.config.cname, bye };
        if let Err(error) = rtcp::write_report(&report, out) {
            tracing::debug!(%error, "RTCP report not sent");
            return None;
        }
        if let Outgoing::Sender(sender) = outgoing {
            self.reports.remember_sent(ntp_middle(sender.ntp), now);
            self.sending.reported_packets = self.sending.packets();
        }
        if self.is_secure() {
            self.srtp.as_mut()?.protect_rtcp(out).ok()?;
        }
        Some(remote)
    }

    fn outgoing(&self, now: Instant, wallclock: SystemTime) -> Outgoing {
        let ssrc = self.ssrc();
        if self.sending.packets() == self.sending.reported_packets {
            return Outgoing::Receiver { ssrc };
        }
        let clock = self.codec().map_or(8000, crate::codec::AudioCodec::rtp_clock);
        Outgoing::Sender(SenderInfo {
            ssrc,
            ntp: ntp_timestamp(wallclock),
            rtp_timestamp: self.sending.timestamp_at(now, clock),
            packets: self.sending.packets() as u32,
            octets: self.sending.bytes() as u32,
        })
    }

    fn block(&mut self, now: Instant) -> Option<ReportBlock> {
        let block = self.reception.report()?;
        let (last_sr, delay_since_last_sr) = self
            .reports
            .last_sr
            .map_or((0, 0), |(name, at)| (name, to_short_ntp(now.saturating_duration_since(at))));
        Some(ReportBlock { ssrc: self.sources.current?, last_sr, delay_since_last_sr, ..block })
    }

    /// Where reports go: the RTP address with rtcp-mux; with symmetric RTP where the phone's reports come from, or the
    /// port above a latched sender that is not at the described host; else the described address.
    fn rtcp_remote(&self) -> Option<SocketAddr> {
        let terms = self.terms.as_ref()?;
        let rtp = self.remote()?;
        if terms.rtcp_mux {
            return Some(rtp);
        }
        if self.config.symmetric {
            if let Some(source) = self.reports.source.filter(|s| s.ip() == rtp.ip()) {
                return Some(source);
            }
            if rtp.ip() != terms.remote_rtp.ip() {
                return rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port));
            }
        }
        Some(terms.remote_rtcp)
    }
}
