//! Keeps what was heard, placed by media time: gaps become silence, what comes late is left out.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Longest silence written for one jump of the media time, in seconds. A larger jump is a new
/// timeline and is joined without a gap.
const MAX_GAP_SECONDS: u64 = 60;
/// Longest recording, in seconds.
const MAX_SECONDS: u64 = 3600;

/// A recording could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct RecordError {
    /// The file.
    pub path: PathBuf,
    /// What the writer said.
    pub source: hound::Error,
}

/// What a finished recording holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
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
pub struct Recorder {
    writer: hound::WavWriter<BufWriter<File>>,
    recording: Recording,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.recording.fmt(f)
    }
}

impl Recorder {
    /// Creates the file, for samples at `rate` per second.
    ///
    /// # Errors
    /// [`RecordError`] when it cannot be created.
    pub fn create(path: &Path, rate: u32) -> Result<Self, RecordError> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let failed = |source| RecordError { path: path.to_owned(), source };
        let writer = hound::WavWriter::create(path, spec).map_err(failed)?;
        let recording = Recording { path: path.to_owned(), rate, samples: 0, filled: 0, late: 0 };
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
    /// [`RecordError`] when the disk refuses.
    pub fn place(&mut self, position: u64, pcm: &[i16]) -> Result<(), RecordError> {
        let rate = u64::from(self.recording.rate);
        let written = self.recording.samples;
        if position < written {
            self.recording.late += 1;
            return Ok(());
        }
        let gap = position - written;
        if gap > 0 && gap <= MAX_GAP_SECONDS * rate {
            self.recording.filled += gap;
            for _ in 0..gap {
                self.push(0)?;
            }
        }
        for &sample in pcm {
            self.push(sample)?;
        }
        Ok(())
    }

    /// Puts `pcm` after everything written so far.
    ///
    /// # Errors
    /// As [`Recorder::place`].
    pub fn append(&mut self, pcm: &[i16]) -> Result<(), RecordError> {
        self.place(self.recording.samples, pcm)
    }

    /// Closes the file.
    ///
    /// # Errors
    /// [`RecordError`] when the disk refuses.
    pub fn finish(self) -> Result<Recording, RecordError> {
        let path = self.recording.path.clone();
        self.writer.finalize().map_err(|source| RecordError { path, source })?;
        Ok(self.recording)
    }

    fn push(&mut self, sample: i16) -> Result<(), RecordError> {
        if self.recording.samples >= MAX_SECONDS * u64::from(self.recording.rate) {
            return Ok(());
        }
        let path = &self.recording.path;
        self.writer.write_sample(sample).map_err(|source| RecordError { path: path.clone(), source })?;
        self.recording.samples += 1;
        Ok(())
    }
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
