//! What a plan means to the worker, to the store and to the SIP stack.

use std::collections::HashMap;

use call::plan::{Codec, Transport};
use call::verdict::{JoinFailure, Unreachable};
use call::{Call, Plan};
use media::codec::AudioCodec;
use room::LocalJoin;
use room::proto::participant_info::Kind;
use sip::LostState;
use sip::msg::Host;
use sip_io::{CallOptions, PlaceError, Target};

use super::Trunks;
use crate::api::unix_now_millis;
use crate::store::OpenCall;
use crate::worker::{CallOpen, OpenError};

/// The participant and its media.
pub(super) fn open(call: &Call) -> CallOpen {
    let plan = call.plan();
    let attributes: HashMap<_, _> = call.attributes().iter().cloned().collect();
    CallOpen {
        room: plan.room_name.clone(),
        join: LocalJoin {
            identity: plan.participant.identity.clone(),
            name: plan.participant.name.clone(),
            metadata: plan.participant.metadata.clone(),
            attributes,
            kind: Kind::Sip,
        },
        codecs: plan.media.codecs.iter().map(|codec| audio_codec(*codec)).collect(),
        encryption: plan.media.encryption,
        voice_isolation: plan.voice_isolation,
        media_timeout: plan.media.timeout,
        over_ipv6: false,
    }
}

fn audio_codec(codec: Codec) -> AudioCodec {
    match codec {
        Codec::Pcmu => AudioCodec::Pcmu,
        Codec::Pcma => AudioCodec::Pcma,
        Codec::G722 => AudioCodec::G722,
        Codec::Opus => AudioCodec::Opus,
    }
}

/// What must be known of the call after a crash.
pub(super) fn record(plan: &Plan, state: LostState) -> OpenCall {
    OpenCall {
        call_id: plan.call_id.clone(),
        trunk_id: plan.trunk_id.clone(),
        room_name: plan.room_name.clone(),
        identity: plan.participant.identity.clone(),
        host: plan.dial.next_hop.host.clone(),
        state,
        credentials: plan.dial.credentials.clone(),
        opened_at: unix_now_millis(),
    }
}

/// Where the INVITE goes.
pub(super) fn target(plan: &Plan) -> Result<Target, Unreachable> {
    let hop = &plan.dial.next_hop;
    let host =
        hop.host.parse::<Host>().map_err(|_| Unreachable::Address(format!("no such host: {}", hop.host)))?;
    let transport = match hop.transport {
        Some(Transport::Udp) | None => sip::Transport::Udp,
        Some(Transport::Tcp) => sip::Transport::Tcp,
        Some(Transport::Tls) => sip::Transport::Tls,
    };
    Ok(Target { host, port: hop.port, transport })
}

/// How it gets there: written down before anything leaves.
pub(super) fn options(plan: &Plan, trunks: &Trunks) -> CallOptions {
    let hop = &plan.dial.next_hop;
    let settings = trunks.of(&plan.trunk_id, &hop.host);
    let options = CallOptions::default().with_redirects(settings.redirects).with_tls(settings.tls.clone());
    let options = options.journaled();
    if hop.transport.is_none() { options.with_discovered_transport() } else { options }
}

/// Why the stack did not place the call.
pub(super) fn unreachable(error: &PlaceError) -> Unreachable {
    match error {
        PlaceError::Resolve(error) => Unreachable::Dns(error.to_string()),
        PlaceError::Transport { .. } | PlaceError::NotSip | PlaceError::Tls(_) => {
            Unreachable::Address(error.to_string())
        }
        PlaceError::Dial(_) | PlaceError::Closed => Unreachable::Network(error.to_string()),
    }
}

/// Why the worker did not take the participant.
pub(super) fn join_failure(error: &OpenError) -> JoinFailure {
    match error {
        OpenError::Busy => JoinFailure::Busy,
        OpenError::NoPort => JoinFailure::NoPort,
        OpenError::Stopped | OpenError::Room(_) => JoinFailure::Room(error.to_string()),
    }
}
