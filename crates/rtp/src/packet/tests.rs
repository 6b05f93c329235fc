use proptest::prelude::*;

use super::*;

fn header() -> impl Strategy<Value = RtpHeader> {
    (any::<bool>(), 0..128_u8, any::<u16>(), any::<u32>(), any::<u32>()).prop_map(
        |(marker, payload_type, sequence, timestamp, ssrc)| RtpHeader {
            marker,
            payload_type,
            sequence,
            timestamp,
            ssrc,
        },
    )
}

#[test]
fn padding_contributors_and_extensions_are_no_part_of_the_payload() {
    let mut packet = vec![0xb1, 0x80, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    packet.extend([0, 0, 0, 4]); // one CSRC
    packet.extend([0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0]); // one word of extension
    packet.extend([9, 9, 9]); // the payload
    packet.extend([0, 2]); // two bytes of padding
    let parsed = RtpPacket::parse(&packet).unwrap();
    assert_eq!(parsed.payload, [9, 9, 9]);
    assert_eq!(parsed.extension.element(1), Some(&[0x55][..]));
    assert_eq!(
        parsed.header,
        RtpHeader { marker: true, payload_type: 0, sequence: 1, timestamp: 2, ssrc: 3 }
    );
}

#[test]
fn elements_of_an_extension_are_found_by_their_ids() {
    let one = Extension { profile: 0xbede, data: &[0, 0x12, 1, 2, 3, 0, 0x40, 9, 0xf0, 0x50, 7] };
    assert_eq!([one.element(1), one.element(4)], [Some(&[1, 2, 3][..]), Some(&[9][..])]);
    assert_eq!((one.element(5), one.element(2)), (None, None), "nothing is read after id 15");
    let two = Extension { profile: 0x1003, data: &[1, 0, 0, 77, 2, 5, 6, 4, 9] };
    assert_eq!([two.element(1), two.element(77), two.element(4)], [Some(&[][..]), Some(&[5, 6][..]), None]);
    assert_eq!(Extension { profile: 0x2000, data: &[0x10, 1] }.element(1), None);
    assert_eq!(Extension::default().element(1), None);
}

#[test]
fn elements_that_fit_none_are_refused() {
    let header = RtpHeader { marker: false, payload_type: 0, sequence: 0, timestamp: 0, ssrc: 0 };
    let mut out = Vec::new();
    for elements in
        [&[(0, &[1][..])][..], &[(15, &[1])], &[(1, &[])], &[(1, &[0; 17])], &[(1, &[0; 16][..]); 4]]
    {
        assert!(matches!(write_extended(&header, elements, &[], &mut out), Err(RtpError::Element(_))));
        assert!(out.is_empty());
    }
}

#[test]
fn what_cannot_be_a_packet_is_refused_and_leaves_nothing_to_send() {
    let header = RtpHeader { marker: false, payload_type: 128, sequence: 0, timestamp: 0, ssrc: 0 };
    let mut out = vec![1, 2, 3];
    assert!(matches!(write(&header, &[], &mut out), Err(RtpError::PayloadType(128))));
    assert!(out.is_empty());
    assert!(matches!(write(&header, &[0; 1490], &mut out), Err(RtpError::TooLarge { len: 1502 })));
    assert!(matches!(RtpPacket::parse(&[0x80; 1501]), Err(RtpError::TooLarge { .. })));
    assert!(matches!(RtpPacket::parse(b"OPTIONS sip:x"), Err(RtpError::Malformed(_))));
}

#[test]
fn rtcp_is_told_from_rtp_on_one_port() {
    assert!(is_rtcp(&[0x80, 200, 0, 0]) && is_rtcp(&[0x81, 203]));
    assert!(!is_rtcp(&[0x80, 0x80]) && !is_rtcp(&[0x80, 0x80 | 101]) && !is_rtcp(&[]));
}

proptest! {
    #[test]
    fn any_packet_reads_back_as_written(header in header(), payload in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut out = Vec::new();
        write(&header, &payload, &mut out).unwrap();
        prop_assert_eq!(RtpPacket::parse(&out).unwrap(), RtpPacket { header, extension: Extension::default(), payload: &payload });
    }

    #[test]
    fn any_extension_reads_back_as_written(
        header in header(),
        elements in proptest::collection::btree_map(1..15_u8, proptest::collection::vec(any::<u8>(), 1..=16), 0..4),
    ) {
        let elements: Vec<_> = elements.iter().map(|(id, value)| (*id, value.as_slice())).collect();
        let mut out = Vec::new();
        if write_extended(&header, &elements, b"payload", &mut out).is_ok() {
            let packet = RtpPacket::parse(&out).unwrap();
            prop_assert_eq!(packet.payload, b"payload");
            for (id, value) in elements {
                prop_assert_eq!(packet.extension.element(id), Some(value));
            }
        } else {
            prop_assert!(elements.iter().map(|(_, value)| value.len() + 1).sum::<usize>() > 64);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut data in proptest::collection::vec(any::<u8>(), 0..80), version_two: bool) {
        if let (true, Some(first)) = (version_two, data.first_mut()) {
            *first = 0x80 | (*first & 0x3f);
        }
        if let Ok(packet) = RtpPacket::parse(&data) {
            prop_assert!(packet.payload.len() + 12 <= data.len());
            (0..=255).for_each(|id| _ = packet.extension.element(id));
        }
    }
}
