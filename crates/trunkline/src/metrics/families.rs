//! The metric families and their names.

use std::collections::HashMap;

use prometheus::{
    Error, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector,
};

use super::{bounded::Bounded, bounds::Bounds, sampled::Sampled};

/// Seconds that an operation takes.
const OPERATION: [f64; 10] = [0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 180.0];
/// Seconds that a call takes.
const LONG: [f64; 9] = [1.0, 10.0, 60.0, 600.0, 1800.0, 3600.0, 21_600.0, 43_200.0, 86_400.0];
/// Seconds that a stage inside the server takes.
const STAGE: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 1.0, 10.0];
/// Bytes of an SDP.
const SIZE: [f64; 8] = [100.0, 250.0, 500.0, 750.0, 1000.0, 1150.0, 1300.0, 1500.0];

pub(super) struct Families {
    pub(super) registry: Registry,
    pub(super) hosts: Bounded,
    pub(super) reasons: Bounded,
    pub(super) invite_requests_raw: IntCounter,
    pub(super) invite_requests: IntCounterVec,
    pub(super) invite_accepted: IntCounterVec,
    pub(super) invite_error: IntCounterVec,
    pub(super) calls_active: IntGaugeVec,
    pub(super) calls_terminated: IntCounterVec,
    pub(super) packets_rtp: IntCounterVec,
    pub(super) dur_session: HistogramVec,
    pub(super) dur_call: HistogramVec,
    pub(super) dur_join: HistogramVec,
    pub(super) stage_dur: HistogramVec,
    pub(super) sdp_size: HistogramVec,
    pub(super) available: IntGauge,
    pub(super) own: Own,
    pub(super) sampled: Sampled,
    pub(super) bounds: Bounds,
}

/// What the incumbent does not count.
pub(super) struct Own {
    pub(super) api_requests: IntCounterVec,
    pub(super) signal_sessions: IntGauge,
    pub(super) bad_input: IntCounterVec,
    pub(super) rtp_dropped: IntCounterVec,
    pub(super) rtp_seen: IntCounterVec,
    pub(super) call_dropped: IntCounterVec,
    pub(super) calls_recovered: IntCounterVec,
}

impl Families {
    pub(super) fn new(node_id: &str) -> Result<Self, Error> {
        let labels = HashMap::from([("node_id".to_owned(), node_id.to_owned())]);
        let make = Maker { registry: Registry::new_custom(None, Some(labels))? };
        Ok(Self {
            hosts: Bounded::new(200),
            reasons: Bounded::new(200),
            invite_requests_raw: make
                .counter("livekit_sip_invite_requests_raw", "INVITEs, retries not counted")?,
            invite_requests: make.counters(
                "livekit_sip_invite_requests",
                "INVITEs by direction",
                &["dir"],
            )?,
            invite_accepted: make.counters(
                "livekit_sip_invite_accepted",
                "Calls answered",
                &["dir", "to"],
            )?,
            invite_error: make.counters(
                "livekit_sip_invite_error",
                "Calls refused",
                &["dir", "to", "reason"],
            )?,
            calls_active: make.gauges("livekit_sip_calls_active", "Calls that exist now", &["dir", "to"])?,
            calls_terminated: make.counters(
                "livekit_sip_calls_terminated",
                "Calls that are over",
                &["dir", "to", "result", "reason"],
            )?,
            packets_rtp: make.counters(
                "livekit_sip_packets_rtp",
                "RTP packets of calls that are over",
                &["dir", "to", "op", "payload"],
            )?,
            dur_session: make.seconds(
                "livekit_sip_dur_session_sec",
                "From request to end",
                &["dir"],
                &LONG,
            )?,
            dur_call: make.seconds("livekit_sip_dur_call_sec", "From answer to end", &["dir"], &LONG)?,
            dur_join: make.seconds(
                "livekit_sip_dur_join_sec",
                "Until the room is joined",
                &["dir"],
                &OPERATION,
            )?,
            stage_dur: make.seconds(
                "livekit_sip_stage_dur_sec",
                "Parts of the set-up",
                &["dir", "stage"],
                &STAGE,
            )?,
            sdp_size: make.seconds("livekit_sip_sdp_size_bytes", "Size of SDPs", &["type"], &SIZE)?,
            available: make.gauge("livekit_sip_available", "1 while new calls are taken")?,
            own: Own::new(&make)?,
            sampled: Sampled::new(&make)?,
            bounds: Bounds::new(&make)?,
            registry: make.registry,
        })
    }
}

impl Own {
    fn new(make: &Maker) -> Result<Self, Error> {
        Ok(Self {
            api_requests: make.counters(
                "trunkline_api_requests",
                "API requests by their answer",
                &["service", "method", "code"],
            )?,
            signal_sessions: make.gauge("trunkline_signal_sessions", "Open signalling connections")?,
            bad_input: make.counters("trunkline_bad_input", "Input that no protocol allows", &["kind"])?,
            rtp_dropped: make.counters(
                "trunkline_rtp_dropped",
                "Packets from phones that were not believed or not understood, of calls that are over",
                &["reason"],
            )?,
            call_dropped: make.counters(
                "trunkline_call_dropped",
                "What found no place on its way to a phone, of calls that are over: digits, and packets of too many talkers",
                &["what"],
            )?,
            rtp_seen: make.counters(
                "trunkline_rtp_seen",
                "What phones did in their RTP besides sending audio, of calls that are over",
                &["what"],
            )?,
            calls_recovered: make.counters(
                "trunkline_calls_recovered",
                "Calls of an earlier run that were ended after a crash",
                &["by", "result"],
            )?,
        })
    }
}

/// Makes families and registers them.
pub(super) struct Maker {
    registry: Registry,
}

impl Maker {
    fn register<C: Collector + Clone + 'static>(&self, family: C) -> Result<C, Error> {
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.register(IntCounter::new(name, help)?)
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
        self.register(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.register(IntGauge::new(name, help)?)
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    pub(super) fn seconds(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, Error> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(HistogramVec::new(options, labels)?)
    }
}
