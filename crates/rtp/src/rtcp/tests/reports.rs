use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use crate::rtcp::{
    Account, Feedback, Outgoing, Report, ReportBlock, SenderInfo, from_short_ntp, ntp_middle, ntp_timestamp,
    to_short_ntp, write_account, write_report,
};

fn block() -> impl Strategy<Value = ReportBlock> {
    let numbers = (any::<u32>(), any::<u8>(), -0x80_0000..0x80_0000_i32, any::<u32>(), any::<u32>());
    (numbers, any::<u32>(), any::<u32>()).prop_map(
        |((ssrc, fraction_lost, cumulative_lost, highest_sequence, jitter), last_sr, delay_since_last_sr)| {
            ReportBlock {
                ssrc,
                fraction_lost,
                cumulative_lost,
                highest_sequence,
                jitter,
                last_sr,
                delay_since_last_sr,
            }
        },
    )
}

fn sender() -> impl Strategy<Value = SenderInfo> {
    (any::<u32>(), any::<u64>(), any::<u32>(), any::<u32>(), any::<u32>()).prop_map(
        |(ssrc, ntp, rtp_timestamp, packets, octets)| SenderInfo {
            ssrc,
            ntp,
            rtp_timestamp,
            packets,
            octets,
        },
    )
}

#[test]
fn wall_clock_time_is_told_in_ntp() {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
    assert_eq!(ntp_timestamp(time), (2_208_988_801 << 32) | 0x8000_0000);
    assert_eq!(ntp_middle(ntp_timestamp(time)), 0x7e81_8000);
    assert_eq!(to_short_ntp(Duration::from_millis(1_500)), 0x0001_8000);
    assert_eq!(from_short_ntp(0x0001_8000), Duration::from_millis(1_500));
    assert_eq!(to_short_ntp(Duration::MAX), u32::MAX);
}

#[test]
fn an_account_holds_each_sender_and_each_source_heard_and_fits_a_datagram() {
    let block = |ssrc| ReportBlock { ssrc, ..ReportBlock::default() };
    let blocks: Vec<_> = (0..Account::MAX_BLOCKS as u32).map(block).collect();
    let sender = SenderInfo { ssrc: 7, ntp: 1, rtp_timestamp: 2, packets: 3, octets: 4 };
    let name = "n".repeat(64);
    let senders = [(sender, name.as_str()); Account::MAX_SENDERS];
    let mut out = vec![9; 4];
    write_account(&Account { reporter: 5, blocks: &blocks, senders: &senders }, &mut out).unwrap();
    assert!(out.len() < 1200, "{} bytes", out.len());
    assert_eq!(out[1], 201, "it begins with the reporter's own");
    assert_eq!(out[4..8], 5_u32.to_be_bytes());
    let feedback = Feedback::parse(&out, 19).unwrap();
    assert_eq!((feedback.sender, feedback.about_us), (Some(sender), Some(block(19))));
    let too_many = vec![block(1); 32];
    assert!(write_account(&Account { reporter: 5, blocks: &too_many, senders: &[] }, &mut out).is_err());
    assert!(out.is_empty());
}

#[test]
fn a_report_begins_with_the_report_and_names_its_sender() {
    let report =
        Report { outgoing: Outgoing::Receiver { ssrc: 5 }, block: None, cname: "trunkline", bye: true };
    let mut out = vec![9; 3];
    write_report(&report, &mut out).unwrap();
    assert_eq!(out[..2], [0x80, 201]);
    assert!(out.windows(9).any(|w| w == b"trunkline"));
    assert_eq!(out.len() % 4, 0);
    assert_eq!(Feedback::parse(&out, 1).unwrap(), Feedback { bye: Some(5), ..Feedback::default() });
}

#[test]
fn a_name_that_does_not_fit_is_refused_and_nothing_is_left_to_send() {
    let cname = "x".repeat(256);
    let report = Report { outgoing: Outgoing::Receiver { ssrc: 5 }, block: None, cname: &cname, bye: false };
    let mut out = vec![9; 3];
    assert!(write_report(&report, &mut out).is_err());
    assert!(out.is_empty());
}

proptest! {
    #[test]
    fn any_report_reads_back_as_written(sender in sender(), block in block(), with_block: bool, sends: bool, bye: bool) {
        let outgoing = if sends { Outgoing::Sender(sender) } else { Outgoing::Receiver { ssrc: sender.ssrc } };
        let block = with_block.then_some(block);
        let mut out = Vec::new();
        write_report(&Report { outgoing, block, cname: "a@b", bye }, &mut out).unwrap();
        let read = Feedback::parse(&out, block.map_or(0, |b| b.ssrc)).unwrap();
        prop_assert_eq!(read.sender, sends.then_some(sender));
        prop_assert_eq!(read.about_us, block);
        prop_assert_eq!(read.bye, bye.then_some(sender.ssrc));
    }

    #[test]
    fn any_bytes_are_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Feedback::parse(&data, 0);
    }

    /// Packets whose headers are right and whose insides are not.
    #[test]
    fn any_insides_of_a_compound_packet_are_read_or_refused(
        packets in proptest::collection::vec((0..64_u8, 190..215_u8, proptest::collection::vec(any::<u8>(), 0..60)), 1..5),
    ) {
        let mut data = Vec::new();
        for (flags, packet_type, mut body) in packets {
            body.resize(body.len() / 4 * 4, 0);
            data.extend([0x80 | flags, packet_type, 0, (body.len() / 4) as u8]);
            data.extend(body);
        }
        let _ = Feedback::parse(&data, 0);
    }
}
