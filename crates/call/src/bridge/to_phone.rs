//! Room to phone: sound without a pause, from the answer to the end, whoever talks.
//!
//! Each talker has a playout buffer; every 20 ms one talker's frame goes on as it is, several are mixed, nobody is silence, which
//! is sent too unless the phone takes descriptions of it (`coder`). A digit's packets, or its sound where the phone takes none,
//! take the place of audio. With one talker the 20 ms clock moves close behind the talker's arrivals (`alignment`). A phone that
//! speaks wideband hears the room so.

use std::time::{Duration, Instant};

use media::codec::FRAME_MS;
use media::dtmf::tones::Player;
use media::dtmf::{DialString, EventPacket, QueueFull, Sender, SenderStep};
use media::jitter::{PlayoutBuffer, PlayoutStats, Pulled, TalkerCodec, Width};
use media::mix::{MAX_FRAME, Mixer, fade_in, fade_out};
use room::TrackSid;

use super::alignment::Alignment;
use super::coder::{Coded, Coder, STEP_MS, Shape};

/// The clock of the frames.
pub(super) const TICK: Duration = Duration::from_millis(FRAME_MS as u64);
/// Half of it: packets of 10 and 30 ms are sent between frames too.
const STEP: Duration = Duration::from_millis(STEP_MS as u64);
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
    /// Nothing of it has been heard yet.
    begins: bool,
    /// The track has ended: the talker goes when the last words are through.
    ended: bool,
    /// They are.
    gone: bool,
}

impl Talker {
    /// Whether anything has come of it lately.
    fn was_heard(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_packet) <= IDLE
    }

    /// Its part in this frame; false for silence. It begins and ends with a slope, wherever its track was cut.
    fn frame(&mut self, now: Instant, pcm: &mut [i16]) -> bool {
        self.gone = self.ended && !self.buffer.has_more();
        if self.buffer.pull(now, pcm) == Pulled::Silence {
            return false;
        }
        if std::mem::take(&mut self.begins) {
            fade_in(pcm);
        }
        if self.gone {
            fade_out(pcm);
        }
        true
    }
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

/// What is to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// A digit's packet. So many ms of audio that waited are left out for it.
    Event(EventPacket, u32),
    /// A packet of so many ms; audio is in [`ToPhone::coded`].
    Packet(Coded, u32),
    /// The packet is not full yet.
    Nothing,
}

/// The phone's ear on the room.
#[derive(Debug)]
pub(super) struct ToPhone {
    talkers: Vec<Talker>,
    /// Statistics of talkers that have gone.
    gone: PlayoutStats,
    /// Packets of talkers for whom there was no place.
    unheard: u64,
    width: Width,
    mixer: Mixer,
    digits: Sender,
    /// Digits as sound.
    tones: Player,
    pcm: [i16; MAX_FRAME],
    coder: Option<Box<Coder>>,
    /// The next step is in the midst of a frame.
    midway: bool,
    /// Somebody talks in what is collected for the next packet.
    audible: bool,
    alignment: Alignment,
}

impl ToPhone {
    pub(super) fn new() -> Self {
        Self {
            talkers: Vec::new(),
            gone: PlayoutStats::default(),
            unheard: 0,
            width: Width::default(),
            mixer: Mixer::new(),
            digits: Sender::new(),
            tones: Player::new(Width::default().sample_rate()),
            pcm: [0; MAX_FRAME],
            coder: None,
            midway: false,
            audible: false,
            alignment: Alignment::default(),
        }
    }

    /// What the phone wants to get from now on.
    pub(super) fn shape(&mut self, shape: Shape) {
        if self.coder.as_ref().is_some_and(|coder| coder.shape() == shape) {
            return;
        }
        self.coder = Some(Box::new(Coder::new(shape)));
        if self.width != shape.width() {
            self.width = shape.width();
            self.tones = Player::new(self.width.sample_rate());
            self.talkers.iter_mut().for_each(|talker| talker.buffer.set_width(self.width));
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
        let Some(codec) = codec(packet.codec) else { return };
        let Some(talker) = self.talker(now, packet.track) else {
            self.unheard += 1;
            return;
        };
        talker.last_packet = now;
        talker.buffer.insert(now, packet.seq, packet.timestamp, packet.payload, codec);
    }

    /// A track has ended. What waits of it is still heard.
    pub(super) fn ended(&mut self, track: &TrackSid) {
        if let Some(talker) = self.talkers.iter_mut().find(|talker| talker.track == *track) {
            talker.ended = true;
        }
    }

    /// Forgets everybody: what they said will not be heard any more.
    pub(super) fn clear(&mut self) {
        self.sort_out(|_| true);
    }

    /// Whether somebody has said what the phone has not heard yet.
    pub(super) fn has_more(&self) -> bool {
        self.talkers.iter().any(|talker| talker.buffer.has_more())
    }

    fn sort_out(&mut self, gone: impl Fn(&Talker) -> bool) {
        let stats = &mut self.gone;
        self.talkers.retain(|talker| {
            let goes = gone(talker);
            if goes {
                add(stats, &talker.buffer.stats());
            }
            !goes
        });
    }

    /// Makes what is due; `events`: the phone takes telephone-events. `hush`: the talkers are not to be heard yet, what
    /// they say waits.
    pub(super) fn step(&mut self, now: Instant, events: bool, hush: bool) -> Outgoing {
        let Some(mut coder) = self.coder.take() else { return Outgoing::Nothing };
        let steps = if coder.shape().needs_steps() { 1 } else { FRAME_MS / STEP_MS };
        let outgoing = if std::mem::take(&mut self.midway) {
            audio(&mut coder, steps)
        } else {
            self.midway = coder.shape().needs_steps();
            self.frame(now, &mut coder, steps, events, hush)
        };
        self.coder = Some(coder);
        outgoing
    }

    fn frame(&mut self, now: Instant, coder: &mut Coder, steps: u32, events: bool, hush: bool) -> Outgoing {
        let frame = self.width.frame();
        if hush {
            self.pcm[..frame].fill(0);
            self.alignment.stay();
        } else {
            self.audible |= self.mix(now);
        }
        match self.digits.step() {
            SenderStep::Event(packet) if events => {
                self.audible = false;
                return Outgoing::Event(packet, coder.drop_waiting());
            }
            SenderStep::Event(packet) => self.tones.fill(&packet, &mut self.pcm[..frame]),
            SenderStep::Audio | SenderStep::Idle => {}
        }
        coder.push(&self.pcm[..frame]);
        audio(coder, steps)
    }

    pub(super) fn coded(&self) -> &[u8] {
        self.coder.as_ref().map_or(&[], |coder| coder.coded())
    }

    /// Whether the next step is in the midst of a frame.
    pub(super) fn is_midway(&self) -> bool {
        self.midway
    }

    /// Whether somebody has talked in what was made since this was asked last.
    pub(super) fn take_audible(&mut self) -> bool {
        std::mem::take(&mut self.audible)
    }

    /// When the step after the one at `due` is due.
    pub(super) fn after(&self, due: Instant) -> Instant {
        let steps = self.coder.as_ref().is_some_and(|coder| coder.shape().needs_steps());
        match (steps, self.midway) {
            (false, _) => self.alignment.apply(due + TICK),
            // The clock moves once a frame.
            (true, true) => self.alignment.apply(due + STEP),
            (true, false) => due + STEP,
        }
    }

    /// Packets of talkers for whom there was no place.
    pub(super) fn unheard(&self) -> u64 {
        self.unheard
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
        let alone = self.talkers.iter().filter(|talker| talker.was_heard(now)).count() == 1;
        let clock_helps = if alone { self.alignment.helps() } else { Duration::ZERO };
        let mut ended = false;
        self.alignment.stay();
        for talker in &mut self.talkers {
            ended |= talker.ended;
            if !talker.was_heard(now) {
                continue;
            }
            talker.buffer.clock_helps(clock_helps);
            let pcm = &mut self.pcm[..self.width.frame()];
            if talker.frame(now, pcm) {
                self.mixer.add(pcm);
            }
            if alone {
                self.alignment.follow(talker.buffer.spare(), talker.buffer.short());
            }
        }
        if ended {
            self.sort_out(|talker| talker.gone || (talker.ended && !talker.was_heard(now)));
        }
        self.mixer.finish(&mut self.pcm[..self.width.frame()]) > 0
    }

    fn talker(&mut self, now: Instant, track: &TrackSid) -> Option<&mut Talker> {
        if let Some(index) = self.talkers.iter().position(|talker| talker.track == *track) {
            return self.talkers.get_mut(index);
        }
        if self.talkers.len() >= MAX_TALKERS {
            self.sort_out(|talker| !talker.was_heard(now));
            if self.talkers.len() >= MAX_TALKERS {
                return None;
            }
        }
        let buffer = PlayoutBuffer::new(self.width);
        let track = track.clone();
        let talker = Talker { track, buffer, last_packet: now, begins: true, ended: false, gone: false };
        self.talkers.push(talker);
        self.talkers.last_mut()
    }
}

fn audio(coder: &mut Coder, steps: u32) -> Outgoing {
    coder.packet(steps).map_or(Outgoing::Nothing, |(coded, ms)| Outgoing::Packet(coded, ms))
}

/// Nobody talks G.722 to a phone: it is asked of no client, and of other phones rooms give it Opus.
fn codec(codec: room::Codec) -> Option<TalkerCodec> {
    match codec {
        room::Codec::Pcmu => Some(TalkerCodec::Pcmu),
        room::Codec::Pcma => Some(TalkerCodec::Pcma),
        room::Codec::Opus => Some(TalkerCodec::Opus),
        room::Codec::G722 => None,
    }
}

fn add(all: &mut PlayoutStats, one: &PlayoutStats) {
    all.packets += one.packets;
    all.narrowband += one.narrowband;
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
