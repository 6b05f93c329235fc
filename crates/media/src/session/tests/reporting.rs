use std::time::SystemTime;

use super::*;
use rtp::rtcp::Feedback;

const SECOND: Duration = Duration::from_secs(1);

fn due(session: &mut RtpSession, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
    let mut out = Vec::new();
    let to = session.poll_rtcp(now, SystemTime::UNIX_EPOCH + SECOND * 1_800_000_000, &mut out)?;
    Some((to, out))
}

#[test]
fn reports_come_every_five_seconds_or_so() {
    let (mut session, start) = session();
    let mut times = vec![start];
    while times.len() <= 200 {
        let next = session.next_rtcp().unwrap();
        assert_eq!(due(&mut session, next - Duration::from_millis(1)), None);
        assert!(due(&mut session, next).is_some());
        times.push(next);
    }
    let gaps: Vec<Duration> = times.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(gaps[0] >= SECOND && gaps[0] <= SECOND * 4, "the first one soon: {:?}", gaps[0]);
    let allowed = Duration::from_millis(2500)..=Duration::from_millis(7500);
    assert!(gaps[1..].iter().all(|g| allowed.contains(g)), "{gaps:?}");
    let mean = gaps.iter().sum::<Duration>() / 200;
    assert!((Duration::from_millis(4500)..Duration::from_millis(5500)).contains(&mean), "{mean:?}");
}

#[test]
fn who_sends_makes_sender_reports_and_who_only_hears_receiver_reports() {
    let (mut session, start) = session();
    session.handle_rtp(start, phone_addr(), &voice(0));
    let (to, report) = due(&mut session, start + SECOND * 10).unwrap();
    assert_eq!((to, report[1]), (addr("198.51.100.5:9001"), 201));
    let mut out = Vec::new();
    session.send_audio(start + SECOND * 10, &SILENCE, &mut out);
    let timestamp = rtp::RtpPacket::parse(&out).unwrap().header.timestamp;
    let (_, report) = due(&mut session, start + SECOND * 20).unwrap();
    let feedback = Feedback::parse(&report, 77).unwrap();
    let sender = feedback.sender.unwrap();
    assert_eq!((sender.ssrc, sender.packets, sender.octets), (session.ssrc(), 1, 160));
    assert_eq!(
        sender.rtp_timestamp,
        timestamp.wrapping_add(80_000),
        "the timestamp of the moment of the report"
    );
    assert_eq!(feedback.about_us.unwrap().highest_sequence, 1000);
    let (_, report) = due(&mut session, start + SECOND * 30).unwrap();
    assert_eq!(report[1], 201, "nothing was sent since");
}

#[test]
fn the_goodbye_is_the_last_word() {
    let (mut session, now) = session();
    let mut out = Vec::new();
    assert!(session.goodbye(now, SystemTime::UNIX_EPOCH, &mut out).is_some());
    assert_eq!(Feedback::parse(&out, 0).unwrap().bye, Some(session.ssrc()));
    assert_eq!((session.next_rtcp(), due(&mut session, now + SECOND * 60)), (None, None));
}

#[test]
fn with_rtcp_mux_reports_share_the_port_both_ways() {
    let (mut session, now) = session();
    session.negotiate(&Negotiated { rtcp_mux: true, ..terms() }, now);
    let (to, report) = due(&mut session, now + SECOND * 10).unwrap();
    assert_eq!(to, phone_addr());
    assert_eq!(session.handle_rtp(now, phone_addr(), &report), Received::Nothing);
    assert_eq!(session.stats().dropped.total(), 0);
    session.negotiate(&terms(), now);
    session.handle_rtp(now, phone_addr(), &report);
    assert_eq!(
        session.stats().dropped.wrong_payload_type,
        1,
        "without it RTCP on the RTP port is not expected"
    );
}

#[test]
fn reports_of_strangers_and_garbage_change_nothing() {
    let (mut session, now) = session();
    session.handle_rtcp(now, addr("203.0.113.66:1"), &[0x80, 201, 0, 1, 0, 0, 0, 1]);
    session.handle_rtcp(now, addr("198.51.100.5:9001"), b"garbage");
    let stats = session.stats();
    assert_eq!((stats.dropped.foreign_source, stats.dropped.malformed, stats.rtt_ms), (1, 1, None));
}

#[test]
fn behind_nat_reports_go_where_the_phones_own_come_from() {
    let (mut session, now) = session();
    session.handle_rtp(now, addr("203.0.113.9:31000"), &voice(0));
    assert_eq!(due(&mut session, now + SECOND * 10).unwrap().0, addr("203.0.113.9:31001"));
    session.handle_rtcp(now, addr("203.0.113.9:44444"), &[0x80, 201, 0, 1, 0, 0, 0, 77]);
    assert_eq!(due(&mut session, now + SECOND * 20).unwrap().0, addr("203.0.113.9:44444"));
}

#[test]
fn a_name_is_cut_to_what_a_report_can_hold() {
    let now = Instant::now();
    let config = SessionConfig { cname: "é".repeat(200), ..config() };
    let mut session = RtpSession::new(config, &mut StdRng::seed_from_u64(1), now);
    session.negotiate(&terms(), now);
    assert!(due(&mut session, now + SECOND * 10).is_some());
}
