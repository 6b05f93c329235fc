//! What is counted of a call's media.

use std::time::{Duration, Instant};

use super::reports::Reports;
use super::send::Sending;
use rtp::rtcp::ReceptionStats;
use rtp::srtp::Rejected;

/// A call's media in figures.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SessionStats {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Payload bytes sent.
    pub bytes_sent: u64,
    /// RTP packets accepted from the phone, duplicates left out.
    pub packets_received: u64,
    /// Their payload bytes.
    pub bytes_received: u64,
    /// Packets of the phone that never came.
    pub lost: u64,
    /// Interarrival jitter of the phone's packets, in milliseconds.
    pub jitter_ms: f64,
    /// Packets of ours that the phone reports lost, if it reports.
    pub remote_lost: Option<i32>,
    /// The jitter that the phone reports of our packets, in milliseconds.
    pub remote_jitter_ms: Option<f64>,
    /// Round trip by the phone's last report, in milliseconds.
    pub rtt_ms: Option<f64>,
    /// When the first packet was accepted.
    pub first_packet_at: Option<Instant>,
    /// When the first packet was sent.
    pub first_sent_at: Option<Instant>,
    /// How often the phone began a new SSRC.
    pub source_changes: u64,
    /// Comfort noise packets.
    pub comfort_noise: u64,
    /// What was not believed or not understood.
    pub dropped: Dropped,
}

/// Packets dropped, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Arrived before anything was negotiated.
    pub before_negotiation: u64,
    /// Neither RTP nor RTCP, or without a payload.
    pub malformed: u64,
    /// A payload type that was not negotiated.
    pub wrong_payload_type: u64,
    /// From a sender that is not the latched one.
    pub foreign_source: u64,
    /// Seen before.
    pub duplicate: u64,
    /// Far out of sequence, too late, or of a source that the phone has left.
    pub stray: u64,
    /// Sent although the call is held.
    pub while_held: u64,
    /// Not encrypted with the agreed key, or changed on the way.
    pub not_authentic: u64,
}

impl Dropped {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.before_negotiation
            + self.malformed
            + self.wrong_payload_type
            + self.foreign_source
            + self.duplicate
            + self.stray
            + self.while_held
            + self.not_authentic
    }

    pub(super) fn rejected(&mut self, why: Rejected) {
        match why {
            Rejected::Malformed => self.malformed += 1,
            Rejected::NotAuthentic => self.not_authentic += 1,
            Rejected::Replayed => self.duplicate += 1,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) packets_received: u64,
    pub(super) bytes_received: u64,
    pub(super) first_packet_at: Option<Instant>,
    pub(super) source_changes: u64,
    pub(super) comfort_noise: u64,
    pub(super) dropped: Dropped,
}

impl Counters {
    pub(super) fn stats(
        &self,
        sending: &Sending,
        reception: ReceptionStats,
        reports: &Reports,
        clock: u32,
    ) -> SessionStats {
        let ms = |ticks: u32| f64::from(ticks) * 1000.0 / f64::from(clock);
        SessionStats {
            packets_sent: sending.packets(),
            bytes_sent: sending.bytes(),
            packets_received: self.packets_received,
            bytes_received: self.bytes_received,
            lost: reception.lost,
            jitter_ms: ms(reception.jitter),
            remote_lost: reports.about_us.map(|b| b.cumulative_lost),
            remote_jitter_ms: reports.about_us.map(|b| ms(b.jitter)),
            rtt_ms: reports.round_trip.map(|rtt: Duration| rtt.as_secs_f64() * 1000.0),
            first_packet_at: self.first_packet_at,
            first_sent_at: sending.first_at(),
            source_changes: self.source_changes,
            comfort_noise: self.comfort_noise,
            dropped: self.dropped,
        }
    }
}
