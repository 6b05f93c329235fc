use super::*;
use crate::dtmf::{Digit, EventPayload};

/// Feeds packets 20 ms apart and returns what was heard.
fn feed(session: &mut RtpSession, start: Instant, packets: &[Vec<u8>]) -> Vec<Heard> {
    let times = (0..).map(|n| start + FRAME * n);
    packets.iter().zip(times).map(|(p, now)| heard(session.handle_rtp(now, phone_addr(), p))).collect()
}

fn sequences(heard: &[Heard]) -> Vec<Option<u64>> {
    let first = heard.iter().flatten().next().unwrap().0;
    heard.iter().map(|h| h.map(|(seq, ..)| seq - first)).collect()
}

fn timestamps(heard: &[Heard]) -> Vec<u32> {
    let first = heard.iter().flatten().next().unwrap().1;
    heard.iter().flatten().map(|(_, timestamp, ..)| timestamp.wrapping_sub(first)).collect()
}

fn event(sequence: u16, timestamp: u32, event: u8, duration: u16, end: bool) -> Vec<u8> {
    packet(101, sequence, timestamp, 77, &EventPayload { event, end, volume: 10, duration }.to_bytes())
}

#[test]
fn audio_comes_through_as_it_was_sent() {
    let (mut session, now) = session();
    let data = packet(8, 1, 2, 3, b"payload");
    let Received::Audio { payload, codec, marker, ssrc_changed, .. } =
        session.handle_rtp(now, phone_addr(), &data)
    else {
        panic!("no audio");
    };
    assert_eq!((payload, codec, marker, ssrc_changed), (&b"payload"[..], AudioCodec::Pcma, false, false));
    let stats = session.stats();
    assert_eq!((stats.packets_received, stats.bytes_received, stats.first_packet_at), (1, 7, Some(now)));
}

#[test]
fn what_is_no_audio_of_this_call_is_dropped_and_counted() {
    let now = Instant::now();
    let mut session = new_session(1, now);
    assert_eq!(session.handle_rtp(now, phone_addr(), &voice(0)), Received::Nothing);
    session.negotiate(&terms(), now);
    for bad in [b"hello".to_vec(), vec![], packet(18, 1, 1, 77, &SILENCE), packet(0, 2, 2, 77, &[])] {
        assert_eq!(session.handle_rtp(now, phone_addr(), &bad), Received::Nothing);
    }
    session.handle_rtp(now, phone_addr(), &voice(0));
    session.handle_rtp(now, phone_addr(), &voice(0));
    let dropped = session.stats().dropped;
    assert_eq!((dropped.before_negotiation, dropped.malformed, dropped.wrong_payload_type), (1, 3, 1));
    assert_eq!((dropped.duplicate, dropped.total(), session.stats().packets_received), (1, 6, 1));
}

#[test]
fn gaps_stay_gaps_and_overtaken_packets_keep_their_place() {
    let (mut session, now) = session();
    let heard = feed(&mut session, now, &[voice(0), voice(3), voice(2), voice(4)]);
    assert_eq!(sequences(&heard), [Some(0), Some(3), Some(2), Some(4)]);
    assert_eq!(timestamps(&heard), [0, 480, 320, 640]);
    assert_eq!(session.stats().lost, 1);
}

#[test]
fn numbers_that_wrap_are_no_gap_and_no_new_beginning() {
    let (mut session, now) = session();
    let wrapping = |n: u16| {
        let timestamp = (u32::MAX - 3_000).wrapping_add(u32::from(n) * 160);
        packet(0, 65_520_u16.wrapping_add(n), timestamp, 77, &SILENCE)
    };
    let packets: Vec<_> = (0..40).map(wrapping).collect();
    let heard = feed(&mut session, now, &packets);
    assert_eq!(sequences(&heard), (0..40).map(Some).collect::<Vec<_>>());
    assert_eq!(timestamps(&heard), (0..40).map(|n| n * 160).collect::<Vec<_>>());
    assert_eq!((session.stats().lost, session.stats().dropped.total()), (0, 0));
}

#[test]
fn silence_suppression_moves_the_timestamp_and_leaves_the_sequence_whole() {
    let (mut session, now) = session();
    let first = heard(session.handle_rtp(now, phone_addr(), &voice(0))).unwrap();
    let pause = Duration::from_secs(30);
    let after = packet(0, 1001, 5000 + 240_000, 77, &SILENCE);
    let second = heard(session.handle_rtp(now + pause, phone_addr(), &after)).unwrap();
    assert_eq!((second.0 - first.0, second.1.wrapping_sub(first.1), second.3), (1, 240_000, false));
}

#[test]
fn a_new_source_goes_on_where_the_old_one_stopped() {
    let (mut session, now) = session();
    let other = |n: u16| packet(0, 60_000 + n, 4_000_000_000 + u32::from(n) * 160, 78, &SILENCE);
    let heard = feed(&mut session, now, &[voice(0), voice(1), other(0), other(1), voice(2), other(2)]);
    assert_eq!(
        sequences(&heard),
        [Some(0), Some(1), Some(2), Some(3), None, Some(4)],
        "a straggler is not a change back"
    );
    assert_eq!(timestamps(&heard), [0, 160, 320, 480, 800 - 160]);
    assert_eq!(heard[2].map(|(_, _, marker, changed)| (marker, changed)), Some((true, true)));
    assert_eq!((session.stats().source_changes, session.stats().lost), (1, 0));
    // The old source again, after the new one has fallen silent: a change like any other.
    let old = voice(50);
    let back = session.handle_rtp(now + Duration::from_secs(2), phone_addr(), &old);
    assert!(matches!(back, Received::Audio { ssrc_changed: true, .. }));
}

#[test]
fn a_new_source_in_the_same_moment_still_takes_a_frame_of_its_own() {
    let (mut session, now) = session();
    let (old, new) = (voice(0), packet(0, 9, 9, 78, &SILENCE));
    let places = [old, new].map(|data| heard(session.handle_rtp(now, phone_addr(), &data)));
    assert_eq!(timestamps(&places), [0, 160]);
}

#[test]
fn a_sequence_that_starts_anew_costs_one_packet() {
    let (mut session, now) = session();
    let anew = |n: u16| packet(0, 40_000 + n, u32::from(n) * 160, 77, &SILENCE);
    let heard = feed(&mut session, now, &[voice(0), voice(1), anew(0), anew(1), anew(2)]);
    assert_eq!(sequences(&heard), [Some(0), Some(1), None, Some(2), Some(3)]);
    assert_eq!(timestamps(&heard), [0, 160, 480, 640], "the timestamp follows the time that has passed");
    assert!(heard[3].unwrap().3);
}

#[test]
fn a_timestamp_that_jumps_is_taken_out() {
    let (mut session, now) = session();
    let jumped = |n: u16| packet(0, 1000 + n, 9_000_000 + u32::from(n) * 160, 77, &SILENCE);
    let heard = feed(&mut session, now, &[voice(0), voice(1), jumped(2), jumped(3)]);
    assert_eq!(sequences(&heard), [Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!(timestamps(&heard), [0, 160, 320, 480]);
    assert_eq!(heard.iter().flatten().filter(|h| h.3).count(), 1);
}

#[test]
fn a_network_that_stops_and_delivers_all_at_once_changes_nothing() {
    let (mut session, now) = session();
    let mut heard = feed(&mut session, now, &[voice(0), voice(1)]);
    let burst = now + Duration::from_secs(4);
    heard.extend((2..200).map(|n| super::heard(session.handle_rtp(burst, phone_addr(), &voice(n)))));
    assert!(timestamps(&heard).iter().zip(0..).all(|(&t, n)| t == n * 160), "{heard:?}");
}

#[test]
fn packet_times_from_10_to_60_ms_are_taken_as_they_come() {
    for ms in [10_u32, 30, 60] {
        let (mut session, now) = session();
        for n in 0..100_u32 {
            let data = packet(0, n as u16, n * ms * 8, 77, &vec![0xff; ms as usize * 8]);
            let received =
                session.handle_rtp(now + Duration::from_millis(u64::from(ms * n)), phone_addr(), &data);
            assert_eq!(super::heard(received).map(|h| (h.1, h.3)), Some((n * ms * 8, false)));
        }
        assert_eq!((session.stats().jitter_ms, session.stats().lost), (0.0, 0));
    }
}

#[test]
fn comfort_noise_is_neither_audio_nor_a_gap() {
    let (mut session, now) = session();
    let noise = packet(13, 1001, 5160, 77, &[40]);
    let heard = feed(&mut session, now, &[voice(0), noise, voice(2)]);
    assert_eq!(sequences(&heard), [Some(0), None, Some(1)]);
    assert!(heard[2].unwrap().2, "the audio after it is marked");
    assert_eq!(
        (session.stats().comfort_noise, session.stats().dropped.total(), session.stats().lost),
        (1, 0, 0)
    );
}

#[test]
fn comfort_noise_is_told_on_the_clock_of_the_audio() {
    let (mut session, now) = session();
    let noise = |n: u16, source| packet(13, 1000 + n, 5000 + u32::from(n) * 160, source, &[40]);
    let mut told =
        |n: u16, data: &[u8]| match session.handle_rtp(now + FRAME * u32::from(n), phone_addr(), data) {
            Received::Noise { payload, timestamp } => Some((payload.to_vec(), timestamp)),
            _ => None,
        };
    assert_eq!(told(0, &noise(0, 77)), None, "no audio has come yet");
    assert_eq!(told(1, &voice(1)), None);
    assert_eq!(told(2, &noise(2, 77)), Some((vec![40], 5320)));
    assert_eq!(told(2, &noise(2, 77)), None, "a repeated packet");
    assert_eq!(told(3, &packet(13, 1003, 5480, 77, &[40; 14])), None, "longer than any description");
    assert_eq!(told(50, &noise(50, 78)), None, "another source, of whose clock nothing is known");
}

#[test]
fn a_digit_is_heard_once_and_leaves_no_hole_in_the_audio() {
    let (mut session, now) = session();
    let mut digits = Vec::new();
    let mut audio = Vec::new();
    let mut feed = |data: Vec<u8>, n: u32| match session.handle_rtp(now + FRAME * n, phone_addr(), &data) {
        Received::Digit(event) => digits.push(event.digit),
        received => audio.extend(heard(received)),
    };
    feed(voice(0), 0);
    for n in 1..=8_u16 {
        feed(event(1000 + n, 5160, 11, n * 160, n == 8), u32::from(n));
    }
    feed(event(1009, 5160, 11, 1280, true), 9);
    feed(voice(10), 10);
    assert_eq!(digits, [Digit::from_char('#').unwrap()]);
    assert_eq!((audio[1].0 - audio[0].0, audio[1].1 - audio[0].1), (1, 1600));
    assert!(audio[1].2);
    assert_eq!(session.stats().lost, 0);
}

#[test]
fn audio_overtaken_by_a_digit_keeps_its_place() {
    let (mut session, now) = session();
    let packets =
        [voice(0), event(1002, 5320, 1, 160, false), voice(1), event(1003, 5320, 1, 320, true), voice(4)];
    assert_eq!(sequences(&feed(&mut session, now, &packets)), [Some(0), None, Some(1), None, Some(2)]);
}

#[test]
fn a_phone_that_should_be_silent_is_not_heard() {
    let (mut session, now) = session();
    assert!(heard(session.handle_rtp(now, phone_addr(), &voice(0))).is_some());
    session.negotiate(&Negotiated { direction: Direction::SendOnly, ..terms() }, now);
    assert_eq!(session.handle_rtp(now, phone_addr(), &voice(2)), Received::Nothing);
    assert_eq!(session.handle_rtp(now, phone_addr(), &event(1001, 5160, 1, 160, false)), Received::Nothing);
    assert_eq!(session.stats().dropped.while_held, 1);
    session.negotiate(&terms(), now);
    assert!(heard(session.handle_rtp(now, phone_addr(), &voice(3))).is_some());
}
