//! What is told of audio streams (RFC 3550 §6.4), both ways. What clients tell str0m reads.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use rtp::rtcp::{
    Account, ReportBlock, SenderInfo, ntp_timestamp, timestamp_after, to_short_ntp, write_account,
};

use str0m::media::Mid;

use super::{Audio, Incoming, Outgoing};
use crate::datagram;
use crate::lifecycle::Clock;
use crate::peer::sections::Sections;

/// RFC 3550 §6.2.
const INTERVAL: Duration = Duration::from_secs(5);
/// The first report comes sooner: clients know the time of a stream's packets by it.
const FIRST: Duration = Duration::from_millis(500);

/// When reports are sent, and by whom.
pub(super) struct Reporting {
    clock: Clock,
    /// The SSRC reports come from. Not a stream's: str0m reports in the name of those, and may count as we do.
    reporter: u32,
    due: Option<Instant>,
}

impl Reporting {
    pub(super) fn new(clock: Clock, reporter: u32) -> Self {
        Self { clock: one_clock(clock), reporter, due: None }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// There is something to report on.
    pub(super) fn active(&mut self, now: Instant) {
        if self.due.is_none() {
            self.due = Some(now + FIRST);
        }
    }
}

/// The time of day as it was told first, for all: what is heard and what is seen of somebody is played in step by the times in
/// their reports, and str0m's for video go by the time of day when it was first asked for.
fn one_clock(clock: Clock) -> Clock {
    static FIRST: OnceLock<Clock> = OnceLock::new();
    *FIRST.get_or_init(|| clock)
}

impl Audio {
    /// Videos that have been seen, and their sections.
    pub(in crate::peer) fn videos(&self) -> Vec<(u32, Mid)> {
        let videos = self.incoming.iter().filter(|stream| stream.of_engine);
        videos.map(|stream| (stream.ssrc, stream.mid)).collect()
    }

    /// Reports on everything but the videos of these sections: on those str0m does.
    pub(in crate::peer) fn report(&mut self, now: Instant, sections: &Sections, reported: &[Mid]) {
        let wallclock = self.reporting.clock.wallclock(now);
        let ours = |stream: &&mut Incoming| !stream.of_engine || !reported.contains(&stream.mid);
        let blocks: Vec<_> =
            self.incoming.iter_mut().filter(ours).filter_map(|stream| stream.block(now)).collect();
        let senders: Vec<_> = self
            .outgoing
            .iter_mut()
            .filter_map(|stream| Some((stream.report(now, wallclock, sections)?, sections.name(stream.mid))))
            .collect();
        let silent = blocks.is_empty() && senders.is_empty();
        self.reporting.due = (!silent).then(|| now + INTERVAL);
        let parts =
            blocks.len().div_ceil(Account::MAX_BLOCKS).max(senders.len().div_ceil(Account::MAX_SENDERS));
        for part in 0..parts {
            let blocks = blocks.chunks(Account::MAX_BLOCKS).nth(part).unwrap_or_default();
            let senders = senders.chunks(Account::MAX_SENDERS).nth(part).unwrap_or_default();
            self.tell(&Account { reporter: self.reporting.reporter, blocks, senders });
        }
    }

    fn tell(&mut self, account: &Account<'_>) {
        let (Some(path), Some(srtp)) = (self.path, &mut self.srtp) else { return };
        let mut bytes = datagram::memory();
        let written = write_account(account, &mut bytes).is_ok() && srtp.protect_rtcp(&mut bytes).is_ok();
        if written {
            self.leave(path, bytes);
        }
    }
}

impl Incoming {
    /// How it arrives, if anything has since the last time.
    fn block(&mut self, now: Instant) -> Option<ReportBlock> {
        if !std::mem::take(&mut self.heard) {
            return None;
        }
        let (last_sr, delay_since_last_sr) = self
            .sender_report
            .map_or((0, 0), |(name, came)| (name, to_short_ntp(now.saturating_duration_since(came))));
        let block = self.reception.report()?;
        Some(ReportBlock { ssrc: self.ssrc, last_sr, delay_since_last_sr, ..block })
    }
}

impl Outgoing {
    /// What was sent, if anything was since the last time.
    fn report(&mut self, now: Instant, wallclock: SystemTime, sections: &Sections) -> Option<SenderInfo> {
        if std::mem::replace(&mut self.told, self.packets) == self.packets {
            return None;
        }
        let since = now.saturating_duration_since(self.last.at);
        let clock = sections.clock(self.mid, self.last.payload_type);
        Some(SenderInfo {
            ssrc: self.ssrc,
            ntp: ntp_timestamp(wallclock),
            rtp_timestamp: timestamp_after(self.last.timestamp, since, clock),
            packets: self.packets,
            octets: self.octets,
        })
    }
}
