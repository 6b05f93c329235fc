use super::*;
use crate::dtmf::{DialString, EventPayload, Sender, SenderStep};
use rtp::RtpPacket;

/// Sends one step of 20 ms and returns the header and payload.
fn step(session: &mut RtpSession, sender: &mut Sender, now: Instant) -> Option<(RtpHeader, Vec<u8>)> {
    let mut out = Vec::new();
    let to = match sender.step() {
        SenderStep::Event(event) => session.send_event(now, &event, &mut out),
        SenderStep::Audio | SenderStep::Idle => session.send_audio(now, &SILENCE, &mut out),
    };
    to.map(|_| {
        let packet = RtpPacket::parse(&out).unwrap();
        (packet.header, packet.payload.to_vec())
    })
}

#[test]
fn nothing_is_sent_before_it_is_known_where_to() {
    let now = Instant::now();
    let mut session = new_session(1, now);
    let mut out = Vec::new();
    assert_eq!(session.send_audio(now, &SILENCE, &mut out), None);
    assert_eq!((session.remote(), session.codec(), session.takes_events()), (None, None, false));
    session.negotiate(&terms(), now);
    assert_eq!(session.send_audio(now, &SILENCE, &mut out), Some(phone_addr()));
    assert_eq!(session.stats().packets_sent, 1);
}

#[test]
fn every_call_begins_with_numbers_of_its_own() {
    let now = Instant::now();
    let first = |seed| {
        let mut session = new_session(seed, now);
        session.negotiate(&terms(), now);
        let (header, _) = step(&mut session, &mut Sender::new(), now).unwrap();
        (header.ssrc, header.sequence, header.timestamp)
    };
    let (one, two) = (first(1), first(2));
    assert!(one.0 != two.0 && one.1 != two.1 && one.2 != two.2, "{one:?} {two:?}");
    assert_eq!(one, first(1), "the same seed, the same call");
}

#[test]
fn digits_and_audio_are_one_unbroken_stream_with_a_packet_every_20_ms() {
    let (mut session, start) = session();
    let mut sender = Sender::new();
    for _ in 0..3 {
        step(&mut session, &mut Sender::new(), start);
    }
    sender.push(&DialString::parse("*123#ww456").unwrap()).unwrap();
    let (before, _) = step(&mut session, &mut Sender::new(), start).unwrap();
    let mut was_event = false;
    let mut event_start = 0;
    for n in 1..=200_u32 {
        let (header, payload) =
            step(&mut session, &mut sender, start + FRAME * n).expect("a packet in every step");
        let clock = before.timestamp.wrapping_add(160 * n);
        assert_eq!(header.sequence, before.sequence.wrapping_add(n as u16), "step {n}");
        assert_eq!(header.ssrc, session.ssrc());
        let event = header.payload_type == 101;
        if event {
            let event = EventPayload::parse(&payload).unwrap();
            event_start = if event.duration == 160 { clock } else { event_start };
            assert_eq!(header.marker, event.duration == 160);
            assert_eq!(header.timestamp, event_start, "one timestamp for the whole event");
        } else {
            assert_eq!(
                (header.timestamp, header.payload_type),
                (clock, 0),
                "the clock goes on through digits"
            );
            assert_eq!(header.marker, was_event, "audio after a digit is marked");
        }
        was_event = event;
    }
    assert!(sender.is_idle());
}

#[test]
fn the_timestamp_keeps_time_for_ten_minutes_even_if_the_steps_waver() {
    let (mut session, start) = session();
    let (first, _) = step(&mut session, &mut Sender::new(), start).unwrap();
    let mut last = first;
    for n in 1..=30_000_u32 {
        let late = Duration::from_millis(u64::from(n * 7 % 15));
        (last, _) = step(&mut session, &mut Sender::new(), start + FRAME * n + late).unwrap();
    }
    assert_eq!(last.timestamp.wrapping_sub(first.timestamp), 600 * 8000);
    assert_eq!(last.sequence, first.sequence.wrapping_add(30_000_u32 as u16));
}

#[test]
fn a_held_phone_is_sent_nothing_and_the_stream_goes_on_afterwards_where_the_clock_is() {
    let (mut session, start) = session();
    let (before, _) = step(&mut session, &mut Sender::new(), start).unwrap();
    session.negotiate(&Negotiated { direction: Direction::RecvOnly, ..terms() }, start);
    for n in 1..100 {
        assert_eq!(step(&mut session, &mut Sender::new(), start + FRAME * n), None);
    }
    session.negotiate(&terms(), start + FRAME * 100);
    let (after, _) = step(&mut session, &mut Sender::new(), start + FRAME * 100).unwrap();
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert_eq!(after.timestamp, before.timestamp.wrapping_add(160 * 100));
    assert!(after.marker);
    // The same if the frames were not even offered meanwhile.
    let (resumed, _) = step(&mut session, &mut Sender::new(), start + FRAME * 1000).unwrap();
    assert_eq!(resumed.timestamp, before.timestamp.wrapping_add(160 * 1000));
}

#[test]
fn an_address_of_zeros_is_sent_nothing() {
    let (mut session, now) = session();
    let hold = Negotiated { remote_rtp: addr("0.0.0.0:9000"), direction: Direction::RecvOnly, ..terms() };
    session.negotiate(&hold, now);
    assert_eq!(session.remote(), None);
    assert_eq!(step(&mut session, &mut Sender::new(), now), None);
}

#[test]
fn a_phone_without_telephone_events_is_told_apart() {
    let (mut session, now) = session();
    session.negotiate(&Negotiated { dtmf_payload_type: None, ..terms() }, now);
    assert!(!session.takes_events());
    let mut sender = Sender::new();
    sender.push(&DialString::parse("1").unwrap()).unwrap();
    assert_eq!(step(&mut session, &mut sender, now), None);
    assert_eq!(session.stats().packets_sent, 0);
}

#[test]
fn a_frame_larger_than_a_packet_is_not_sent_and_leaves_no_hole() {
    let (mut session, now) = session();
    let (before, _) = step(&mut session, &mut Sender::new(), now).unwrap();
    assert_eq!(session.send_audio(now + FRAME, &[0; 3000], &mut Vec::new()), None);
    let (after, _) = step(&mut session, &mut Sender::new(), now + FRAME * 2).unwrap();
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
}
