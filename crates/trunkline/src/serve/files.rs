//! File descriptors: every call takes two for its audio, every client one; too few of them would refuse calls that the ports
//! allow.
//!
//! The soft limit is raised to the hard one, as far as the process may. What is missing then is said once, with what to do.
//! The kernel's table of them is made as long as it will ever be.

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::config::Config;

/// RTP and RTCP of a call, and the WebSocket of the participant that it talks to.
const PER_CALL: u64 = 3;
/// The store, listeners, SIP connections, API requests, and what the runtime holds.
const BESIDES: u64 = 256;

/// Raises the limit, and warns when it stays below what the configuration may need.
pub(super) fn raise_limit(config: &Config) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit = raised,
            Err(error) => tracing::debug!(%error, "the limit of file descriptors cannot be raised"),
        }
    }
    let needed = needed(config);
    if let Some(warning) = shortage(needed, limit.current) {
        tracing::warn!("{warning}");
    }
    make_room(limit.current.map_or(needed, |limit| limit.min(needed)));
}

/// Lets the kernel's table grow at once. It doubles when it is full, and of a process with threads each doubling keeps whoever
/// opens a socket for some 15 ms (`expand_fdtable` waits for all processors): calls that are up would hear it.
fn make_room(descriptors: u64) {
    let last = i32::try_from(descriptors.saturating_sub(1)).unwrap_or(i32::MAX);
    if let Err(error) = fcntl_dupfd_cloexec(std::io::stderr(), last) {
        tracing::debug!(%error, "the table of file descriptors grows as it is needed");
    }
}

/// How many descriptors the configured calls take.
fn needed(config: &Config) -> u64 {
    let pairs = u64::from(config.sip.rtp_port.count() / 2);
    let calls = match config.sip.max_active_calls {
        0 => pairs,
        limit => pairs.min(limit.into()),
    };
    calls * PER_CALL + BESIDES
}

/// No limit is told as `None`.
fn shortage(needed: u64, limit: Option<u64>) -> Option<String> {
    let limit = limit.filter(|limit| *limit < needed)?;
    let calls = limit.saturating_sub(BESIDES) / PER_CALL;
    Some(format!(
        "file descriptors: {limit} are allowed, the ports of sip.rtp_port need {needed}: about {calls} calls fit. Raise the limit \
         (LimitNOFILE in a systemd unit, `ulimit -n`), or set sip.max_active_calls"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_ports_need_three_descriptors_a_call() {
        assert_eq!(needed(&Config::default()), 5000 * 3 + 256);
        let mut few = Config::default();
        few.sip.max_active_calls = 10;
        assert_eq!(needed(&few), 10 * 3 + 256);
    }

    #[test]
    fn a_shortage_says_how_many_calls_fit() {
        assert_eq!(shortage(15_256, None), None);
        assert_eq!(shortage(15_256, Some(15_256)), None);
        let warning = shortage(15_256, Some(1024)).unwrap();
        assert!(warning.contains("about 256 calls"), "{warning}");
        assert!(warning.contains("LimitNOFILE"), "{warning}");
        assert!(shortage(15_256, Some(10)).unwrap().contains("about 0 calls"));
    }
}
