//! Video on its way from a client to those that subscribed, as it was published: payloads are shared and never decoded.
//!
//! A published video has one layer or several (`layers`); each subscriber gets one of them at a time, by what it asks for
//! and what flows, as one unbroken stream (`rewrite`). A change of layers waits for a key frame, which the publisher is
//! asked for (PLI, RFC 4585 §6.3.1). Participants inside the server, such as phones, never get video. Audio passes none
//! of this.

mod codec;
mod dynacast;
mod forward;
mod layers;
mod rewrite;
mod settings;

use std::time::Instant;

use livekit_protocol as proto;
use str0m::media::{Mid, Rid};

use crate::ids::ParticipantId;

pub(crate) use codec::{VideoCodec, VideoFormat};
use dynacast::Sought;
use layers::Layers;
pub(crate) use layers::Wish;
use rewrite::{Numbers, Rewrite, Rewritten};
pub(crate) use settings::set_layers;

/// What a published video is made of, besides what every track is.
#[derive(Debug)]
pub(crate) struct Video {
    /// The format it is published in.
    pub(crate) format: VideoFormat,
    /// All formats that its publisher may change to.
    formats: Vec<VideoFormat>,
    layers: Layers,
    /// Which of them its publisher is told to send.
    sought: Sought,
    pub(crate) downlinks: Vec<VideoDownlink>,
}

/// A video on its way to one client.
#[derive(Debug)]
pub(crate) struct VideoDownlink {
    pub(crate) to: ParticipantId,
    mid: Mid,
    /// What the section takes.
    formats: Vec<VideoFormat>,
    /// The payload type of the published format there; `None`: it does not take it.
    payload_type: Option<u8>,
    /// What the client asks for; `None`: it is paused.
    wish: Option<Wish>,
    /// The layer it gets; `None`: it waits for a key frame.
    layer: Option<usize>,
    rewrite: Rewrite,
}

impl Video {
    /// A video published in the first of these formats, in layers with these RIDs.
    pub(crate) fn new(formats: Vec<VideoFormat>, rids: &[Rid], info: &proto::TrackInfo) -> Option<Self> {
        let format = *formats.first()?;
        let layers = Layers::new(rids);
        let sought = Sought::new(layers.count());
        let mut video = Self { format, formats, layers, sought, downlinks: Vec::new() };
        video.sized(info);
        Some(video)
    }

    /// Takes in the sizes that its publisher tells.
    pub(crate) fn sized(&mut self, info: &proto::TrackInfo) {
        let told = info.codecs.first().map(|codec| codec.layers.as_slice()).unwrap_or_default();
        self.layers.set_sizes(told, info.width, info.height);
    }

    /// All formats that its publisher may change to, the one it began with first.
    pub(crate) fn formats(&self) -> &[VideoFormat] {
        &self.formats
    }

    /// The RIDs of its layers, where there are several.
    pub(crate) fn rids(&self) -> Vec<Rid> {
        (0..self.layers.count()).filter_map(|index| self.layers.rid(index)).collect()
    }

    /// Somebody in another room needs a key frame of a layer.
    pub(crate) fn layer_wanted(&mut self, rid: Option<Rid>) {
        if let Some(index) = self.layers.find(rid) {
            self.layers.want_key_frame(index);
        }
    }

    /// How many layers it was published with.
    pub(crate) fn layer_count(&self) -> usize {
        self.layers.count()
    }

    /// A client gets it from now on. False when it does not take the format.
    pub(crate) fn add(
        &mut self,
        to: ParticipantId,
        mid: Mid,
        formats: &[VideoFormat],
        wish: Option<Wish>,
        first_seq: u16,
    ) -> bool {
        let Some(format) = self.format.closest(formats) else { return false };
        self.downlinks.push(VideoDownlink {
            to,
            mid,
            formats: formats.to_vec(),
            payload_type: Some(format.payload_type),
            wish,
            layer: None,
            rewrite: Rewrite::new(first_seq),
        });
        true
    }

    /// What a client asks for has changed.
    pub(crate) fn wished(&mut self, now: Instant, to: ParticipantId, wish: Option<Wish>) {
        let Some(downlink) = self.downlinks.iter_mut().find(|downlink| downlink.to == to) else { return };
        downlink.wish = wish;
        match wish {
            None => downlink.layer = None,
            Some(wish) => {
                let target = self.layers.choose(now, wish);
                if downlink.layer != Some(target) {
                    self.layers.want_key_frame(target);
                }
            }
        }
    }

    /// A client needs a key frame of what it gets.
    pub(crate) fn key_frame_wanted(&mut self, now: Instant, to: ParticipantId) {
        let Some(downlink) = self.downlinks.iter().find(|downlink| downlink.to == to) else { return };
        if let Some(wish) = downlink.wish {
            let layer = downlink.layer.unwrap_or_else(|| self.layers.choose(now, wish));
            self.layers.want_key_frame(layer);
        }
    }

    /// Numbers that a client never got of it; `None`: it does not get it.
    pub(crate) fn gaps_towards(&self, to: ParticipantId) -> Option<u64> {
        self.downlinks.iter().find(|downlink| downlink.to == to).map(|downlink| downlink.rewrite.gaps())
    }

    /// The stream was interrupted: everybody needs a key frame to go on.
    pub(crate) fn interrupted(&mut self) {
        self.downlinks.iter_mut().for_each(|downlink| downlink.layer = None);
    }

    /// The RID of the layer whose publisher is to be asked for a key frame now, if any.
    pub(crate) fn ask_key_frame(&mut self, now: Instant) -> Option<Option<Rid>> {
        self.layers.ask_key_frame(now).map(|index| self.layers.rid(index))
    }

    /// The publisher sends another of its formats now.
    fn changed(&mut self, payload_type: u8) -> bool {
        let Some(format) = self.formats.iter().find(|format| format.payload_type == payload_type) else {
            return false;
        };
        self.format = *format;
        for downlink in &mut self.downlinks {
            downlink.payload_type = format.closest(&downlink.formats).map(|format| format.payload_type);
            downlink.layer = None;
        }
        true
    }
}

impl VideoDownlink {
    /// The subscriber's numbers for a packet of layer `index`; `None` if it does not get it. `key_frame`: a decoder can begin
    /// with this packet.
    fn take(
        &mut self,
        now: Instant,
        layers: &mut Layers,
        index: usize,
        packet: &Packet<'_>,
    ) -> Option<(u8, Rewritten)> {
        let (payload_type, wish) = (self.payload_type?, self.wish?);
        let (codec, payload) = (packet.codec, packet.payload);
        if self.layer == Some(index) && !self.rewrite.follows(packet.numbers) {
            self.layer = None;
        }
        let target = layers.choose(now, wish);
        if target == index && self.layer != Some(index) {
            if packet.key_frame {
                self.rewrite.switch(now, packet.numbers, codec, payload);
                self.layer = Some(index);
            } else {
                layers.want_key_frame(index);
            }
        }
        if self.layer != Some(index) {
            return None;
        }
        self.rewrite.map(now, packet.numbers, codec, payload).map(|rewritten| (payload_type, rewritten))
    }
}

/// A packet of a layer, as far as subscribers' numbers need it.
struct Packet<'a> {
    numbers: Numbers,
    codec: VideoCodec,
    payload: &'a [u8],
    /// A decoder can begin with it.
    key_frame: bool,
}

#[cfg(test)]
mod tests;
