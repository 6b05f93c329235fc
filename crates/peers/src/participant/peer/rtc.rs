//! The media engine's set-up, and its events in our words.

use std::sync::Arc;
use std::time::Instant;

use media::codec::AudioCodec;
use str0m::channel::ChannelData;
use str0m::format::Codec as EngineCodec;
use str0m::media::Pt;
use str0m::rtp::{Extension, RtpPacket};
use str0m::{Event, Rtc, RtcConfig};

use super::{AudioPacket, Peer, PeerOutput, offer};

/// An engine that takes Opus (and G.711 with its comfort noise if asked) packet by packet.
pub(super) fn build(g711: bool, now: Instant) -> Rtc {
    RtcConfig::new()
        .set_crypto_provider(Arc::new(str0m::crypto::from_feature_flags()))
        .set_rtp_mode(true)
        .clear_codecs()
        .enable_opus(true, false)
        .enable_pcmu(g711, false)
        .enable_pcma(g711, false)
        .enable_comfort_noise(g711)
        .clear_extension_map()
        .set_extension(1, Extension::AudioLevel)
        .set_extension(4, Extension::RtpMid)
        .build(now)
}

/// The payload type a codec was negotiated under.
pub(super) fn payload_type(rtc: &Rtc, codec: AudioCodec) -> Option<Pt> {
    let mut params = rtc.codec_config().params().iter();
    params.find(|params| name(params.spec().codec) == Some(codec)).map(|params| params.pt())
}

/// What a payload type is; of comfort noise no codec.
fn codec(rtc: &Rtc, pt: Pt) -> Option<Option<AudioCodec>> {
    let params = rtc.codec_config().params().iter().find(|params| params.pt() == pt)?;
    match params.spec().codec {
        EngineCodec::CN => Some(None),
        codec => name(codec).map(Some),
    }
}

fn name(codec: EngineCodec) -> Option<AudioCodec> {
    match codec {
        EngineCodec::Opus => Some(AudioCodec::Opus),
        EngineCodec::PCMU => Some(AudioCodec::Pcmu),
        EngineCodec::PCMA => Some(AudioCodec::Pcma),
        _ => None,
    }
}

impl Peer {
    pub(super) fn translate(&mut self, event: Event) -> Option<PeerOutput> {
        match event {
            Event::Connected => Some(PeerOutput::Connected),
            Event::Closed => Some(PeerOutput::Closed),
            Event::ChannelOpen(id, label) => {
                match label.as_str() {
                    offer::RELIABLE => self.channels.reliable = Some(id),
                    offer::LOSSY => self.channels.lossy = Some(id),
                    _ => {}
                }
                let ready = self.channels.reliable.is_some() && self.channels.lossy.is_some();
                let news = ready && !std::mem::replace(&mut self.channels.told, ready);
                news.then_some(PeerOutput::DataReady)
            }
            Event::ChannelData(data) => self.data(data),
            Event::RtpPacket(packet) => self.audio(packet),
            _ => None,
        }
    }

    fn data(&self, data: ChannelData) -> Option<PeerOutput> {
        let reliable = Some(data.id) == self.channels.reliable;
        let known = reliable || Some(data.id) == self.channels.lossy;
        (known && data.binary).then_some(PeerOutput::Data { reliable, data: data.data })
    }

    fn audio(&mut self, packet: RtpPacket) -> Option<PeerOutput> {
        let codec = codec(&self.rtc, packet.header.payload_type)?;
        let ssrc = packet.header.ssrc;
        let mid = self.rtc.direct_api().stream_rx(&ssrc)?.mid();
        Some(PeerOutput::Audio(AudioPacket {
            mid: mid.to_string(),
            ssrc: *ssrc,
            codec,
            seq: *packet.seq_no,
            timestamp: packet.header.timestamp,
            payload: packet.payload,
        }))
    }
}
