use super::*;
use DisconnectReason as Leave;

fn refused(code: u16, reason: &str) -> Outcome {
    Verdict::Refused(Refusal::new(code, reason, b"", [])).outcome()
}

#[test]
fn a_busy_phone_tells_the_caller_busy_and_the_room_rejected() {
    let outcome = refused(486, "Busy Here");
    assert_eq!(outcome.leave, Leave::UserRejected);
    assert_eq!(outcome.error.code, ErrorCode::ResourceExhausted);
    assert_eq!(outcome.error.message, "INVITE failed: sip status: 486: Busy Here");
    assert_eq!(outcome.error.sip_status, Some((486, "Busy Here".into())));
    assert_eq!((outcome.blame.as_str(), outcome.label.as_ref()), ("client_error", "busy"));
}

#[test]
fn refusals_map_to_code_leave_reason_and_label() {
    let table: &[(u16, ErrorCode, Leave, &str)] = &[
        (302, ErrorCode::NotFound, Leave::SipTrunkFailure, "invite-failed"),
        (403, ErrorCode::PermissionDenied, Leave::UserRejected, "forbidden"),
        (404, ErrorCode::NotFound, Leave::UserUnavailable, "not-found"),
        (408, ErrorCode::DeadlineExceeded, Leave::UserUnavailable, "request-timeout"),
        (480, ErrorCode::ResourceExhausted, Leave::UserUnavailable, "unavailable"),
        (484, ErrorCode::InvalidArgument, Leave::UserRejected, "client-error-484"),
        (487, ErrorCode::Aborted, Leave::UserUnavailable, "client-error-487"),
        (488, ErrorCode::InvalidArgument, Leave::UserRejected, "not-acceptable"),
        (500, ErrorCode::FailedPrecondition, Leave::SipTrunkFailure, "upstream-server-error-500"),
        (503, ErrorCode::FailedPrecondition, Leave::SipTrunkFailure, "upstream-server-error-503"),
        (504, ErrorCode::DeadlineExceeded, Leave::SipTrunkFailure, "upstream-server-error-504"),
        (600, ErrorCode::ResourceExhausted, Leave::UserRejected, "global-decline-600"),
        (603, ErrorCode::PermissionDenied, Leave::UserRejected, "global-decline-603"),
    ];
    for (status, code, leave, label) in table {
        let outcome = refused(*status, "x");
        assert_eq!(
            (outcome.error.code, outcome.leave, outcome.label.as_ref()),
            (*code, *leave, *label),
            "{status}"
        );
    }
}

#[test]
fn the_text_of_a_refusal_is_body_then_carrier_then_reason_phrase() {
    let text = |code, reason, body: &[u8], carrier: &str| {
        let headers = if carrier.is_empty() { vec![] } else { vec![("x-twilio-error", carrier)] };
        Verdict::Refused(Refusal::new(code, reason, body, headers)).outcome().error.message
    };
    assert_eq!(text(486, "Busy", b"in a meeting", "123"), "INVITE failed: sip status: 486: in a meeting");
    assert_eq!(text(486, "Busy", b"", "123"), "INVITE failed: sip status: 486: 123");
    assert_eq!(text(486, "", b"", ""), "INVITE failed: sip status: 486 (BUSY_HERE)");
    assert_eq!(
        text(603, "Decline", b"no", "32203 blocked"),
        "unexpected status from INVITE response: sip status: 603: Decline"
    );
}

#[test]
fn a_redirection_that_is_not_followed_says_where_it_leads() {
    let headers = [("Contact", "<sip:a@192.0.2.1>"), ("X-A", "b"), ("contact", "<sip:c@192.0.2.2>")];
    let outcome = Verdict::Refused(Refusal::new(302, "Moved Temporarily", b"", headers)).outcome();
    assert_eq!(
        outcome.error.message,
        "unexpected status from INVITE response: sip status: 302: Moved Temporarily, redirected to \
         <sip:a@192.0.2.1>, <sip:c@192.0.2.2>"
    );
    assert_eq!(outcome.error.sip_status, Some((302, "Moved Temporarily".into())));
    let outcome = Verdict::Refused(Refusal::new(403, "Forbidden", b"", headers)).outcome();
    assert!(!outcome.error.message.contains("192.0.2.1"), "{}", outcome.error.message);
}

#[test]
fn a_call_blocked_by_the_carrier_and_a_full_trunk_have_labels_of_their_own() {
    let blocked = Refusal::new(603, "Decline", b"", [("X-Twilio-Error", "32203 blocked")]);
    assert_eq!(Verdict::Refused(blocked).outcome().label, "carrier-blocked");
    assert_eq!(refused(503, "CPS limit exceeded").label, "cps-limit-exceeded");
}

#[test]
fn a_hostile_reason_phrase_is_cut_and_cleaned() {
    let outcome = refused(486, &"\u{7}x".repeat(5_000));
    assert!(outcome.error.message.len() < 600);
    assert!(!outcome.error.message.contains('\u{7}'));
}

/// What the phone and the network do.
fn ends_of_the_phone() -> Vec<(Verdict, Leave, ErrorCode, &'static str)> {
    vec![
        (Verdict::RemoteBye, Leave::ClientInitiated, ErrorCode::Aborted, "bye"),
        (Verdict::NoAnswer, Leave::UserUnavailable, ErrorCode::Canceled, "no-answer"),
        (
            Verdict::NoResponse { provisionals: 0 },
            Leave::SipTrunkFailure,
            ErrorCode::Canceled,
            "upstream-no-response",
        ),
        (
            Verdict::NoResponse { provisionals: 2 },
            Leave::SipTrunkFailure,
            ErrorCode::Canceled,
            "no-final-response",
        ),
        (
            Verdict::Auth { why: AuthVerdict::Refused, status: (401, "Unauthorized".into()) },
            Leave::UserRejected,
            ErrorCode::FailedPrecondition,
            "auth-failed",
        ),
        (
            Verdict::Unreachable(Unreachable::Dns("x".into())),
            Leave::SipTrunkFailure,
            ErrorCode::InvalidArgument,
            "dns-resolution",
        ),
        (
            Verdict::Unreachable(Unreachable::Network("x".into())),
            Leave::SipTrunkFailure,
            ErrorCode::FailedPrecondition,
            "network-error",
        ),
        (
            Verdict::UnusableAnswer("x".into()),
            Leave::MediaFailure,
            ErrorCode::FailedPrecondition,
            "sdp-error",
        ),
        (Verdict::MediaTimeout, Leave::MediaFailure, ErrorCode::FailedPrecondition, "media-timeout"),
        (Verdict::SessionExpired, Leave::ConnectionTimeout, ErrorCode::FailedPrecondition, "session-expired"),
    ]
}

/// What the room, the caller and the server do.
fn ends_of_the_room() -> Vec<(Verdict, Leave, ErrorCode, &'static str)> {
    vec![
        (
            Verdict::LeftRoom(Leave::ParticipantRemoved),
            Leave::ParticipantRemoved,
            ErrorCode::Canceled,
            "removed",
        ),
        (
            Verdict::LeftRoom(Leave::DuplicateIdentity),
            Leave::DuplicateIdentity,
            ErrorCode::Canceled,
            "duplicate-identity",
        ),
        (Verdict::EndCall, Leave::ClientInitiated, ErrorCode::Canceled, "rpc"),
        (Verdict::MaxDuration, Leave::ClientInitiated, ErrorCode::Canceled, "hangup"),
        (Verdict::CallerGone, Leave::ClientInitiated, ErrorCode::Canceled, "caller-gone"),
        (Verdict::Deadline, Leave::UserUnavailable, ErrorCode::DeadlineExceeded, "deadline"),
        (Verdict::Shutdown, Leave::ServerShutdown, ErrorCode::Canceled, "shutdown"),
        (
            Verdict::JoinFailed(JoinFailure::NoPort),
            Leave::JoinFailure,
            ErrorCode::ResourceExhausted,
            "no-rtp-port",
        ),
    ]
}

#[test]
fn every_other_end_has_its_own_reason_code_and_label() {
    for (verdict, leave, code, label) in ends_of_the_phone().into_iter().chain(ends_of_the_room()) {
        let outcome = verdict.outcome();
        assert_eq!(
            (outcome.leave, outcome.error.code, outcome.label.as_ref()),
            (leave, code, label),
            "{verdict:?}"
        );
    }
}
