//! Keeps what was heard, placed by media time: gaps become silence, what comes late is left out.

use std::path::{Path, PathBuf};

use crate::measure::{WavError, WavWriter};

/// Longest silence written for one jump of the media time, in seconds. A larger jump is a new
/// timeline and is joined without a gap.
const MAX_GAP_SECONDS: u64 = 60;
/// Longest recording, in seconds.
const MAX_SECONDS: u64 = 3600;

/// What a finished recording holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The WAV file.
    pub path: PathBuf,
    /// Samples per second.
    pub rate: u32,
    /// Samples in all.
    pub samples: u64,
    /// Samples of silence put in where nothing had come.
    pub filled: u64,
    /// Frames left out because they came too late.
    pub late: u64,
}

/// Writes one mono WAV file.
#[derive(Debug)]
pub struct Recorder {
    writer: WavWriter,
    recording: Recorded,
}

impl Recorder {
    /// Creates the file, for samples at `rate` per second.
    ///
    /// # Errors
    /// [`WavError`] when it cannot be created.
    pub fn create(path: &Path, rate: u32) -> Result<Self, WavError> {
        let writer = WavWriter::create(path, rate)?;
        let recording = Recorded { path: path.to_owned(), rate, samples: 0, filled: 0, late: 0 };
        Ok(Self { writer, recording })
    }

    /// Samples per second of this recording.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.recording.rate
    }

    /// Puts `pcm` at `position` samples after the beginning.
    ///
    /// # Errors
    /// [`WavError`] when the disk refuses.
    pub fn place(&mut self, position: u64, pcm: &[i16]) -> Result<(), WavError> {
        let rate = u64::from(self.recording.rate);
        let written = self.recording.samples;
        if position < written {
            self.recording.late += 1;
            return Ok(());
        }
        let gap = position - written;
        if gap > 0 && gap <= MAX_GAP_SECONDS * rate {
            self.recording.filled += gap;
            self.silence(gap)?;
        }
        self.push(pcm)
    }

    /// Puts `pcm` after everything written so far.
    ///
    /// # Errors
    /// As [`Recorder::place`].
    pub fn append(&mut self, pcm: &[i16]) -> Result<(), WavError> {
        self.place(self.recording.samples, pcm)
    }

    /// Closes the file.
    ///
    /// # Errors
    /// [`WavError`] when the disk refuses.
    pub fn finish(self) -> Result<Recorded, WavError> {
        self.writer.finish()?;
        Ok(self.recording)
    }

    fn silence(&mut self, mut samples: u64) -> Result<(), WavError> {
        let frame = [0; 160];
        while samples > 0 {
            let piece = samples.min(frame.len() as u64);
            self.push(&frame[..piece as usize])?;
            samples -= piece;
        }
        Ok(())
    }

    fn push(&mut self, pcm: &[i16]) -> Result<(), WavError> {
        if self.recording.samples >= MAX_SECONDS * u64::from(self.recording.rate) {
            return Ok(());
        }
        self.writer.write(pcm)?;
        self.recording.samples += pcm.len() as u64;
        Ok(())
    }
}

/// A name of a file made of a text from elsewhere: letters, digits and `+-._` stay, 120 at most.
#[must_use]
pub fn file_name(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "+-._".contains(letter);
    let name = text.chars().map(|letter| if plain(letter) { letter } else { '_' });
    let name: String = name.take(120).collect();
    name.trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_become_silence_and_late_frames_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heard.wav");
        let mut recorder = Recorder::create(&path, 8000).unwrap();
        recorder.place(0, &[1; 160]).unwrap();
        recorder.place(320, &[2; 160]).unwrap();
        recorder.place(160, &[3; 160]).unwrap();
        let recording = recorder.finish().unwrap();
        assert_eq!((recording.samples, recording.filled, recording.late), (480, 160, 1));
        let heard: Vec<i16> = hound::WavReader::open(&path).unwrap().samples().map(Result::unwrap).collect();
        assert_eq!(heard[159..=160], [1, 0]);
        assert_eq!(heard[319..=320], [0, 2]);
    }

    #[test]
    fn a_jump_of_hours_does_not_fill_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::create(&folder.path().join("heard.wav"), 8000).unwrap();
        recorder.place(0, &[1; 160]).unwrap();
        recorder.place(8000 * 7200, &[1; 160]).unwrap();
        assert_eq!(recorder.finish().unwrap().samples, 320);
    }
}
