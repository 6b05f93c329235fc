//! Prometheus metrics: livekit-sip's names where it has them, `trunkline_` for what is ours.
//!
//! Some figures are asked of other parts when the page is read. Counting never fails and never blocks a call. Labels that come from outside are bounded: past a few hundred
//! different values they are counted together.

mod bounded;
mod bounds;
mod families;
mod sampled;
mod serve;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

pub(crate) use bounds::{Bound, Refused};
use families::Families;
use prometheus::Encoder;
pub(crate) use serve::{Sources, router};

/// The only direction there is, in livekit-sip's word for it.
const OUT: &str = "out";

/// All counters of the process. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Families>);

impl Metrics {
    /// Counters labelled with the id of this node.
    pub(crate) fn new(node_id: &str) -> Result<Self, prometheus::Error> {
        Families::new(node_id).map(|families| Self(Arc::new(families)))
    }

    /// An INVITE went out to a host.
    pub(crate) fn invite_sent(&self) {
        self.0.invite_requests_raw.inc();
        self.0.invite_requests.with_label_values(&[OUT]).inc();
    }

    /// A call was answered.
    pub(crate) fn invite_accepted(&self, to: &str) {
        self.0.invite_accepted.with_label_values(&[OUT, &self.0.hosts.label(to)]).inc();
    }

    /// A call was refused; `reason` in the form `486-BusyHere`, or `other`.
    pub(crate) fn invite_refused(&self, to: &str, reason: &str) {
        let to = self.0.hosts.label(to);
        self.0.invite_error.with_label_values(&[OUT, &to, &self.0.reasons.label(reason)]).inc();
    }

    /// A call begins to exist; it is counted as active until the returned guard is dropped.
    pub(crate) fn call_active(&self, to: &str) -> ActiveCall {
        let gauge = self.0.calls_active.with_label_values(&[OUT, &self.0.hosts.label(to)]);
        gauge.inc();
        ActiveCall(gauge)
    }

    /// A call is over: `result` is `success`, `client_error`, `server_error`, `upstream_error` or `indeterminate`.
    pub(crate) fn call_ended(&self, to: &str, result: &str, reason: &str) {
        let to = self.0.hosts.label(to);
        let reason = self.0.reasons.label(reason);
        self.0.calls_terminated.with_label_values(&[OUT, &to, result, &reason]).inc();
    }

    /// A call of an earlier run was ended: `by` is `bye` or `cancel`, `result` `told`, `unanswered` or `failed`.
    pub(crate) fn call_recovered(&self, by: &str, result: &str) {
        self.0.own.calls_recovered.with_label_values(&[by, result]).inc();
    }

    /// How long a call took from its request to its end.
    pub(crate) fn session_duration(&self, duration: Duration) {
        self.0.dur_session.with_label_values(&[OUT]).observe(duration.as_secs_f64());
    }

    /// How long both sides could talk.
    pub(crate) fn call_duration(&self, duration: Duration) {
        self.0.dur_call.with_label_values(&[OUT]).observe(duration.as_secs_f64());
    }

    /// How long it took until the participant had joined.
    pub(crate) fn join_duration(&self, duration: Duration) {
        self.0.dur_join.with_label_values(&[OUT]).observe(duration.as_secs_f64());
    }

    /// How long a part of the set-up took: `invite`, `answer`, `first_audio` ...
    pub(crate) fn stage(&self, stage: &str, duration: Duration) {
        self.0.stage_dur.with_label_values(&[OUT, stage]).observe(duration.as_secs_f64());
    }

    /// RTP packets of a call that is over; `payload` is the codec's name.
    pub(crate) fn rtp_packets(&self, to: &str, payload: &str, sent: u64, received: u64) {
        let to = self.0.hosts.label(to);
        self.0.packets_rtp.with_label_values(&[OUT, &to, "send", payload]).inc_by(sent);
        self.0.packets_rtp.with_label_values(&[OUT, &to, "recv", payload]).inc_by(received);
    }

    /// What a call's leg did not take of its packets.
    pub(crate) fn rtp_dropped(&self, dropped: &media::session::Dropped) {
        let reasons = [
            ("before_negotiation", dropped.before_negotiation),
            ("malformed", dropped.malformed),
            ("wrong_payload_type", dropped.wrong_payload_type),
            ("foreign_source", dropped.foreign_source),
            ("duplicate", dropped.duplicate),
            ("stray", dropped.stray),
            ("while_held", dropped.while_held),
            ("not_authentic", dropped.not_authentic),
        ];
        for (reason, count) in reasons.into_iter().filter(|(_, count)| *count > 0) {
            self.0.own.rtp_dropped.with_label_values(&[reason]).inc_by(count);
        }
    }

    /// What found no place on its way to the phone.
    pub(crate) fn call_dropped(&self, report: &call::bridge::BridgeReport) {
        let dropped = [("digits", u64::from(report.digits_dropped)), ("talkers", report.unheard)];
        for (what, count) in dropped.into_iter().filter(|(_, count)| *count > 0) {
            self.0.own.call_dropped.with_label_values(&[what]).inc_by(count);
        }
    }

    /// What the phone did besides sending audio.
    pub(crate) fn rtp_seen(&self, leg: &media::session::SessionStats) {
        let seen = [("source_change", leg.source_changes), ("comfort_noise", leg.comfort_noise)];
        for (what, count) in seen.into_iter().filter(|(_, count)| *count > 0) {
            self.0.own.rtp_seen.with_label_values(&[what]).inc_by(count);
        }
    }

    /// The size of an SDP, `offer` or `answer`.
    pub(crate) fn sdp_size(&self, kind: &str, bytes: usize) {
        self.0
            .sdp_size
            .with_label_values(&[kind])
            .observe(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)));
    }

    /// Whether new calls are taken.
    pub(crate) fn available(&self, available: bool) {
        self.0.available.set(i64::from(available));
    }

    /// An API request was answered; `code` is `ok` or a Twirp code.
    pub(crate) fn api_request(&self, service: &str, method: &str, code: &str) {
        self.0.own.api_requests.with_label_values(&[service, method, code]).inc();
    }

    /// A signalling connection is open until the returned guard is dropped.
    pub(crate) fn signal_session(&self) -> ActiveCall {
        self.0.own.signal_sessions.inc();
        ActiveCall(self.0.own.signal_sessions.clone())
    }

    /// Something came in that its protocol does not allow: `http`, `websocket`, `token`. SIP and RTP have
    /// families of their own.
    pub(crate) fn bad_input(&self, kind: &str) {
        self.0.own.bad_input.with_label_values(&[kind]).inc();
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // Writing to memory cannot fail, and a family that cannot be printed is left out.
        drop(prometheus::TextEncoder::new().encode(&self.0.registry.gather(), &mut text));
        text
    }
}

/// Something that is counted while it lasts.
pub(crate) struct ActiveCall(prometheus::IntGauge);

impl Drop for ActiveCall {
    fn drop(&mut self) {
        self.0.dec();
    }
}
