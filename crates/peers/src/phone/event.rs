//! What a phone tells.

use std::time::{Instant, SystemTime};

use crate::sound::Recorded;

/// One event with the call it belongs to.
#[derive(Debug, Clone)]
pub struct Happened {
    /// Number of the call, counting from 1.
    pub call: u64,
    /// When, on the monotonic clock.
    pub at: Instant,
    /// When, on the wall clock.
    pub wallclock: SystemTime,
    /// What.
    pub event: PhoneEvent,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HungUpBy {
    /// The caller, by BYE.
    Caller,
    /// The caller, before the answer (CANCEL).
    CallerEarly,
    /// The phone itself.
    Phone,
    /// Nobody: the connection or a transaction failed.
    Failure,
}

/// What happened on the phone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PhoneEvent {
    /// A call came in.
    Incoming {
        /// The dialled number.
        to: String,
        /// The caller's number.
        from: String,
        /// The SIP Call-ID.
        call_id: String,
        /// All header fields of the INVITE, in order.
        headers: Vec<(String, String)>,
    },
    /// It rings (180).
    Ringing,
    /// Early media plays (183).
    EarlyMedia,
    /// The phone refused the call.
    Refused {
        /// Status sent.
        code: u16,
    },
    /// The phone picked up; the codec is the negotiated one.
    Answered {
        /// Such as `PCMU`.
        codec: &'static str,
    },
    /// The first RTP packet came.
    FirstAudio,
    /// Loudness of what is heard and said, over the last interval, in dBFS.
    Level {
        /// Heard.
        heard: f64,
        /// Said.
        said: f64,
    },
    /// A digit was pressed at the other end.
    Digit {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
    },
    /// All digits of the script have been sent.
    DigitsSent,
    /// The call is over.
    HungUp {
        /// By whom.
        by: HungUpBy,
        /// What the RTP session saw.
        report: RtpReport,
        /// What was recorded.
        recording: Option<Recorded>,
    },
}

/// What the phone's RTP session saw of the other end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RtpReport {
    /// Packets received.
    pub received: u64,
    /// Packets sent.
    pub sent: u64,
    /// Packets missing by sequence number.
    pub lost: u64,
    /// Interarrival jitter in milliseconds (RFC 3550 §6.4.1).
    pub jitter_ms: f64,
    /// Round trip by RTCP in milliseconds, if the other end reports.
    pub rtt_ms: Option<f64>,
    /// Longest time without a packet, in milliseconds.
    pub longest_gap_ms: f64,
    /// Milliseconds from the answer to the first packet heard.
    pub first_audio_ms: Option<f64>,
}
