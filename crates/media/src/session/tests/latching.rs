use super::*;
use rtp::srtp::{MasterKey, SessionKeys, Suite};

const SECOND: Duration = Duration::from_secs(1);

fn nat() -> SocketAddr {
    addr("203.0.113.9:31000")
}

fn attacker() -> SocketAddr {
    addr("203.0.113.66:6666")
}

/// An attacker's packet, well formed and with a negotiated payload type.
fn forged(n: u16) -> Vec<u8> {
    packet(0, 30_000 + n, 0, 666, &SILENCE)
}

fn is_heard(session: &mut RtpSession, now: Instant, from: SocketAddr, data: &[u8]) -> bool {
    heard(session.handle_rtp(now, from, data)).is_some()
}

#[test]
fn a_phone_behind_nat_is_heard_and_answered_from_its_first_packet() {
    let (mut session, now) = session();
    assert_eq!(session.remote(), Some(phone_addr()));
    assert!(is_heard(&mut session, now, nat(), &voice(0)));
    assert_eq!(session.remote(), Some(nat()));
}

#[test]
fn without_symmetric_rtp_audio_goes_where_the_description_says() {
    let now = Instant::now();
    let mut session =
        RtpSession::new(SessionConfig { symmetric: false, ..config() }, &mut StdRng::seed_from_u64(1), now);
    session.negotiate(&terms(), now);
    assert!(is_heard(&mut session, now, nat(), &voice(0)));
    assert_eq!(session.remote(), Some(phone_addr()));
    assert!(!is_heard(&mut session, now, attacker(), &forged(0)), "what is heard is latched all the same");
}

#[test]
fn nobody_takes_a_call_over_while_the_phone_is_talking() {
    let (mut session, start) = session();
    for n in 0..1000_u16 {
        let now = start + FRAME * u32::from(n);
        assert!(is_heard(&mut session, now, nat(), &voice(n)));
        for m in 0..3 {
            assert!(!is_heard(&mut session, now, attacker(), &forged(n * 3 + m)));
        }
        assert_eq!(session.remote(), Some(nat()));
    }
    assert_eq!(session.stats().dropped.foreign_source, 3000);
}

#[test]
fn who_fits_the_description_wins_over_who_came_first() {
    let (mut session, now) = session();
    let same_host = addr("198.51.100.5:7777");
    assert!(is_heard(&mut session, now, attacker(), &forged(0)));
    assert!(is_heard(&mut session, now, same_host, &voice(0)), "the described host displaces a stranger");
    assert!(!is_heard(&mut session, now, attacker(), &forged(1)));
    assert!(is_heard(&mut session, now, phone_addr(), &voice(1)), "and the described port another port");
    assert!(!is_heard(&mut session, now, same_host, &voice(2)));
    assert_eq!(session.remote(), Some(phone_addr()));
}

#[test]
fn packets_that_are_not_of_the_call_latch_nobody() {
    let (mut session, now) = session();
    for bad in [packet(18, 1, 1, 666, &SILENCE), b"OPTIONS".to_vec(), packet(0, 1, 1, 666, &[])] {
        session.handle_rtp(now, attacker(), &bad);
    }
    assert_eq!(session.remote(), Some(phone_addr()));
    assert!(is_heard(&mut session, now, nat(), &voice(0)));
}

#[test]
fn a_nat_that_changes_the_port_is_followed_soon_and_a_stranger_late() {
    let (mut session, start) = session();
    let moved = addr("203.0.113.9:32000");
    assert!(is_heard(&mut session, start, nat(), &voice(0)));
    assert!(
        !is_heard(&mut session, start + FRAME, moved, &voice(1)),
        "not while the old port is still speaking"
    );
    let later = start + Duration::from_millis(600);
    assert!(!is_heard(&mut session, later, attacker(), &forged(0)), "a stranger has to wait longer");
    assert!(is_heard(&mut session, later, moved, &voice(30)), "the same stream goes on from another port");
    assert_eq!(session.remote(), Some(moved));
    assert!(!is_heard(&mut session, later + SECOND * 29, attacker(), &forged(1)));
    assert_eq!(session.remote(), Some(moved));
    assert!(is_heard(&mut session, later + SECOND * 30, attacker(), &forged(2)), "given up for lost");
}

#[test]
fn a_phone_that_is_where_it_said_is_not_given_up_for_a_stranger_when_it_falls_silent() {
    for described in [phone_addr(), addr("198.51.100.5:7777")] {
        let (mut session, start) = session();
        assert!(is_heard(&mut session, start, described, &voice(0)));
        // Even one who has seen the stream: the phone may just not talk.
        for (second, packet) in [(6, forged(0)), (10, voice(1)), (20, forged(1)), (29, voice(2))] {
            let now = start + SECOND * second;
            assert!(!is_heard(&mut session, now, attacker(), &packet), "{described}, second {second}");
            assert_eq!(session.remote(), Some(described));
        }
        assert_eq!(session.stats().dropped.foreign_source, 4);
        assert!(is_heard(&mut session, start + SECOND * 29, described, &voice(3)), "and goes on");
        // Its carrier moved the media and told nobody: the only way to hear it again.
        let moved = addr("203.0.113.80:8000");
        assert!(!is_heard(&mut session, start + SECOND * 58, moved, &packet(0, 1, 1, 99, &SILENCE)));
        assert!(is_heard(&mut session, start + SECOND * 59, moved, &packet(0, 2, 161, 99, &SILENCE)));
    }
}

#[test]
fn a_phone_that_changes_the_port_on_its_host_is_followed_though_it_was_where_it_said() {
    let (mut session, start) = session();
    let other_port = addr("198.51.100.5:7777");
    assert!(is_heard(&mut session, start, phone_addr(), &voice(0)));
    let soon = start + Duration::from_millis(600);
    assert!(!is_heard(&mut session, soon, other_port, &packet(0, 1, 1, 99, &SILENCE)), "another stream");
    assert!(is_heard(&mut session, soon, other_port, &voice(30)), "the same stream");
    assert!(is_heard(&mut session, soon + FRAME, phone_addr(), &voice(31)), "and back at once");
    let later = soon + SECOND * 6;
    assert!(is_heard(&mut session, later, other_port, &packet(0, 1, 1, 99, &SILENCE)), "a stream of its own");
}

#[test]
fn who_has_the_key_is_believed_after_a_short_silence_wherever_it_is() {
    let (mut session, start) = session();
    let keys = |seed| MasterKey::generate(Suite::AesCm128HmacSha1_80, &mut StdRng::seed_from_u64(seed));
    let srtp = SessionKeys { send: keys(1), receive: keys(2), receive_mki: Vec::new() };
    session.negotiate(&Negotiated { srtp: Some(srtp.clone()), ..terms() }, start);
    let theirs = SessionKeys { send: srtp.receive, receive: srtp.send, receive_mki: Vec::new() };
    let mut phone = srtp::Session::new(&theirs).unwrap();
    let mut speak = |mut packet: Vec<u8>| {
        phone.protect_rtp(&mut packet).unwrap();
        packet
    };
    assert!(is_heard(&mut session, start, phone_addr(), &speak(voice(0))));
    let elsewhere = addr("203.0.113.80:8000");
    assert!(!is_heard(&mut session, start + SECOND * 4, elsewhere, &speak(packet(0, 1, 1, 99, &SILENCE))));
    assert!(is_heard(&mut session, start + SECOND * 5, elsewhere, &speak(packet(0, 2, 161, 99, &SILENCE))));
    assert!(is_heard(&mut session, start + SECOND * 6, phone_addr(), &speak(voice(5))));
}

#[test]
fn a_new_description_opens_the_latch_and_the_same_one_does_not() {
    let (mut session, now) = session();
    assert!(is_heard(&mut session, now, nat(), &voice(0)));
    session.negotiate(&terms(), now);
    session.negotiate(
        &Negotiated { remote_rtp: addr("0.0.0.0:9000"), direction: Direction::RecvOnly, ..terms() },
        now,
    );
    session.negotiate(&terms(), now);
    assert_eq!(session.remote(), Some(nat()), "hold and resume move nobody");
    assert!(!is_heard(&mut session, now, attacker(), &forged(0)));
    let moved = addr("198.51.100.80:9000");
    session.negotiate(&Negotiated { remote_rtp: moved, ..terms() }, now);
    assert_eq!(session.remote(), Some(moved));
    assert!(is_heard(&mut session, now, moved, &packet(0, 1, 1, 99, &SILENCE)));
}

#[test]
fn a_held_phone_cannot_be_replaced_by_waiting() {
    let (mut session, start) = session();
    assert!(is_heard(&mut session, start, nat(), &voice(0)));
    session.negotiate(&Negotiated { direction: Direction::Inactive, ..terms() }, start);
    session.handle_rtp(start + SECOND * 60, attacker(), &forged(0));
    session.negotiate(&terms(), start + SECOND * 61);
    assert_eq!(session.remote(), Some(nat()));
    assert!(!is_heard(&mut session, start + SECOND * 61, attacker(), &forged(1)));
    assert!(is_heard(&mut session, start + SECOND * 61, nat(), &voice(1)));
}

#[test]
fn the_last_packets_from_the_old_port_keep_no_audio_there() {
    let moved = addr("198.51.100.5:9000");
    let move_away = |now| {
        let (mut session, start) = session();
        assert!(is_heard(&mut session, start, phone_addr(), &voice(0)));
        session.negotiate(&Negotiated { remote_rtp: moved, ..terms() }, start);
        assert!(is_heard(&mut session, start + FRAME, phone_addr(), &voice(1)), "still under way");
        assert_eq!(session.remote(), Some(moved));
        (session, start + now)
    };
    let (mut session, now) = move_away(FRAME * 2);
    assert!(is_heard(&mut session, now, moved, &packet(0, 1, 1, 99, &SILENCE)));
    assert!(!is_heard(&mut session, now, phone_addr(), &voice(2)), "it has moved");
    assert_eq!(session.remote(), Some(moved));

    let (mut session, now) = move_away(SECOND * 4);
    assert!(is_heard(&mut session, now, phone_addr(), &voice(200)));
    assert_eq!(session.remote(), Some(phone_addr()), "it sends from there for good");
}
