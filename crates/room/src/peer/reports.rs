//! What a connection measures: what arrives of a client's streams, what the client reports of ours (RFC 3550 §6.4), and the
//! path's round trip by ICE's own checks (RFC 7675). What is reported to the client is `audio`'s.

use std::time::{Duration, Instant};

use rtp::rtcp::ntp_timestamp;
use str0m::Event;
use str0m::media::Mid;

use super::Peer;
use crate::quality::Report;

/// How often str0m is asked what clients report: as often as connections are rated.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
/// A receiver counts lost packets in 24 bits, signed: packets that came twice count against them.
const LOST_BITS: u32 = 24;

/// What has arrived of a section's streams since this was asked last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reception {
    pub(crate) expected: u64,
    pub(crate) received: u64,
    /// Interarrival jitter, in the codec's clock.
    pub(crate) jitter: u32,
}

impl Reception {
    /// The share that got lost, 0 to 1.
    pub(crate) fn loss(&self) -> f32 {
        self.expected.saturating_sub(self.received) as f32 / self.expected.max(1) as f32
    }
}

/// What str0m said last.
#[derive(Debug, Default)]
pub(super) struct Reports {
    round_trip: Option<Duration>,
    /// By section, what the client reports of what it is sent.
    sent: Vec<(Mid, Report)>,
}

fn signed(lost: u64) -> i64 {
    let lost = i64::try_from(lost & ((1 << LOST_BITS) - 1)).unwrap_or_default();
    if lost >> (LOST_BITS - 1) == 0 { lost } else { lost - (1 << LOST_BITS) }
}

impl Peer {
    /// The path's round trip, once it was measured.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.reports.round_trip
    }

    /// The client's last report of what it is sent on a section.
    pub(crate) fn report(&self, mid: Mid) -> Option<Report> {
        self.reports.sent.iter().find(|(of, _)| *of == mid).map(|(_, report)| *report)
    }

    /// What has arrived on a section since this was asked last.
    pub(crate) fn take_reception(&mut self, mid: Mid) -> Reception {
        self.audio.take_reception(mid)
    }

    /// Reports on streams, if it is time. str0m reports on the video of a section as soon as one of its streams can be sent again;
    /// until then it takes it for audio.
    pub(super) fn send_reports(&mut self, now: Instant) {
        if self.audio.due().is_none_or(|due| now < due) {
            return;
        }
        let mut videos = self.audio.videos();
        self.guarded(|rtc| {
            let mut direct = rtc.direct_api();
            videos.retain(|(ssrc, _)| {
                direct.stream_rx(&(*ssrc).into()).is_some_and(|stream| stream.rtx().is_some())
            });
        });
        let reported: Vec<Mid> = videos.into_iter().map(|(_, mid)| mid).collect();
        self.audio.report(now, &self.sections, &reported);
    }

    /// Takes in what str0m tells of streams and of the path; it begins with the connection itself.
    pub(super) fn report_event(&mut self, event: &Event) {
        match event {
            Event::PeerStats(stats) => {
                let pair = stats.selected_candidate_pair.as_ref();
                self.reports.round_trip = pair.and_then(|pair| pair.current_round_trip_time);
                self.reports.sent.clear();
                if let Some(pair) = pair {
                    self.audio.has_sent(pair.protocol, pair.local.addr, pair.remote.addr);
                }
            }
            Event::MediaEgressStats(stats) => {
                if let Some(remote) = &stats.remote {
                    let report = Report {
                        highest: *remote.maximum_sequence_number,
                        missing: signed(remote.packets_lost),
                    };
                    self.reports.sent.push((stats.mid, report));
                    self.audio.acknowledged(stats.mid);
                }
            }
            Event::SenderFeedback(report) => {
                let ntp = ntp_timestamp(report.sender_info.ntp_time);
                self.audio.sender_report(report.mid, ntp, report.received_at);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_packets_are_counted_with_a_sign() {
        assert_eq!([0, 7, 0x7f_ffff].map(signed), [0, 7, 0x7f_ffff]);
        assert_eq!([0xff_ffff, 0x80_0000].map(signed), [-1, -0x80_0000]);
    }
}
