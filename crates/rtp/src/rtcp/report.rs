//! Writing our reports.

use rtcp_types::prelude::RtcpPacketWriter;
use rtcp_types::prelude::RtcpPacketWriterExt;
use rtcp_types::{
    Bye, Compound, CompoundBuilder, ReceiverReport, ReportBlockBuilder, Sdes, SdesChunk, SdesItem,
    SenderReport, SenderReportBuilder,
};

use super::{ReportBlock, RtcpError, SenderInfo};

/// Who reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outgoing {
    /// We have sent media since the last report: a sender report.
    Sender(SenderInfo),
    /// We have not: a receiver report from this source.
    Receiver {
        /// Our source.
        ssrc: u32,
    },
}

/// One of our compound packets.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Our part.
    pub outgoing: Outgoing,
    /// How we receive the other side, once it has sent something.
    pub block: Option<ReportBlock>,
    /// Our canonical name (RFC 3550 §6.5.1), up to 255 bytes.
    pub cname: &'a str,
    /// Whether this is the last one (BYE).
    pub bye: bool,
}

/// Writes a compound packet (SR or RR, then SDES with the CNAME, then BYE if it is the last) over what `out` holds.
///
/// # Errors
/// The caller's fault: the CNAME is too long; `out` is left empty.
pub fn write_report(report: &Report<'_>, out: &mut Vec<u8>) -> Result<(), RtcpError> {
    out.clear();
    let ssrc = match report.outgoing {
        Outgoing::Sender(sender) => sender.ssrc,
        Outgoing::Receiver { ssrc } => ssrc,
    };
    let name = SdesChunk::builder(ssrc).add_item(SdesItem::builder(SdesItem::CNAME, report.cname));
    let mut compound = add_report(report);
    compound = compound.add_packet(Sdes::builder().add_chunk(name));
    if report.bye {
        compound = compound.add_packet(Bye::builder().add_source(ssrc));
    }
    write_compound(&compound, out)
}

/// One of an endpoint's compound packets, which has several sources and hears several.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Who reports: a source that sends no media.
    pub reporter: u32,
    /// How it receives others, at most [`Account::MAX_BLOCKS`].
    pub blocks: &'a [ReportBlock],
    /// What its sources send, each with its canonical name, at most [`Account::MAX_SENDERS`].
    pub senders: &'a [(SenderInfo, &'a str)],
}

impl Account<'_> {
    /// With so many blocks, and senders whose names are no longer than 64 bytes, it is no larger than a datagram should be.
    pub const MAX_BLOCKS: usize = 20;
    /// See [`Account::MAX_BLOCKS`].
    pub const MAX_SENDERS: usize = 6;
}

/// Writes a compound packet (RR of the reporter, an SR of each sender, then SDES with their CNAMEs) over what `out` holds.
///
/// # Errors
/// The caller's fault: a CNAME is too long, or there are too many blocks; `out` is left empty.
pub fn write_account(account: &Account<'_>, out: &mut Vec<u8>) -> Result<(), RtcpError> {
    out.clear();
    let mut received = ReceiverReport::builder(account.reporter);
    for block in account.blocks {
        received = received.add_report_block(block_builder(block));
    }
    let (mut compound, mut names) = (Compound::builder().add_packet(received), Sdes::builder());
    for (sender, cname) in account.senders {
        compound = compound.add_packet(sender_builder(sender));
        names = names
            .add_chunk(SdesChunk::builder(sender.ssrc).add_item(SdesItem::builder(SdesItem::CNAME, cname)));
    }
    if !account.senders.is_empty() {
        compound = compound.add_packet(names);
    }
    write_compound(&compound, out)
}

fn write_compound(compound: &CompoundBuilder<'_>, out: &mut Vec<u8>) -> Result<(), RtcpError> {
    out.resize(compound.calculate_size()?, 0);
    let written = compound.write_into(out);
    out.truncate(*written.as_ref().unwrap_or(&0));
    written?;
    Ok(())
}

fn sender_builder(sender: &SenderInfo) -> SenderReportBuilder {
    SenderReport::builder(sender.ssrc)
        .ntp_timestamp(sender.ntp)
        .rtp_timestamp(sender.rtp_timestamp)
        .packet_count(sender.packets)
        .octet_count(sender.octets)
}

fn add_report<'a>(report: &Report<'_>) -> CompoundBuilder<'a> {
    let block = report.block.as_ref().map(block_builder);
    match report.outgoing {
        Outgoing::Sender(sender) => {
            let mut builder = sender_builder(&sender);
            if let Some(block) = block {
                builder = builder.add_report_block(block);
            }
            Compound::builder().add_packet(builder)
        }
        Outgoing::Receiver { ssrc } => {
            let mut builder = ReceiverReport::builder(ssrc);
            if let Some(block) = block {
                builder = builder.add_report_block(block);
            }
            Compound::builder().add_packet(builder)
        }
    }
}

fn block_builder(block: &ReportBlock) -> ReportBlockBuilder {
    // A signed number in 24 bits, clamped and not wrapped (RFC 3550 appendix A.3).
    let lost = block.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
    rtcp_types::ReportBlock::builder(block.ssrc)
        .fraction_lost(block.fraction_lost)
        .cumulative_lost(lost)
        .extended_sequence_number(block.highest_sequence)
        .interarrival_jitter(block.jitter)
        .last_sender_report_timestamp(block.last_sr)
        .delay_since_last_sender_report_timestamp(block.delay_since_last_sr)
}
