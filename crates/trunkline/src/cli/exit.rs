//! Exit codes: what a script can tell apart without reading a sentence.
//!
//! 0 done · 1 failed · 2 usage (clap's own) · 3 not permitted · 4 no such room, participant, track or trunk · 5 the server
//! cannot be reached · 10 busy · 11 no answer · 12 declined · 13 no such number · 14 another failure on the phone's side ·
//! 130 interrupted.

use std::process::ExitCode;

use super::client::{Refusal, Unreachable};

/// Ctrl-C before the command had done what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("interrupted: the phone was hung up")]
pub(super) struct Interrupted;

/// The table printed by `--help` of the commands that place calls.
pub(super) const HELP: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not permitted, 4 not found, 5 server not reached, \
    10 busy, 11 no answer, 12 declined, 13 no such number, 14 failed on the phone's side, 130 interrupted";

/// What the error means to a script.
pub(super) fn code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(number(error))
}

fn number(error: &anyhow::Error) -> u8 {
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return refused(refusal);
    }
    if error.is::<Unreachable>() {
        return 5;
    }
    if error.is::<Interrupted>() { 130 } else { 1 }
}

fn refused(refusal: &Refusal) -> u8 {
    let sip = refusal.meta.get("sip_status_code").and_then(|code| code.parse().ok());
    match (sip, refusal.code.as_str()) {
        (Some(code), _) => phone(code),
        (None, "unauthenticated" | "permission_denied") => 3,
        (None, "not_found") => 4,
        (None, _) => 1,
    }
}

/// By the final response of the phone's side (RFC 3261 §21).
const fn phone(status: u16) -> u8 {
    match status {
        486 | 600 => 10,
        408 | 480 | 487 => 11,
        403 | 603 => 12,
        404 | 410 | 484 | 604 => 13,
        _ => 14,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str, sip: Option<&str>) -> anyhow::Error {
        let meta = sip.map(|code| ("sip_status_code".to_owned(), code.to_owned())).into_iter().collect();
        Refusal { code: code.to_owned(), msg: String::new(), meta }.into()
    }

    #[test]
    fn failures_are_told_apart() {
        assert_eq!(number(&refusal("resource_exhausted", Some("486"))), 10);
        assert_eq!(number(&refusal("unavailable", Some("480"))), 11);
        assert_eq!(number(&refusal("permission_denied", Some("603"))), 12, "the phone's word comes first");
        assert_eq!(number(&refusal("not_found", Some("404"))), 13);
        assert_eq!(number(&refusal("internal", Some("500"))), 14);
        assert_eq!(number(&refusal("unauthenticated", None)), 3);
        assert_eq!(number(&refusal("not_found", None)), 4);
        assert_eq!(number(&Interrupted.into()), 130);
        assert_eq!(number(&anyhow::anyhow!("anything")), 1);
    }
}
