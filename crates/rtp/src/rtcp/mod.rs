//! RTCP (RFC 3550 §6): the reports of a call with one source each way, those of an endpoint with several,
//! and the statistics they carry.
//!
//! Over `rtcp-types`. [`Reception`] counts what arrives (appendices A.1, A.3 and A.8), [`Feedback`] is what the other
//! side's reports tell. Extended reports and feedback messages are passed over.

mod feedback;
mod reception;
mod report;
#[cfg(test)]
mod tests;

pub use feedback::{Feedback, ReportBlock, SenderInfo};
pub use reception::{Arrival, Reception, ReceptionStats};
pub use report::{Account, Outgoing, Report, write_account, write_report};

use std::time::{Duration, SystemTime};

use thiserror::Error;

/// Seconds from the NTP epoch (1900) to the Unix epoch.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// A wall-clock time as a 32.32 NTP timestamp.
#[must_use]
pub fn ntp_timestamp(wallclock: SystemTime) -> u64 {
    let since = wallclock.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (since.as_secs().wrapping_add(NTP_TO_UNIX) << 32) | fraction
}

/// The middle 32 bits of an NTP timestamp, which reports use to name a report (16.16 seconds).
#[must_use]
pub fn ntp_middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// A duration in the 1/65536 s of DLSR and round trip, as long as it fits.
#[must_use]
pub fn to_short_ntp(duration: Duration) -> u32 {
    u32::try_from((duration.as_nanos() << 16) / 1_000_000_000).unwrap_or(u32::MAX)
}

/// 1/65536 s as a duration.
#[must_use]
pub fn from_short_ntp(units: u32) -> Duration {
    Duration::from_nanos((u64::from(units) * 1_000_000_000) >> 16)
}

/// The RTP timestamp, at so many ticks a second, when so much has `passed` since the moment of this one.
#[must_use]
pub fn timestamp_after(timestamp: u32, passed: Duration, clock: u32) -> u32 {
    timestamp.wrapping_add((passed.as_nanos() * u128::from(clock) / 1_000_000_000) as u32)
}

/// Why bytes are not RTCP, or a report could not be written.
#[derive(Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RtcpError {
    /// The sender's fault: not a compound RTCP packet.
    #[error("not an RTCP packet: {0}")]
    Malformed(#[from] rtcp_types::RtcpParseError),
    /// The caller's fault: a field that does not fit (a CNAME above 255 bytes).
    #[error("the RTCP report cannot be written: {0}")]
    Unwritable(#[from] rtcp_types::RtcpWriteError),
}
