//! Room to phone: one frame every 20 ms, from the answer to the end, whoever talks.
//!
//! Each talker has a playout buffer; one talker's frame goes out as it is, several are mixed, nobody is silence. A digit's
//! packets, or its sound where the phone takes none, take the place of audio frames. With one talker the 20 ms clock moves close behind the talker's arrivals.

use std::time::{Duration, Instant};

use media::codec::{AudioCodec, g711, g722};
use media::dtmf::tones::Player;
use media::dtmf::{DialString, EventPacket, QueueFull, Sender, SenderStep};
use media::jitter::{FRAME, PlayoutBuffer, PlayoutStats, Pulled, TalkerCodec};
use media::mix::Mixer;
use media::resample::Double;
use room::TrackSid;

/// The telephone's sample rate.
const RATE: u32 = 8_000;
/// The clock of the frames.
pub(super) const TICK: Duration = Duration::from_millis(20);
/// The clock moves by at most this much per frame, so that the phone's own jitter buffer does not notice.
const MAX_SHIFT: Duration = Duration::from_micros(500);
/// Talkers that are listened to at once. More than a phone's ear can tell apart.
const MAX_TALKERS: usize = 32;
/// A talker who has sent nothing for this long is not asked for frames.
const IDLE: Duration = Duration::from_secs(2);

/// One track of the room.
#[derive(Debug)]
struct Talker {
    track: TrackSid,
    buffer: PlayoutBuffer,
    last_packet: Instant,
}

/// A packet of a talker.
#[derive(Debug, Clone, Copy)]
pub struct TalkerPacket<'a> {
    /// Whose.
    pub track: &'a TrackSid,
    /// In which codec.
    pub codec: room::Codec,
    /// RTP sequence number as sent.
    pub seq: u16,
    /// RTP timestamp in the codec's clock.
    pub timestamp: u32,
    /// The codec's payload.
    pub payload: &'a [u8],
}

/// What the next 20 ms towards the phone are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// A digit's packet.
    Event(EventPacket),
    /// The coded frame.
    Audio {
        /// Somebody talks in it.
        audible: bool,
    },
}

/// The way from 8 kHz to G.722. What is mixed is narrowband: the phone hears no more than with G.711.
#[derive(Debug, Default)]
struct Wide {
    double: Double,
    encoder: g722::Encoder,
}

impl Wide {
    fn encode(&mut self, pcm: &[i16; FRAME], out: &mut [u8; FRAME]) -> usize {
        let mut wide = [0; 2 * FRAME];
        self.double.process(pcm, &mut wide);
        self.encoder.encode(&wide, out)
    }
}

/// The phone's ear on the room.
#[derive(Debug)]
pub(super) struct ToPhone {
    talkers: Vec<Talker>,
    /// Statistics of talkers that have gone.
    gone: PlayoutStats,
    mixer: Mixer,
    digits: Sender,
    /// Digits as sound.
    tones: Player,
    pcm: [i16; FRAME],
    coded: [u8; FRAME],
    /// For a phone that speaks wideband.
    wide: Option<Box<Wide>>,
    /// How far the clock may move closer to the one talker.
    shift: Duration,
}

impl ToPhone {
    pub(super) fn new() -> Self {
        Self {
            talkers: Vec::new(),
            gone: PlayoutStats::default(),
            mixer: Mixer::new(),
            digits: Sender::new(),
            tones: Player::new(RATE),
            pcm: [0; FRAME],
            coded: [0; FRAME],
            wide: None,
            shift: Duration::ZERO,
        }
    }

    pub(super) fn dial(&mut self, digits: &DialString) -> Result<(), QueueFull> {
        self.digits.push(digits)
    }

    pub(super) fn is_dialing(&self) -> bool {
        !self.digits.is_idle()
    }

    /// A packet of the room.
    pub(super) fn insert(&mut self, now: Instant, packet: &TalkerPacket<'_>) {
        let Some(talker) = self.talker(now, packet.track) else { return };
        talker.last_packet = now;
        talker.buffer.insert(now, packet.seq, packet.timestamp, packet.payload, codec(packet.codec));
    }

    /// A track has ended.
    pub(super) fn remove(&mut self, track: &TrackSid) {
        if let Some(index) = self.talkers.iter().position(|talker| talker.track == *track) {
            let talker = self.talkers.swap_remove(index);
            add(&mut self.gone, &talker.buffer.stats());
        }
    }

    /// Makes the next 20 ms; the coded audio is in [`ToPhone::coded`]. `events`: the phone takes telephone-events.
    pub(super) fn tick(&mut self, now: Instant, law: AudioCodec, events: bool) -> Frame {
        let audible = self.mix(now);
        match self.digits.step() {
            SenderStep::Event(packet) if events => return Frame::Event(packet),
            SenderStep::Event(packet) => self.tones.fill(&packet, &mut self.pcm),
            SenderStep::Audio | SenderStep::Idle => {}
        }
        match law {
            AudioCodec::Pcma => g711::encode_alaw(&self.pcm, &mut self.coded),
            AudioCodec::G722 => self.wide.get_or_insert_default().encode(&self.pcm, &mut self.coded),
            _ => g711::encode_ulaw(&self.pcm, &mut self.coded),
        };
        Frame::Audio { audible }
    }

    pub(super) fn coded(&self) -> &[u8] {
        &self.coded
    }

    /// When the frame after the one of `tick` is due.
    pub(super) fn after(&self, tick: Instant) -> Instant {
        tick + TICK - self.shift
    }

    pub(super) fn stats(&self) -> PlayoutStats {
        let mut all = self.gone;
        for talker in &self.talkers {
            add(&mut all, &talker.buffer.stats());
        }
        all
    }

    /// Mixes whoever talks into `pcm`; false for silence.
    fn mix(&mut self, now: Instant) -> bool {
        let mut spare = None;
        let mut active = 0;
        for talker in &mut self.talkers {
            if now.saturating_duration_since(talker.last_packet) > IDLE {
                continue;
            }
            active += 1;
            if talker.buffer.pull(now, &mut self.pcm) != Pulled::Silence {
                self.mixer.add(&self.pcm);
            }
            spare = Some(talker.buffer.spare());
        }
        self.shift = if active == 1 { spare.unwrap_or_default().min(MAX_SHIFT) } else { Duration::ZERO };
        self.mixer.finish(&mut self.pcm) > 0
    }

    fn talker(&mut self, now: Instant, track: &TrackSid) -> Option<&mut Talker> {
        if let Some(index) = self.talkers.iter().position(|talker| talker.track == *track) {
            return self.talkers.get_mut(index);
        }
        if self.talkers.len() >= MAX_TALKERS {
            let idle = self
                .talkers
                .iter()
                .find(|talker| now.saturating_duration_since(talker.last_packet) > IDLE)
                .map(|talker| talker.track.clone())?;
            self.remove(&idle);
        }
        self.talkers.push(Talker { track: track.clone(), buffer: PlayoutBuffer::new(), last_packet: now });
        self.talkers.last_mut()
    }
}

fn codec(codec: room::Codec) -> TalkerCodec {
    match codec {
        room::Codec::Pcmu => TalkerCodec::Pcmu,
        room::Codec::Pcma => TalkerCodec::Pcma,
        room::Codec::Opus => TalkerCodec::Opus,
    }
}

fn add(all: &mut PlayoutStats, one: &PlayoutStats) {
    all.packets += one.packets;
    all.late += one.late;
    all.duplicates += one.duplicates;
    all.unusable += one.unusable;
    all.overflowed += one.overflowed;
    all.lost += one.lost;
    all.recovered += one.recovered;
    all.concealed += one.concealed;
    all.inserted_silence += one.inserted_silence;
    all.shortened += one.shortened;
    all.lengthened += one.lengthened;
    all.restarts += one.restarts;
    all.depth = all.depth.max(one.depth);
    all.target = all.target.max(one.target);
}
