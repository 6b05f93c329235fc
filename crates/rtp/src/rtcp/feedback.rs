//! Reading the other side's reports.

use rtcp_types::{Compound, Packet};

use super::RtcpError;

/// What a compound packet tells us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Feedback {
    /// The sender's own account, if it sends media.
    pub sender: Option<SenderInfo>,
    /// How it receives us, if it reports on our source.
    pub about_us: Option<ReportBlock>,
    /// The source that says goodbye (RFC 3550 §6.6), the first of them.
    pub bye: Option<u32>,
}

/// The sender's part of a sender report (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// The source.
    pub ssrc: u32,
    /// Its wall clock, 32.32 NTP.
    pub ntp: u64,
    /// The RTP timestamp of the same moment.
    pub rtp_timestamp: u32,
    /// RTP packets it has sent.
    pub packets: u32,
    /// Payload bytes it has sent.
    pub octets: u32,
}

/// One source's reception as the other side sees it (RFC 3550 §6.4.1), or as we report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: u32,
    /// Share of packets lost since the previous report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; duplicates can make it negative.
    pub cumulative_lost: i32,
    /// Highest sequence number received, with its count of wraps above it.
    pub highest_sequence: u32,
    /// Interarrival jitter in RTP clock ticks.
    pub jitter: u32,
    /// Middle bits of the last sender report received, 0 for none.
    pub last_sr: u32,
    /// Time since then, in 1/65536 s.
    pub delay_since_last_sr: u32,
}

impl Feedback {
    /// Reads a compound packet, looking for reports on the source `ours`. A part that cannot be read ends the
    /// reading; what came before it counts.
    ///
    /// # Errors
    /// The sender's fault: not a compound RTCP packet.
    pub fn parse(data: &[u8], ours: u32) -> Result<Self, RtcpError> {
        let mut feedback = Self::default();
        for packet in Compound::parse(data)?.map_while(Result::ok) {
            match packet {
                Packet::Sr(report) => {
                    feedback.sender.get_or_insert(SenderInfo {
                        ssrc: report.ssrc(),
                        ntp: report.ntp_timestamp(),
                        rtp_timestamp: report.rtp_timestamp(),
                        packets: report.packet_count(),
                        octets: report.octet_count(),
                    });
                    feedback.take_block(report.report_blocks(), ours);
                }
                Packet::Rr(report) => feedback.take_block(report.report_blocks(), ours),
                Packet::Bye(bye) => feedback.bye = feedback.bye.or_else(|| bye.ssrcs().next()),
                _ => {}
            }
        }
        Ok(feedback)
    }

    fn take_block<'a>(&mut self, blocks: impl Iterator<Item = rtcp_types::ReportBlock<'a>>, ours: u32) {
        if let Some(block) = blocks.into_iter().find(|b| b.ssrc() == ours) {
            self.about_us = Some(ReportBlock::from(&block));
        }
    }
}

impl From<&rtcp_types::ReportBlock<'_>> for ReportBlock {
    fn from(block: &rtcp_types::ReportBlock<'_>) -> Self {
        // A signed number of 24 bits.
        let cumulative_lost = ((block.cumulative_lost() << 8) as i32) >> 8;
        Self {
            ssrc: block.ssrc(),
            fraction_lost: block.fraction_lost(),
            cumulative_lost,
            highest_sequence: block.extended_sequence_number(),
            jitter: block.interarrival_jitter(),
            last_sr: block.last_sender_report_timestamp(),
            delay_since_last_sr: block.delay_since_last_sender_report_timestamp(),
        }
    }
}
