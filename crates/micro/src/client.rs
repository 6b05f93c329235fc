//! A room's client in memory: one peer connection that publishes a microphone and receives one track.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Context;
use livekit_protocol as proto;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelConfig;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// What the client calls its track.
pub(crate) const CID: &str = "microphone";

/// A datagram and where it goes to.
pub(crate) type Datagram = (SocketAddr, Vec<u8>);

pub(crate) struct Client {
    rtc: Rtc,
    pub(crate) address: SocketAddr,
    microphone: Option<Mid>,
    /// The section it receives on.
    pub(crate) ear: Option<Mid>,
    pending: Option<SdpPendingOffer>,
    pub(crate) connected: bool,
    due: Instant,
}

impl Client {
    pub(crate) fn new(now: Instant, address: SocketAddr) -> anyhow::Result<Self> {
        let mut rtc = RtcConfig::new()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_pcmu(true, false)
            .enable_pcma(true, false)
            .build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp")?);
        Ok(Self { rtc, address, microphone: None, ear: None, pending: None, connected: false, due: now })
    }

    /// The offer of its join request: a section to receive on, one to publish on, and a data channel.
    pub(crate) fn offer(&mut self) -> anyhow::Result<proto::SessionDescription> {
        let mut api = self.rtc.sdp_api();
        self.ear = Some(api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None));
        let (stream, cid) = (Some("stream".to_owned()), Some(CID.to_owned()));
        self.microphone = Some(api.add_media(MediaKind::Audio, Direction::SendOnly, stream, cid, None));
        api.add_channel_with_config(ChannelConfig { label: "_reliable".to_owned(), ..Default::default() });
        let (offer, pending) = api.apply().context("nothing to offer")?;
        self.pending = Some(pending);
        let sdp = offer.to_sdp_string();
        Ok(proto::SessionDescription { r#type: "offer".to_owned(), sdp, id: 1, ..Default::default() })
    }

    pub(crate) fn answered(&mut self, sdp: &str) -> anyhow::Result<()> {
        let pending = self.pending.take().context("an answer to no offer")?;
        self.rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(sdp)?)?;
        Ok(())
    }

    pub(crate) fn receive(&mut self, now: Instant, from: SocketAddr, data: &[u8]) -> anyhow::Result<()> {
        let packet = Receive::new(Protocol::Udp, from, self.address, data)?;
        Ok(self.rtc.handle_input(Input::Receive(now, packet))?)
    }

    /// What it wants sent by now.
    pub(crate) fn poll(&mut self, now: Instant) -> anyhow::Result<Vec<Datagram>> {
        if self.due <= now {
            self.rtc.handle_input(Input::Timeout(now))?;
        }
        let mut out = Vec::new();
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.due = at;
                    return Ok(out);
                }
                Output::Transmit(transmit) => out.push((transmit.destination, transmit.contents.into())),
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(_) => {}
            }
        }
    }

    /// One packet of its microphone, encrypted. What else it would send is left out.
    pub(crate) fn speak(&mut self, now: Instant, seq: u64, payload: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mid = self.microphone.context("it publishes nothing")?;
        let opus = |p: &str0m::format::PayloadParams| p.spec().codec == str0m::format::Codec::Opus;
        let pt = self.rtc.codec_config().find(opus).context("no Opus")?.pt();
        let ext =
            ExtensionValues { audio_level: Some(-20), voice_activity: Some(true), ..Default::default() };
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_tx_by_mid(mid, None).context("no stream to send on")?;
        let timestamp = u32::try_from(seq * 960)?;
        stream.write_rtp(RtpWrite::new(pt, seq.into(), timestamp, now, payload).ext_vals(ext));
        self.due = now;
        let audio = |data: &[u8]| data.get(1).is_some_and(|byte| byte & 0x7f == *pt);
        let sent = self.poll(now)?.into_iter().map(|(_, data)| data);
        sent.into_iter().find(|data| audio(data)).context("the packet did not come out")
    }
}
