use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_phone_that_never_speaks_and_one_that_stops_are_both_noticed() {
    let now = Instant::now();
    let mut session = new_session(1, now);
    assert_eq!(session.media_deadline(), None, "nobody owes anything before the answer");
    session.negotiate(&terms(), now);
    assert_eq!(session.media_deadline(), Some(now + SECOND * 30));
    assert!(!session.media_timed_out(now + SECOND * 29));
    assert!(session.media_timed_out(now + SECOND * 30));
    session.handle_rtp(now + SECOND * 20, phone_addr(), &voice(0));
    assert_eq!(session.media_deadline(), Some(now + SECOND * 35));
}

#[test]
fn only_packets_of_the_phone_keep_a_call_alive() {
    let (mut session, now) = session();
    session.handle_rtp(now, phone_addr(), &voice(0));
    session.handle_rtp(now + SECOND, phone_addr(), &packet(18, 1, 1, 77, &SILENCE));
    session.handle_rtp(now + SECOND, addr("203.0.113.66:1"), &packet(0, 1, 1, 666, &SILENCE));
    session.handle_rtp(now + SECOND, phone_addr(), &voice(0));
    assert_eq!(session.media_deadline(), Some(now + SECOND * 15));
}

#[test]
fn a_held_phone_may_be_silent_for_ever() {
    let (mut session, now) = session();
    session.handle_rtp(now, phone_addr(), &voice(0));
    session.negotiate(&Negotiated { direction: Direction::Inactive, ..terms() }, now + SECOND);
    assert!(!session.media_timed_out(now + SECOND * 3600));
    session.negotiate(&terms(), now + SECOND * 3600);
    assert_eq!(
        session.media_deadline(),
        Some(now + SECOND * 3615),
        "its time begins again when it is resumed"
    );
}

#[test]
fn a_timeout_of_zero_is_none() {
    let now = Instant::now();
    let config =
        SessionConfig { media_timeout: Duration::ZERO, media_timeout_initial: Duration::ZERO, ..config() };
    let mut session = RtpSession::new(config, &mut StdRng::seed_from_u64(1), now);
    session.negotiate(&terms(), now);
    session.handle_rtp(now, phone_addr(), &voice(0));
    assert!(!session.media_timed_out(now + SECOND * 100_000));
}
