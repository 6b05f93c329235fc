//! The end of a call, for the log and the metrics. No phone number is in it: what carriers and users have written themselves,
//! where one may stand, is for the level debug.

use std::time::Duration;

use call::verdict::{Blame, Verdict};
use call::{Summary, Times};

use crate::metrics::Metrics;

/// One line per call.
pub(super) fn log(summary: &Summary) {
    let times = &summary.times;
    let leg = &summary.media.leg;
    tracing::info!(
        callID = %summary.call_id,
        sipCallID = %summary.sip_call_id,
        sipTrunk = %summary.trunk_id,
        result = summary.blame.as_str(),
        reason = %summary.label,
        disconnectReason = summary.leave.as_str_name(),
        sipStatus = summary.sip_status,
        codec = summary.codec,
        digitsAsSound = summary.digits_as_sound.then_some(true),
        digitsDropped = (summary.media.digits_dropped > 0).then_some(summary.media.digits_dropped),
        apiToInviteMs = ms(times.api_to_invite()),
        inviteToTryingMs = ms(times.after_invite(times.trying)),
        inviteToRingingMs = ms(times.invite_to_ringing()),
        inviteToAlertingMs = ms(times.after_invite(times.alerting)),
        inviteToForwardedMs = ms(times.after_invite(times.forwarded)),
        inviteToQueuedMs = ms(times.after_invite(times.queued)),
        inviteToSessionProgressMs = ms(times.after_invite(times.session_progress)),
        earlyMediaMs = ms(times.early_media()),
        inviteToAcceptMs = ms(times.invite_to_answer()),
        acceptToRoomAudioMs = ms(times.answer_to_room_audio()),
        acceptToPhoneAudioMs = ms(times.answer_to_phone_audio()),
        activeToPhoneAudioMs = ms(times.active_to_phone_audio()),
        talkedMs = ms(times.talked()),
        rtpSent = leg.packets_sent,
        rtpReceived = leg.packets_received,
        rtpLost = leg.lost,
        rtpJitterMs = leg.jitter_ms,
        rtpRttMs = leg.rtt_ms,
        rtpRemoteLost = leg.remote_lost,
        rtpRemoteJitterMs = leg.remote_jitter_ms,
        rtpDropped = leg.dropped.total(),
        rtpSourceChanges = leg.source_changes,
        rtpComfortNoise = leg.comfort_noise,
        toRoom = summary.media.to_room,
        fromRoom = summary.media.playout.packets,
        fromRoomNarrowband = summary.media.playout.narrowband,
        concealed = summary.media.playout.concealed,
        "call ended"
    );
    if summary.media.digits_dropped > 0 {
        tracing::warn!(
            callID = %summary.call_id,
            count = summary.media.digits_dropped,
            "digits of the room did not reach the phone: no telephone has them, or they were too many"
        );
    }
    tracing::debug!(
        callID = %summary.call_id,
        room = %summary.room,
        error = summary.error,
        "call ended, in words"
    );
}

/// A call whose task panicked: all that is known of it is who it was.
pub(super) fn crashed(call_id: &str, to_host: &str, metrics: &Metrics) {
    let outcome = Verdict::Internal("the call's task failed inside").outcome();
    tracing::error!(
        callID = %call_id,
        result = outcome.blame.as_str(),
        reason = %outcome.label,
        error = outcome.error.message,
        "call ended"
    );
    metrics.call_ended(to_host, outcome.blame.as_str(), &outcome.label);
}

/// The same for Prometheus.
pub(super) fn count(summary: &Summary, metrics: &Metrics) {
    let to = summary.to_host.as_str();
    metrics.call_ended(to, summary.blame.as_str(), &summary.label);
    if let Verdict::Refused(refusal) = &summary.verdict {
        metrics.invite_refused(to, &refusal.metric());
    } else if summary.times.answered.is_none() && summary.blame != Blame::Success {
        metrics.invite_refused(to, "other");
    }
    if let Some(codec) = summary.codec {
        let leg = &summary.media.leg;
        metrics.rtp_packets(to, codec, leg.packets_sent, leg.packets_received);
    }
    metrics.rtp_dropped(&summary.media.leg.dropped);
    metrics.rtp_seen(&summary.media.leg);
    metrics.call_dropped(&summary.media);
    durations(&summary.times, metrics);
}

fn durations(times: &Times, metrics: &Metrics) {
    if let Some(ended) = times.ended {
        metrics.session_duration(ended.saturating_duration_since(times.received));
    }
    if let Some(talked) = times.talked() {
        metrics.call_duration(talked);
    }
    if let Some(joined) = times.joined {
        metrics.join_duration(joined.saturating_duration_since(times.received));
    }
    let stages = [
        ("invite", times.api_to_invite()),
        ("ringing", times.invite_to_ringing()),
        ("answer", times.invite_to_answer()),
        ("room-audio", times.answer_to_room_audio()),
        ("phone-audio", times.active_to_phone_audio()),
    ];
    for (stage, duration) in stages {
        if let Some(duration) = duration {
            metrics.stage(stage, duration);
        }
    }
}

/// Milliseconds with one digit behind the point.
fn ms(duration: Option<Duration>) -> Option<f64> {
    duration.map(|duration| (duration.as_secs_f64() * 10_000.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::Instant;

    use tracing::field::{Field, Visit};
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt};

    use super::*;

    /// The figures of each line that is logged.
    #[derive(Clone, Default)]
    struct Figures(std::sync::Arc<std::sync::Mutex<Vec<(String, u64)>>>);

    impl<S: tracing::Subscriber> Layer<S> for Figures {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            struct Visitor<'a>(&'a mut Vec<(String, u64)>);
            impl Visit for Visitor<'_> {
                fn record_u64(&mut self, field: &Field, value: u64) {
                    self.0.push((field.name().to_owned(), value));
                }
                fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
            }
            event.record(&mut Visitor(&mut self.0.lock().unwrap()));
        }
    }

    fn summary() -> Summary {
        let mut summary = Summary {
            call_id: "SCL_1".to_owned(),
            sip_call_id: "one".to_owned(),
            trunk_id: "ST_1".to_owned(),
            room: "room".to_owned(),
            to_host: "sip.example.com".to_owned(),
            times: Times::new(Instant::now()),
            verdict: Verdict::RemoteBye,
            leave: livekit_protocol::DisconnectReason::ClientInitiated,
            blame: Blame::Success,
            label: Cow::Borrowed("bye"),
            error: None,
            sip_status: Some(200),
            codec: Some("PCMU"),
            digits_as_sound: false,
            media: call::bridge::BridgeReport::default(),
        };
        summary.media.leg.source_changes = 3;
        summary.media.leg.comfort_noise = 5;
        summary
    }

    #[test]
    fn the_line_and_the_metrics_of_a_call_tell_what_its_phone_did_in_its_rtp() {
        let (figures, summary) = (Figures::default(), summary());
        let subscriber = tracing_subscriber::registry().with(figures.clone());
        tracing::subscriber::with_default(subscriber, || log(&summary));
        let told = figures.0.lock().unwrap();
        let of = |name: &str| told.iter().find(|(of, _)| of == name).map(|(_, value)| *value);
        assert_eq!((of("rtpSourceChanges"), of("rtpComfortNoise")), (Some(3), Some(5)));

        let metrics = Metrics::new("NE_test").unwrap();
        count(&summary, &metrics);
        let page = String::from_utf8(metrics.text()).unwrap();
        for (what, times) in [("source_change", " 3"), ("comfort_noise", " 5")] {
            let told = page.lines().find(|line| !line.starts_with('#') && line.contains(what));
            assert!(told.is_some_and(|line| line.ends_with(times)), "{page}");
        }
    }
}
