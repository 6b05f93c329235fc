//! What is played next: the packet that is there, something for one that is not, or silence.

use super::{MAX_WAITING, PlayoutBuffer, SAMPLE, State};
use crate::jitter::player::{self, Instead, MAX_CONCEALED};
use crate::jitter::{FRAME, Pulled};

/// A smaller gap between timestamps, in samples, is their own unsteadiness: 10 ms.
const MIN_PAUSE: i64 = 80;

impl PlayoutBuffer {
    /// Brings a frame's worth of samples together, as far as sound is there or must be.
    pub(super) fn fill(&mut self, now: i64) -> Pulled {
        let mut pulled = Pulled::Audio;
        // Every turn adds samples, takes a packet off, or ends it.
        while self.ready_ticks() < FRAME {
            if self.state == State::Pausing && !self.resume(now) {
                break;
            }
            if self.go_on() {
                pulled = Pulled::Concealed;
            }
        }
        pulled
    }

    /// Ends the pause if the first packet is due.
    fn resume(&mut self, now: i64) -> bool {
        let Some(first) = self.shelf.first() else {
            return false;
        };
        let (seq, at) = (first.seq, first.at);
        if now < self.delays.due(at * SAMPLE, first.arrived) {
            return false;
        }
        if self.next_seq == Some(seq) && self.next_at == at && now - self.heard < MAX_WAITING as i64 * SAMPLE
        {
            self.stats.inserted_silence += self.silent;
        }
        self.step_to(seq, false);
        self.next_at = at;
        self.state = State::Playing;
        true
    }

    /// Decodes the next packet or makes up for it. Returns whether it was made up.
    fn go_on(&mut self) -> bool {
        let next = self.next_seq.unwrap_or_default();
        let concealed = if let State::Waiting { concealed } = self.state { concealed } else { 0 };
        if let Some(packet) = self.shelf.get(next) {
            let gap = packet.at - self.next_at;
            if gap > concealed as i64 + MIN_PAUSE {
                self.pause();
            } else {
                self.play_next(next);
            }
            return false;
        }
        match self.shelf.first() {
            Some(later) => {
                let (missing, gap) = (later.seq - next, later.at - self.next_at);
                self.replace(next, missing, gap, concealed)
            }
            None => self.wait(concealed),
        }
    }

    pub(super) fn play_next(&mut self, seq: i64) {
        let (Some(packet), Some(player)) = (self.shelf.get(seq), self.player.as_mut()) else {
            // Neither can be missing here; if one were, silence is better than trying for ever.
            self.shelf.clear();
            self.pause();
            return;
        };
        let (end, samples) = (packet.at + packet.samples as i64, packet.samples);
        if !player.play(&packet.payload, samples, &mut self.ready) {
            self.stats.concealed += samples as u64;
        }
        let pause_follows = self.codec.is_some_and(|codec| player::announces_pause(codec, &packet.payload));
        self.shelf.remove(seq);
        self.step_to(seq + 1, true);
        self.next_at = end;
        self.usual = samples;
        self.silent = 0;
        self.state = State::Playing;
        if pause_follows && self.shelf.first().is_none() {
            self.pause();
        }
    }

    /// Packets are missing and a later one is there. `gap` samples lie between what was played and that one.
    fn replace(&mut self, next: i64, missing: i64, gap: i64, concealed: usize) -> bool {
        self.stats.lost += 1;
        let usual = self.usual as i64;
        if gap > missing * usual + MAX_CONCEALED as i64 {
            // Far more time passed than the lost packets held: the talker paused among them.
            self.step_to(next + 1, false);
            self.pause();
            return false;
        }
        let share = if missing == 1 { gap } else { gap.min(usual) };
        self.step_to(next + 1, false);
        self.next_at += share;
        self.state = State::Playing;
        // What was made up while waiting stands for the first of what is missing.
        let share = share.clamp(0, MAX_CONCEALED as i64) as usize;
        if concealed >= share {
            if concealed > share {
                self.state = State::Waiting { concealed: concealed - share };
            }
            return false;
        }
        self.make_up(share - concealed, next + 1)
    }

    fn make_up(&mut self, samples: usize, after: i64) -> bool {
        let Some(player) = self.player.as_mut() else {
            return false;
        };
        let instead = self.shelf.get(after).map_or(Instead::Nothing, |packet| Instead::Next(&packet.payload));
        if player.conceal(samples, instead, &mut self.ready) {
            self.stats.recovered += 1;
        } else {
            self.stats.concealed += samples as u64;
        }
        true
    }

    /// Nothing is there at all: late, lost, or the talker stopped without a word.
    fn wait(&mut self, concealed: usize) -> bool {
        if concealed >= MAX_CONCEALED {
            self.pause();
            return false;
        }
        let samples = FRAME - self.ready_ticks();
        if let Some(player) = self.player.as_mut() {
            player.conceal(samples, Instead::Nothing, &mut self.ready);
        }
        self.stats.concealed += samples as u64;
        self.state = State::Waiting { concealed: concealed + samples };
        true
    }

    fn pause(&mut self) {
        self.state = State::Pausing;
        self.silent = 0;
        if let Some(player) = self.player.as_mut() {
            player.forget();
        }
    }
}
