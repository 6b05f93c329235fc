//! One received track: packets in, a recording, levels and statistics out.

use std::path::Path;
use std::time::{Duration, Instant};

use media::codec::{AudioCodec, g711, opus};

use super::config::{Listening, ParticipantConfig};
use super::event::{Heard, ParticipantEvent};
use super::peer::AudioPacket;
use super::tap::{TapHandle, TappedPacket};
use crate::measure::{SILENCE_DBFS, dbfs};
use crate::sound::Recorder;

/// Longest Opus packet (RFC 6716 §3.2.5: 120 ms) at 48 kHz.
const MAX_FRAME: usize = 5760;
/// A packet above this is a sound.
const SOUND_DBFS: f64 = -60.0;

/// Listens to one track.
pub(super) struct Ear {
    heard: Heard,
    decoder: Option<opus::Decoder>,
    recorder: Option<Recorder>,
    anchor: Option<Anchor>,
    last_packet: Option<Instant>,
    level: f64,
    pcm: Vec<i16>,
}

/// Ties the media time of one stream to the time since the first packet of the track.
struct Anchor {
    ssrc: u32,
    codec: AudioCodec,
    timestamp: u32,
    /// Seconds after the first packet of the track.
    offset: f64,
    highest_seq: u64,
}

impl Ear {
    pub(super) fn new(track_sid: String, identity: String) -> Self {
        let heard = Heard { track_sid, identity, ..Heard::default() };
        Self {
            heard,
            decoder: None,
            recorder: None,
            anchor: None,
            last_packet: None,
            level: SILENCE_DBFS,
            pcm: vec![0; MAX_FRAME],
        }
    }

    /// Takes a packet in.
    pub(super) fn packet(
        &mut self,
        now: Instant,
        packet: &AudioPacket,
        config: &ParticipantConfig,
    ) -> Option<ParticipantEvent> {
        let news = packet.codec.and_then(|codec| self.notice_codec(codec));
        self.count(now, packet);
        if let Some(TapHandle(tap)) = &config.tap {
            let AudioPacket { codec, seq, timestamp, payload, .. } = packet;
            let (codec, seq, timestamp) = (*codec, *seq, *timestamp);
            tap.heard(&self.heard.identity, &TappedPacket { at: now, codec, seq, timestamp, payload });
            if let Some(codec) = codec {
                self.position(now, packet, codec);
            }
            return news;
        }
        // A silence is as long as the recording has nothing.
        let Some(codec) = packet.codec else { return news };
        if config.listening == Listening::Count && self.heard.first_sound.is_some() {
            return news;
        }
        let position = self.position(now, packet, codec);
        let Some(samples) = self.decode(codec, &packet.payload) else {
            self.heard.damaged += 1;
            return news;
        };
        let level = dbfs(&self.pcm[..samples]);
        self.level = self.level.max(level);
        if level > SOUND_DBFS && self.heard.first_sound.is_none() {
            self.heard.first_sound = Some(now);
        }
        if let Some(folder) = &config.record {
            self.record(folder, codec, position, samples);
        }
        news
    }

    /// The loudest packet since the last call, in dBFS.
    pub(super) fn take_level(&mut self) -> f64 {
        std::mem::replace(&mut self.level, SILENCE_DBFS)
    }

    /// What was heard so far.
    pub(super) fn heard(&self) -> Heard {
        self.heard.clone()
    }

    /// Closes the recording.
    pub(super) fn finish(mut self) -> Heard {
        match self.recorder.take().map(Recorder::finish).transpose() {
            Ok(recorded) => self.heard.recorded = recorded,
            Err(error) => tracing::warn!(%error, "a recording was lost"),
        }
        self.heard
    }

    fn notice_codec(&mut self, codec: AudioCodec) -> Option<ParticipantEvent> {
        let before = self.heard.codec.replace(codec);
        let track_sid = self.heard.track_sid.clone();
        match before {
            None => Some(ParticipantEvent::FirstAudio { track_sid, codec }),
            Some(before) if before != codec => Some(ParticipantEvent::CodecChanged { track_sid, codec }),
            Some(_) => None,
        }
    }

    fn count(&mut self, now: Instant, packet: &AudioPacket) {
        self.heard.packets += 1;
        self.heard.first_packet.get_or_insert(now);
        let gap = self.last_packet.replace(now).map_or(Duration::ZERO, |last| now - last);
        self.heard.longest_gap = self.heard.longest_gap.max(gap);
        let Some(anchor) = self.anchor.as_mut().filter(|anchor| anchor.ssrc == packet.ssrc) else { return };
        if packet.seq > anchor.highest_seq {
            self.heard.lost += packet.seq - anchor.highest_seq - 1;
            anchor.highest_seq = packet.seq;
        } else if packet.seq < anchor.highest_seq {
            // It was counted as lost when its successor came.
            self.heard.lost = self.heard.lost.saturating_sub(1);
        }
    }

    /// Where the packet belongs, in seconds after the first packet of the track. A new stream (SSRC or
    /// clock) continues where its first packet arrives.
    fn position(&mut self, now: Instant, packet: &AudioPacket, codec: AudioCodec) -> f64 {
        let same =
            |anchor: &&Anchor| anchor.ssrc == packet.ssrc && anchor.codec.rtp_clock() == codec.rtp_clock();
        if let Some(anchor) = self.anchor.as_ref().filter(same) {
            let ticks = packet.timestamp.wrapping_sub(anchor.timestamp) as i32;
            return anchor.offset + f64::from(ticks) / f64::from(codec.rtp_clock());
        }
        let offset = self.heard.first_packet.map_or(Duration::ZERO, |first| now - first).as_secs_f64();
        self.anchor = Some(Anchor {
            ssrc: packet.ssrc,
            codec,
            timestamp: packet.timestamp,
            offset,
            highest_seq: packet.seq,
        });
        offset
    }

    /// Decodes into the buffer and tells how many samples there are, at the codec's clock.
    fn decode(&mut self, codec: AudioCodec, payload: &[u8]) -> Option<usize> {
        match codec {
            AudioCodec::Opus => {
                if self.decoder.is_none() {
                    self.decoder = opus::Decoder::new(AudioCodec::Opus.rtp_clock()).ok();
                }
                let decoder = self.decoder.as_mut()?;
                decoder.decode(Some(payload), false, &mut self.pcm).ok()
            }
            AudioCodec::Pcmu => {
                let out = self.pcm.get_mut(..payload.len()).filter(|out| !out.is_empty())?;
                Some(g711::decode_ulaw(payload, out))
            }
            AudioCodec::Pcma => {
                let out = self.pcm.get_mut(..payload.len()).filter(|out| !out.is_empty())?;
                Some(g711::decode_alaw(payload, out))
            }
            // Not among those that are offered.
            _ => None,
        }
    }

    fn record(&mut self, folder: &Path, codec: AudioCodec, position: f64, samples: usize) {
        if self.recorder.is_none() {
            let name = format!("{}-{}.wav", self.heard.identity, self.heard.track_sid);
            let path = folder.join(crate::sound::file_name(&name));
            match Recorder::create(&path, codec.rtp_clock()) {
                Ok(recorder) => self.recorder = Some(recorder),
                Err(error) => return tracing::warn!(%error, "nothing is recorded"),
            }
        }
        let Some(recorder) = self.recorder.as_mut() else { return };
        let at = (position.max(0.0) * f64::from(recorder.rate())).round() as u64;
        let pcm = &self.pcm[..samples];
        let placed = match recorder.rate() == codec.rtp_clock() {
            true => recorder.place(at, pcm),
            false => recorder.place(at, &at_rate(pcm, codec.rtp_clock(), recorder.rate())),
        };
        if let Err(error) = placed {
            tracing::warn!(%error, "the recording ends here");
            self.recorder = None;
        }
    }
}

/// The samples at another rate, by the nearest one: good enough where a codec changes in mid-stream.
fn at_rate(pcm: &[i16], from: u32, to: u32) -> Vec<i16> {
    let length = pcm.len() as u64 * u64::from(to) / u64::from(from);
    (0..length).map(|n| pcm[(n * u64::from(from) / u64::from(to)) as usize]).collect()
}

#[cfg(test)]
#[path = "ear_tests.rs"]
mod tests;
