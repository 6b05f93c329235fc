//! What a plan means to the worker, to the store and to the SIP stack.

use std::collections::HashMap;
use std::time::SystemTime;

use call::plan::{Codec, Transport};
use call::verdict::{JoinFailure, Unreachable};
use call::{Call, DialogIdentity, Plan};
use media::codec::AudioCodec;
use room::LocalJoin;
use room::proto::participant_info::Kind;
use sip::msg::Host;
use sip_io::{CallOptions, PlaceError, Target};

use super::Trunks;
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

/// What must be known of the call after a crash. `remote_tag` is empty until the phone answers.
pub(super) fn record(plan: &Plan, identity: &DialogIdentity, remote_tag: &str) -> OpenCall {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let hop = &plan.dial.next_hop;
    OpenCall {
        call_id: plan.call_id.clone(),
        trunk_id: plan.trunk_id.clone(),
        room_name: plan.room_name.clone(),
        identity: plan.participant.identity.clone(),
        sip_call_id: identity.call_id.clone(),
        local_tag: identity.from_tag.clone(),
        remote_tag: remote_tag.to_owned(),
        local_uri: plan.dial.from.to_string(),
        remote_uri: plan.dial.to.to_string(),
        request_uri: plan.dial.request_uri.clone(),
        transport: hop.transport.map_or("", Transport::as_str).to_owned(),
        destination: hop.port.map_or_else(|| hop.host.clone(), |port| format!("{}:{port}", hop.host)),
        cseq: 1,
        opened_at: i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX),
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

/// How it gets there.
pub(super) fn options(plan: &Plan, trunks: &Trunks) -> CallOptions {
    let hop = &plan.dial.next_hop;
    let settings = trunks.of(&plan.trunk_id, &hop.host);
    let options = CallOptions::default().with_redirects(settings.redirects).with_tls(settings.tls.clone());
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
