//! Stories of a call's RTP in simulated time.

mod latching;
mod network;
mod receiving;
mod reporting;
mod secure;
mod sending;
mod timing;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::codec::AudioCodec;
use crate::sdp::{Direction, Negotiated, OpusTerms, PayloadKind, ReceiveTable};
use rtp::RtpHeader;

const FRAME: Duration = Duration::from_millis(20);
const SILENCE: [u8; 160] = [0xff; 160];

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn phone_addr() -> SocketAddr {
    addr("198.51.100.5:9000")
}

/// PCMU and telephone-events with a phone at [`phone_addr`].
fn terms() -> Negotiated {
    let mut receive = ReceiveTable::default();
    receive.add(0, PayloadKind::Audio(AudioCodec::Pcmu));
    receive.add(8, PayloadKind::Audio(AudioCodec::Pcma));
    receive.add(101, PayloadKind::TelephoneEvent { clock: 8000 });
    Negotiated {
        codec: AudioCodec::Pcmu,
        payload_type: 0,
        dtmf_payload_type: Some(101),
        dtmf_clock: 8000,
        noise_payload_type: None,
        opus: OpusTerms::default(),
        receive,
        remote_rtp: phone_addr(),
        remote_rtcp: addr("198.51.100.5:9001"),
        rtcp_mux: false,
        ptime_ms: 20,
        direction: Direction::SendRecv,
        srtp: None,
    }
}

fn config() -> SessionConfig {
    SessionConfig { cname: "call@trunkline".to_owned(), ..SessionConfig::default() }
}

fn new_session(seed: u64, now: Instant) -> RtpSession {
    RtpSession::new(config(), &mut StdRng::seed_from_u64(seed), now)
}

/// A session that has settled [`terms`] at the returned time.
fn session() -> (RtpSession, Instant) {
    let now = Instant::now();
    let mut session = new_session(1, now);
    session.negotiate(&terms(), now);
    (session, now)
}

/// A packet of the phone's.
fn packet(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    rtp::write(&RtpHeader { marker: false, payload_type, sequence, timestamp, ssrc }, payload, &mut out)
        .unwrap();
    out
}

/// The phone's n-th audio packet of a steady stream from source 77, the first being number 1000.
fn voice(n: u16) -> Vec<u8> {
    packet(0, 1000 + n, 5000 + u32::from(n) * 160, 77, &SILENCE)
}

/// What a test asks about an audio packet: sequence, timestamp, marker, change of source.
type Heard = Option<(u64, u32, bool, bool)>;

fn heard(received: Received<'_>) -> Heard {
    match received {
        Received::Audio { seq, timestamp, marker, ssrc_changed, .. } => {
            Some((seq, timestamp, marker, ssrc_changed))
        }
        _ => None,
    }
}
