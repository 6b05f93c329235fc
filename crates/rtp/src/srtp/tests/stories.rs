//! Two ends of one call.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, RngCore, SeedableRng};

use crate::RtpHeader;
use crate::srtp::{MasterKey, Rejected, Session, SessionKeys, Suite};

/// Both ends' keys: what one sends with, the other receives with.
fn keys(suite: Suite, rng: &mut StdRng) -> (SessionKeys, SessionKeys) {
    let (a, b) = (MasterKey::generate(suite, rng), MasterKey::generate(suite, rng));
    let ends = |send: &MasterKey, receive: &MasterKey| SessionKeys {
        send: send.clone(),
        receive: receive.clone(),
        receive_mki: Vec::new(),
    };
    (ends(&a, &b), ends(&b, &a))
}

fn pair(suite: Suite, seed: u64) -> (Session, Session) {
    let (ours, theirs) = keys(suite, &mut StdRng::seed_from_u64(seed));
    (Session::new(&ours).unwrap(), Session::new(&theirs).unwrap())
}

fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
    let header = RtpHeader { marker: false, payload_type: 0, sequence, timestamp: 160, ssrc };
    let mut out = Vec::new();
    crate::write(&header, &[sequence as u8; 160], &mut out).unwrap();
    out
}

fn sent(session: &mut Session, ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut out = packet(ssrc, sequence);
    session.protect_rtp(&mut out).unwrap();
    out
}

fn open(session: &mut Session, packet: &[u8]) -> Result<Vec<u8>, Rejected> {
    let mut out = Vec::new();
    session.open_rtp(packet, &mut out).map(|_| out)
}

#[test]
fn every_suite_carries_packets_and_reports_both_ways() {
    for suite in Suite::ALL {
        let (mut a, mut b) = pair(suite, 1);
        for sequence in 100..120 {
            let protected = sent(&mut a, 7, sequence);
            assert_ne!(protected[12..172], packet(7, sequence)[12..], "{suite}");
            assert_eq!(open(&mut b, &protected), Ok(packet(7, sequence)), "{suite}");
            let back = sent(&mut b, 9, sequence);
            assert_eq!(open(&mut a, &back), Ok(packet(9, sequence)), "{suite}");
        }
        let report = [[0x80, 201, 0, 1], [0, 0, 0, 9]].concat();
        for _ in 0..3 {
            let mut protected = report.clone();
            a.protect_rtcp(&mut protected).unwrap();
            let mut out = Vec::new();
            assert_eq!(b.open_rtcp(&protected, &mut out), Ok(()), "{suite}");
            assert_eq!(out, report);
            assert_eq!(b.open_rtcp(&protected, &mut out), Err(Rejected::Replayed), "{suite}");
        }
    }
}

#[test]
fn a_changed_packet_and_one_of_another_key_are_not_let_through() {
    for suite in Suite::ALL {
        let (mut a, mut b) = pair(suite, 2);
        let (mut stranger, _) = pair(suite, 3);
        assert_eq!(open(&mut b, &sent(&mut stranger, 7, 5)), Err(Rejected::NotAuthentic), "{suite}");
        assert_eq!(open(&mut b, &packet(7, 5)), Err(Rejected::NotAuthentic), "plain packets neither");
        let good = sent(&mut a, 7, 5);
        for at in [0, 2, 8, 12, 100, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x01;
            assert!(open(&mut b, &bad).is_err(), "{suite}, byte {at}");
        }
        assert!(open(&mut b, &good).is_ok(), "{suite}: forgeries spoil nothing");
    }
}

#[test]
fn a_packet_is_let_through_once_and_late_ones_while_they_are_remembered() {
    let (mut a, mut b) = pair(Suite::AesCm128HmacSha1_80, 4);
    let packets: Vec<_> = (0..300).map(|sequence| sent(&mut a, 7, sequence)).collect();
    assert!(open(&mut b, &packets[200]).is_ok());
    assert_eq!(open(&mut b, &packets[200]), Err(Rejected::Replayed));
    assert!(open(&mut b, &packets[150]).is_ok(), "overtaken by 50 packets");
    assert_eq!(open(&mut b, &packets[150]), Err(Rejected::Replayed));
    assert_eq!(open(&mut b, &packets[60]), Err(Rejected::Replayed), "too old to be told from a replay");
    assert!(open(&mut b, &packets[299]).is_ok());
}

#[test]
fn sequence_numbers_roll_over_in_any_order() {
    let (mut a, mut b) = pair(Suite::AesCm128HmacSha1_32, 5);
    let mut rng = StdRng::seed_from_u64(5);
    let mut sequence: u16 = 0x7ff0;
    assert!(open(&mut b, &sent(&mut a, 7, sequence)).is_ok());
    for _round in 0..3_000 {
        let mut burst: Vec<_> = (0..20)
            .map(|_| {
                sequence = sequence.wrapping_add(3);
                (sequence, sent(&mut a, 7, sequence))
            })
            .collect();
        burst.shuffle(&mut rng);
        for (number, protected) in burst {
            assert_eq!(open(&mut b, &protected), Ok(packet(7, number)));
        }
    }
}

#[test]
fn the_last_roll_over_is_the_end_of_the_key() {
    let (mut a, _) = pair(Suite::AesCm128HmacSha1_80, 6);
    a.send_from(u32::MAX, 0xffff);
    assert!(a.protect_rtp(&mut packet(7, 0)).is_err());
}

#[test]
fn a_phone_may_change_its_source_and_come_back() {
    let (mut a, mut b) = pair(Suite::AesCm128HmacSha1_80, 7);
    let (mut other, _) = pair(Suite::AesCm128HmacSha1_80, 7);
    assert!(open(&mut b, &sent(&mut a, 7, 60_000)).is_ok());
    assert!(open(&mut b, &sent(&mut other, 8, 3)).is_ok());
    let back = sent(&mut a, 7, 60_001);
    assert!(open(&mut b, &back).is_ok());
    assert_eq!(open(&mut b, &back), Err(Rejected::Replayed));
}

#[test]
fn a_new_key_takes_over_without_a_gap_whether_the_counting_goes_on_or_begins_anew() {
    for suite in Suite::ALL {
        for counts_on in [true, false] {
            let mut rng = StdRng::seed_from_u64(8);
            let (first, theirs) = keys(suite, &mut rng);
            let (second, theirs_after) = keys(suite, &mut rng);
            let (mut a, mut b) = (Session::new(&first).unwrap(), Session::new(&theirs).unwrap());
            for sequence in [0xfff0, 0xffff, 0, 1] {
                assert!(open(&mut b, &sent(&mut a, 7, sequence)).is_ok());
            }
            let on_its_way = sent(&mut a, 7, 2);
            b.rekey(&theirs_after).unwrap();
            assert!(open(&mut b, &on_its_way).is_ok(), "{suite}: what was on its way is heard");
            if counts_on {
                a.rekey(&second).unwrap();
            } else {
                a = Session::new(&second).unwrap();
            }
            let after = sent(&mut a, 7, 3);
            assert_eq!(open(&mut b, &after), Ok(packet(7, 3)), "{suite}, goes on: {counts_on}");
            assert!(open(&mut b, &after).is_err());
            for sequence in 4..60 {
                assert!(open(&mut b, &sent(&mut a, 7, sequence)).is_ok());
            }
        }
    }
}

#[test]
fn a_key_identifier_is_taken_off_and_must_be_right() {
    let (ours, mut theirs) = keys(Suite::AesCm128HmacSha1_80, &mut StdRng::seed_from_u64(9));
    theirs.receive_mki = vec![0, 1];
    let (mut a, mut b) = (Session::new(&ours).unwrap(), Session::new(&theirs).unwrap());
    let with = |mut packet: Vec<u8>, mki: [u8; 2]| {
        let at = packet.len() - 10;
        packet.splice(at..at, mki);
        packet
    };
    assert_eq!(open(&mut b, &with(sent(&mut a, 7, 1), [0, 2])), Err(Rejected::NotAuthentic));
    assert_eq!(open(&mut b, &with(sent(&mut a, 7, 2), [0, 1])), Ok(packet(7, 2)));
}

#[test]
fn keys_do_not_show() {
    let (ours, _) = keys(Suite::AesCm128HmacSha1_80, &mut StdRng::seed_from_u64(10));
    let shown = format!("{ours:?} {:?}", Session::new(&ours).unwrap());
    assert!(shown.contains("AES_CM_128_HMAC_SHA1_80"));
    let inline = ours.send.to_inline();
    assert!(!shown.contains(&inline[..8]) && !shown.contains("[0") && !shown.contains("bytes"), "{shown}");
    let again = MasterKey::from_inline(Suite::AesCm128HmacSha1_80, &inline);
    assert_eq!(again, Ok(ours.send));
}

proptest! {
    #[test]
    fn any_bytes_are_refused(seed: u64, mut data in proptest::collection::vec(any::<u8>(), 0..120), rtcp: bool) {
        let suite = Suite::ALL[(seed % 6) as usize];
        let (_, mut b) = pair(suite, seed);
        let mut out = Vec::new();
        if let Some(first) = data.first_mut() {
            *first = 0x80 | (*first & 0x1f);
        }
        let opened = if rtcp { b.open_rtcp(&data, &mut out) } else { b.open_rtp(&data, &mut out).map(drop) };
        prop_assert!(opened.is_err());
    }

    #[test]
    fn any_loss_and_order_within_reason_is_followed(seed: u64) {
        let (mut a, mut b) = pair(Suite::AesCm128HmacSha1_80, seed);
        let mut rng = StdRng::seed_from_u64(seed);
        let mut sequence = rng.next_u32() as u16 & 0x7fff;
        for _ in 0..300 {
            let step: u16 = if rng.random_bool(0.1) { rng.random_range(1..5_000) } else { 1 };
            sequence = sequence.wrapping_add(step);
            let protected = sent(&mut a, 1, sequence);
            if rng.random_bool(0.9) {
                prop_assert_eq!(open(&mut b, &protected), Ok(packet(1, sequence)));
            }
        }
    }
}

#[test]
fn a_stream_is_taken_over_where_another_has_left_it() {
    for suite in Suite::ALL {
        let (a, mut b) = pair(suite, 9);
        let sent = |ssrc, index: u64| {
            let mut out = packet(ssrc, index as u16);
            a.protect_rtp_after(&mut out, (index >> 16) as u32).unwrap();
            out
        };
        let mut out = Vec::new();
        // Two sources, counted by whoever sends them; the first has wrapped, and half of it was heard elsewhere.
        assert!(b.heard(7, 0x2_fffe), "{suite}");
        assert_eq!(b.open_rtp(&sent(7, 0x2_fffd), &mut out), Err(Rejected::Replayed), "{suite}");
        assert_eq!(b.open_rtp(&sent(7, 0x2_fffe), &mut out), Err(Rejected::Replayed), "{suite}");
        for index in [0x3_0001, 0x2_ffff, 0x3_0000] {
            assert_eq!(b.open_rtp(&sent(7, index), &mut out), Ok(index), "{suite}");
            assert_eq!(out, packet(7, index as u16));
        }
        assert_eq!(b.open_rtp(&sent(8, 5), &mut out), Ok(5), "{suite}");
        // It never goes back.
        assert!(!b.heard(7, 0x2_0007), "{suite}");
        assert_eq!(b.open_rtp(&sent(7, 0x3_0002), &mut out), Ok(0x3_0002), "{suite}");
    }
}
