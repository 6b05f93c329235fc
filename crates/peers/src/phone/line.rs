//! One call's audio, without a socket: what is said every 20 ms, what is heard, digits both ways.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use media::codec::{AudioCodec, g711};
use media::dtmf::{self, DialString, SenderStep};
use media::sdp::Negotiated;
use media::session::{Received, RtpSession, SessionConfig};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::config::Playback;
use super::event::{PhoneEvent, RtpReport};
use crate::measure::{SILENCE_DBFS, WavError, dbfs};
use crate::sound::{Player, Recorded, Recorder, Sound, SoundError};

/// Time of one frame.
pub(super) const FRAME: Duration = Duration::from_millis(20);
/// Frames an echo holds back at most; older ones are dropped.
const MAX_ECHO: usize = 25;
/// Longest frame heard at once, in samples (60 ms at 16 kHz).
const MAX_HEARD: usize = 960;

/// One call's audio.
pub(super) struct Line {
    leg: RtpSession,
    dialler: dtmf::Sender,
    dialling: bool,
    voice: Voice,
    recorder: Option<Recorder>,
    origin: Option<u32>,
    seed: u64,
    hears: bool,
    last_packet: Option<Instant>,
    longest_gap: Duration,
    heard_level: f64,
    said_level: f64,
    said: Vec<i16>,
    heard: Vec<i16>,
    coded: Vec<u8>,
}

enum Voice {
    Player(Player),
    Echo(VecDeque<Vec<i16>>),
}

impl Voice {
    fn new(playback: &Playback, rate: u32, seed: u64) -> Result<Self, SoundError> {
        match playback {
            Playback::Play(sound) => Ok(Self::Player(Player::new(sound, rate, seed)?)),
            Playback::Echo => Ok(Self::Echo(VecDeque::new())),
        }
    }
}

impl Line {
    /// A line without a peer yet, silent.
    pub(super) fn new(seed: u64, now: Instant) -> Result<Self, SoundError> {
        let config = SessionConfig {
            media_timeout_initial: Duration::ZERO,
            media_timeout: Duration::ZERO,
            cname: "phone".to_owned(),
            ..SessionConfig::default()
        };
        Ok(Self {
            leg: RtpSession::new(config, &mut StdRng::seed_from_u64(seed), now),
            dialler: dtmf::Sender::new(),
            dialling: false,
            voice: Voice::new(&Playback::Play(Sound::Silence), 8000, seed)?,
            recorder: None,
            origin: None,
            seed,
            hears: false,
            last_packet: None,
            longest_gap: Duration::ZERO,
            heard_level: SILENCE_DBFS,
            said_level: SILENCE_DBFS,
            said: Vec::new(),
            heard: vec![0; MAX_HEARD],
            coded: Vec::new(),
        })
    }

    /// Takes over what offer and answer have settled.
    pub(super) fn negotiate(&mut self, negotiated: &Negotiated, now: Instant) {
        self.leg.negotiate(negotiated, now);
    }

    /// The codec in use.
    pub(super) fn codec(&self) -> Option<AudioCodec> {
        self.leg.codec()
    }

    /// Says something from the next frame on.
    pub(super) fn say(&mut self, playback: &Playback) -> Result<(), SoundError> {
        let rate = self.leg.codec().map_or(8000, AudioCodec::sample_rate);
        self.voice = Voice::new(playback, rate, self.seed)?;
        Ok(())
    }

    /// Records what is heard from now on.
    pub(super) fn record(&mut self, path: &Path) -> Result<(), WavError> {
        let rate = self.leg.codec().map_or(8000, AudioCodec::sample_rate);
        self.recorder = Some(Recorder::create(path, rate)?);
        Ok(())
    }

    /// Presses keys; false when the other side takes no telephone-events or too many wait.
    pub(super) fn press(&mut self, keys: &DialString) -> bool {
        let taken = self.leg.takes_events() && self.dialler.push(keys).is_ok();
        self.dialling |= taken;
        taken
    }

    /// Takes a datagram of the RTP port.
    pub(super) fn handle_rtp(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) -> Option<PhoneEvent> {
        let before = self.leg.stats().packets_received;
        let event = match self.leg.handle_rtp(now, from, packet) {
            Received::Audio { payload, codec, timestamp, .. } => {
                let samples = decode(codec, payload, &mut self.heard)?;
                self.listen(codec, timestamp, samples);
                let first = !std::mem::replace(&mut self.hears, true);
                first.then_some(PhoneEvent::FirstAudio)
            }
            Received::Digit(event) => Some(PhoneEvent::Digit { digit: event.digit.as_char() }),
            Received::Noise { .. } | Received::Nothing => None,
        };
        // Packets of a digit keep the stream going as audio does.
        if self.leg.stats().packets_received > before {
            let gap = self.last_packet.replace(now).map_or(Duration::ZERO, |last| now - last);
            self.longest_gap = self.longest_gap.max(gap);
        }
        event
    }

    /// Takes a datagram of the RTCP port.
    pub(super) fn handle_rtcp(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) {
        self.leg.handle_rtcp(now, from, packet);
    }

    /// Writes the next 20 ms into `out` and tells where they go; an event when the last digit is out.
    pub(super) fn frame(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> (Option<SocketAddr>, Option<PhoneEvent>) {
        let Some(codec) = self.leg.codec() else { return (None, None) };
        self.said.resize((codec.sample_rate() / 50) as usize, 0);
        match &mut self.voice {
            Voice::Player(player) => player.fill(&mut self.said),
            Voice::Echo(frames) => repeat(frames.pop_front(), &mut self.said),
        }
        self.said_level = self.said_level.max(dbfs(&self.said));
        let step = self.dialler.step();
        let done = self.dialling && step == SenderStep::Idle;
        self.dialling &= !done;
        let to = match step {
            SenderStep::Event(packet) => self.leg.send_event(now, &packet, out),
            SenderStep::Audio | SenderStep::Idle => {
                encode(codec, &self.said, &mut self.coded);
                self.leg.send_audio(now, &self.coded, out)
            }
        };
        (to, done.then_some(PhoneEvent::DigitsSent))
    }

    /// Writes the RTCP report that is due, if one is.
    pub(super) fn report_due(
        &mut self,
        now: Instant,
        wallclock: SystemTime,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        self.leg.poll_rtcp(now, wallclock, out)
    }

    /// Writes the RTCP goodbye.
    pub(super) fn goodbye(
        &mut self,
        now: Instant,
        wallclock: SystemTime,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        self.leg.goodbye(now, wallclock, out)
    }

    /// The loudest frames heard and said since the last call.
    pub(super) fn take_levels(&mut self) -> PhoneEvent {
        let heard = std::mem::replace(&mut self.heard_level, SILENCE_DBFS);
        let said = std::mem::replace(&mut self.said_level, SILENCE_DBFS);
        PhoneEvent::Level { heard, said }
    }

    /// What the session saw, for a call answered at `answered`.
    pub(super) fn report(&self, answered: Option<Instant>) -> RtpReport {
        let stats = self.leg.stats();
        let since = |at: Instant| answered.map(|from| at.saturating_duration_since(from));
        RtpReport {
            received: stats.packets_received,
            sent: stats.packets_sent,
            lost: stats.lost,
            jitter_ms: stats.jitter_ms,
            rtt_ms: stats.rtt_ms,
            longest_gap_ms: self.longest_gap.as_secs_f64() * 1000.0,
            first_audio_ms: stats.first_packet_at.and_then(since).map(|time| time.as_secs_f64() * 1000.0),
        }
    }

    /// Closes the recording.
    pub(super) fn finish_recording(&mut self) -> Result<Option<Recorded>, WavError> {
        self.recorder.take().map(Recorder::finish).transpose()
    }

    fn listen(&mut self, codec: AudioCodec, timestamp: u32, samples: usize) {
        let pcm = &self.heard[..samples];
        self.heard_level = self.heard_level.max(dbfs(pcm));
        if let Voice::Echo(frames) = &mut self.voice {
            if frames.len() >= MAX_ECHO {
                frames.pop_front();
            }
            frames.push_back(pcm.to_vec());
        }
        let Some(recorder) = &mut self.recorder else { return };
        // An overtaken packet may be older than the first; it then has no place.
        let ticks = timestamp.wrapping_sub(*self.origin.get_or_insert(timestamp)) as i32;
        let Ok(ticks) = u64::try_from(ticks) else { return };
        let at = ticks * u64::from(recorder.rate()) / u64::from(codec.rtp_clock());
        if let Err(error) = recorder.place(at, pcm) {
            tracing::warn!(%error, "the recording ends here");
            self.recorder = None;
        }
    }
}

fn repeat(frame: Option<Vec<i16>>, out: &mut [i16]) {
    out.fill(0);
    if let Some(frame) = frame {
        let length = frame.len().min(out.len());
        out[..length].copy_from_slice(&frame[..length]);
    }
}

fn decode(codec: AudioCodec, payload: &[u8], out: &mut [i16]) -> Option<usize> {
    let out = out.get_mut(..payload.len())?;
    match codec {
        AudioCodec::Pcmu => Some(g711::decode_ulaw(payload, out)),
        AudioCodec::Pcma => Some(g711::decode_alaw(payload, out)),
        _ => None,
    }
}

fn encode(codec: AudioCodec, pcm: &[i16], out: &mut Vec<u8>) {
    out.resize(pcm.len(), 0);
    let written = match codec {
        AudioCodec::Pcmu => g711::encode_ulaw(pcm, out),
        AudioCodec::Pcma => g711::encode_alaw(pcm, out),
        _ => 0,
    };
    out.truncate(written);
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
