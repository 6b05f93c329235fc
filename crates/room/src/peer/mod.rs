//! A client's peer connections: ICE, DTLS, SCTP and video by str0m in RTP mode, described in LiveKit's terms; audio past it.
//!
//! With one connection the client offers and we answer (RFC 8829; LiveKit signalling v1); with two (v0) we offer the
//! one it receives on. What str0m cannot be told (whose track a section carries, that a section is free) is
//! written into the description's text: see `describe`. Nothing here knows who is in the room.

mod audio;
mod certificate;
mod describe;
mod keys;
mod negotiate;
mod offer;
mod poll;
mod reports;
mod roaming;
mod sections;
mod stream;
mod stun;
mod transport;
mod video;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtp::Payload;
use str0m::change::SdpOffer;
use str0m::channel::ChannelId;
use str0m::crypto::CryptoProvider;
use str0m::media::{Mid, Rid};
use str0m::net::TcpType;
use str0m::rtp::{Extension, RtpWrite, Ssrc};
use str0m::{Candidate, Input, Rtc, RtcConfig, RtcError};

use crate::config::Env;
use crate::lifecycle::Clock;
use crate::output::{Codec, Receive};

use audio::{Audio, Taken};
pub use certificate::{Certificate, new_certificate};
pub(crate) use keys::crypto;
use negotiate::Outstanding;
pub(crate) use negotiate::{NegotiationError, Placed, Wanted};
pub(crate) use offer::Kind;
pub(crate) use poll::{PeerEvent, Polled};
pub(crate) use reports::Reception;
use reports::Reports;
use roaming::{Roaming, is_stun};
use sections::Sections;
pub(crate) use sections::{Count, Wishes};
pub(crate) use stream::Rebase;
pub use stun::stun_username_ufrag;
pub(crate) use transport::{Role, Transport};
pub(crate) use video::{VideoIn, VideoOut};

/// Candidates a client may have between two ICE restarts.
const MAX_REMOTE_CANDIDATES: usize = 64;
const MAX_ROUTES: usize = 64;
/// How often str0m reports on audio, which it sees little of: that is ours (`audio`).
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// An audio packet from a client.
#[derive(Debug, Clone)]
pub(crate) struct AudioIn {
    pub(crate) mid: Mid,
    pub(crate) codec: Codec,
    /// The payload holds earlier packets as well (RED, RFC 2198).
    pub(crate) red: bool,
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Payload,
    /// -dBov, RFC 6464.
    pub(crate) level: Option<u8>,
}

/// An audio packet to a client.
pub(crate) struct AudioOut<'a> {
    pub(crate) mid: Mid,
    pub(crate) payload_type: u8,
    pub(crate) seq: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload: &'a Payload,
}

/// What became of data handed to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Yes,
    /// The channel is not open yet, or its buffer is full.
    NotNow,
    Never,
}

pub(crate) struct Peer {
    rtc: Rtc,
    pub(crate) sections: Sections,
    /// The client's offer that we have not answered yet.
    offer: Option<SdpOffer>,
    /// Our offer that the client has not answered yet.
    outstanding: Option<Outstanding>,
    /// Our first offer opens the data channels.
    opens_channels: bool,
    /// Where an SSRC belongs; clients leave out the MID and RID extensions after the first seconds.
    routes: Vec<(Ssrc, Route)>,
    audio: Audio,
    reports: Reports,
    roaming: Roaming,
    reliable: Option<ChannelId>,
    lossy: Option<ChannelId>,
    ufrag: String,
    remote_candidates: usize,
    /// ICE and DTLS have come up.
    connected: bool,
    /// Something was put into str0m that only [`Peer::timeout`] sends.
    queued: bool,
    /// str0m may have something to say.
    stirred: bool,
    /// When str0m wants to be told the time.
    due: Option<Instant>,
    state: State,
}

/// What an incoming stream is part of.
#[derive(Debug, Clone, Copy)]
struct Route {
    mid: Mid,
    /// The layer of a video.
    rid: Option<Rid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Working,
    /// Broken, and nobody was told.
    Breaking,
    Broken,
}

impl Peer {
    /// A connection on which the client offers.
    pub(crate) fn new(env: &Env, crypto: &Arc<CryptoProvider>, clock: Clock, now: Instant) -> Self {
        // What layers of published videos are told apart by, and what their bitrate is found by; `offer::tailored` keeps
        // the latter from everything else.
        let config = config(env, crypto)
            .set_extension(3, Extension::TransportSequenceNumber)
            .set_extension(10, Extension::RtpStreamId)
            .set_extension(11, Extension::RepairedRtpStreamId);
        Self::with(config, env, clock, now)
    }

    /// A connection on which we are the offerer; the first offer opens the data channels if `channels`.
    pub(crate) fn offering(
        env: &Env,
        crypto: &Arc<CryptoProvider>,
        clock: Clock,
        now: Instant,
        channels: bool,
    ) -> Self {
        let peer = Self::with(config(env, crypto), env, clock, now);
        Self { sections: Sections::offering(), opens_channels: channels, ..peer }
    }

    fn with(config: RtcConfig, env: &Env, clock: Clock, now: Instant) -> Self {
        let mut rtc = config.build(now);
        // Before the offer, so that every answer carries them and none need trickle.
        for address in &env.candidates {
            match Candidate::host(*address, "udp") {
                Ok(candidate) => drop(rtc.add_local_candidate(candidate)),
                Err(error) => tracing::warn!(%address, %error, "not usable as an ICE candidate"),
            }
        }
        for address in &env.tcp_candidates {
            match Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive).build() {
                Ok(candidate) => drop(rtc.add_local_candidate(candidate)),
                Err(error) => tracing::warn!(%address, %error, "not usable as an ICE candidate over TCP"),
            }
        }
        let ufrag = rtc.direct_api().local_ice_credentials().ufrag;
        let reporter = *rtc.direct_api().new_ssrc();
        Self {
            rtc,
            sections: Sections::default(),
            offer: None,
            outstanding: None,
            opens_channels: false,
            routes: Vec::new(),
            audio: Audio::new(clock, reporter),
            reports: Reports::default(),
            roaming: Roaming::default(),
            reliable: None,
            lossy: None,
            ufrag,
            remote_candidates: 0,
            connected: false,
            queued: false,
            stirred: true,
            due: Some(now),
            state: State::Working,
        }
    }

    /// Media can flow.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    /// When [`Peer::timeout`] wants to be called.
    pub(crate) fn due(&self) -> Option<Instant> {
        [self.due, self.audio.due()].into_iter().flatten().min()
    }

    /// The user fragment that packets for this connection name.
    pub(crate) fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// A candidate the client trickled, in SDP's form. Those that cannot be used are ignored.
    pub(crate) fn remote_candidate(&mut self, candidate: &str) {
        if self.remote_candidates == MAX_REMOTE_CANDIDATES {
            return;
        }
        let parsed = catch_unwind(|| Candidate::from_sdp_string(candidate)).ok().and_then(Result::ok);
        if let Some(candidate) = parsed {
            self.remote_candidates += 1;
            self.queued = true;
            self.guarded(|rtc| rtc.add_remote_candidate(candidate));
        }
    }

    /// Whether the packet was made by who knows the connection's password, or comes from where its media goes.
    pub(crate) fn accepts(&mut self, now: Instant, packet: &Receive<'_>) -> bool {
        let Ok(parsed) = str0m::net::Receive::new(packet.proto, packet.src, packet.dst, packet.data) else {
            return false;
        };
        self.guarded(|rtc| rtc.accepts(&Input::Receive(now, parsed))) == Some(true)
    }

    pub(crate) fn receive(&mut self, now: Instant, packet: Receive<'_>) {
        if self.roaming.may_have_moved(now, packet.src, packet.data) && self.accepts(now, &packet) {
            tracing::debug!("a client has moved to another address");
            self.roaming.moved(packet.src);
        }
        let source = self.roaming.source(now, packet.src);
        if is_stun(packet.data) {
            self.audio.checked();
        } else if self.state == State::Working
            && self.audio.receive(now, packet.data, &self.sections) == Taken::Yes
        {
            return;
        }
        let Ok(parsed) = str0m::net::Receive::new(packet.proto, source, packet.dst, packet.data) else {
            return;
        };
        let result = self.guarded(|rtc| rtc.handle_input(Input::Receive(now, parsed)));
        self.note(result);
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        self.send_reports(now);
        if self.queued || self.due.is_some_and(|due| now >= due) {
            self.queued = false;
            let result = self.guarded(|rtc| rtc.handle_input(Input::Timeout(now)));
            self.note(result);
        }
    }

    /// Sends what was queued.
    pub(crate) fn flush(&mut self, now: Instant) {
        if self.queued {
            self.timeout(now);
        }
    }

    /// Sends an audio packet, or queues it for [`Peer::flush`].
    pub(crate) fn send_audio(&mut self, now: Instant, packet: &AudioOut<'_>) {
        if self.state == State::Working && self.audio.send(now, packet, &self.sections) {
            return;
        }
        self.queued = true;
        let written = self.guarded(|rtc| {
            let mut direct = rtc.direct_api();
            // By mid: str0m does not find a stream by the SSRC it was reset to.
            let tx = direct.stream_tx_by_mid(packet.mid, None)?;
            let (pt, seq) = (packet.payload_type.into(), packet.seq.into());
            let payload = packet.payload.to_vec();
            tx.write_rtp(RtpWrite::new(pt, seq, packet.timestamp, now, payload).marker(packet.marker));
            Some(*tx.ssrc())
        });
        match written.flatten() {
            Some(ssrc) => self.audio.sent(now, ssrc, packet),
            None => self.audio.free(packet.mid),
        }
    }

    /// Queues data; [`Peer::flush`] sends it.
    pub(crate) fn send_data(&mut self, reliable: bool, data: &[u8]) -> Sent {
        let Some(channel) = (if reliable { self.reliable } else { self.lossy }) else { return Sent::NotNow };
        let written = self.guarded(|rtc| rtc.channel(channel).map(|mut channel| channel.write(true, data)));
        match written.flatten() {
            Some(Ok(true)) => {
                self.queued = true;
                Sent::Yes
            }
            Some(Ok(false)) => Sent::NotNow,
            Some(Err(_)) | None => Sent::Never,
        }
    }

    /// Says goodbye; what is to be sent for it comes out of [`Peer::poll`].
    pub(crate) fn close(&mut self, now: Instant) {
        self.audio.end();
        self.guarded(Rtc::close);
        self.queued = true;
        self.timeout(now);
    }

    fn note(&mut self, result: Option<Result<(), RtcError>>) {
        if let Some(Err(error)) = result {
            tracing::debug!(%error, "peer connection input");
            if !self.rtc.is_alive() {
                self.break_down();
            }
        }
    }

    fn break_down(&mut self) {
        if self.state == State::Working {
            self.state = State::Breaking;
        }
    }

    /// Calls str0m. A panic in there is a bug of its state: this connection ends, no other does.
    fn guarded<T>(&mut self, call: impl FnOnce(&mut Rtc) -> T) -> Option<T> {
        if self.state != State::Working {
            return None;
        }
        self.stirred = true;
        let result = catch_unwind(AssertUnwindSafe(|| call(&mut self.rtc)));
        if result.is_err() {
            tracing::error!("panic in a peer connection; dropping it");
            self.break_down();
        }
        result.ok()
    }
}

/// What is negotiated on every connection.
fn config(env: &Env, crypto: &Arc<CryptoProvider>) -> RtcConfig {
    let config = RtcConfig::new()
        .set_crypto_provider(Arc::clone(crypto))
        .set_rtp_mode(true)
        .set_stats_interval(Some(reports::INTERVAL))
        .set_rtcp_report_interval_audio(NEVER)
        .clear_codecs()
        .enable_opus(true, true)
        .enable_pcmu(true, false)
        .enable_pcma(true, false)
        .enable_g722(true, false)
        .enable_comfort_noise(env.comfort_noise)
        .enable_vp8(true)
        .enable_h264(true)
        .clear_extension_map()
        .set_extension(1, Extension::AudioLevel)
        .set_extension(4, Extension::RtpMid);
    match &env.certificate {
        Some(certificate) => config.set_dtls_cert(certificate.clone()),
        None => config,
    }
}
