use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Longest recording that is read: an hour at 48 kHz.
const MAX_SAMPLES: usize = 48_000 * 3_600;

/// Why a WAV file could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WavError {
    /// The file cannot be opened, read or written, or is no WAV file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What went wrong with it.
        source: hound::Error,
    },
    /// The file is WAV, but not of a kind that is read here.
    #[error("{}: only 16-bit PCM of at most an hour can be read, this is {found}", path.display())]
    Unsupported {
        /// Which file.
        path: PathBuf,
        /// What it holds.
        found: String,
    },
}

/// Audio from a WAV file: one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Samples per second.
    pub rate: u32,
    /// The samples; of several channels the mean.
    pub samples: Vec<i16>,
}

impl Recording {
    /// Reads a 16-bit PCM WAV file of any rate and number of channels.
    ///
    /// # Errors
    /// [`WavError`] if it cannot be read or is of another kind.
    pub fn read(path: &Path) -> Result<Self, WavError> {
        let failed = |source| WavError::File { path: path.to_owned(), source };
        let mut reader = hound::WavReader::open(path).map_err(failed)?;
        let spec = reader.spec();
        let whole = spec.sample_format == hound::SampleFormat::Int && spec.bits_per_sample == 16;
        if !whole || reader.duration() as usize > MAX_SAMPLES {
            let found = format!(
                "{} bit {:?}, {} samples",
                spec.bits_per_sample,
                spec.sample_format,
                reader.duration()
            );
            return Err(WavError::Unsupported { path: path.to_owned(), found });
        }
        let interleaved: Vec<i16> = reader.samples().collect::<Result<_, _>>().map_err(failed)?;
        let channels = usize::from(spec.channels.max(1));
        Ok(Self { rate: spec.sample_rate, samples: interleaved.chunks_exact(channels).map(mean).collect() })
    }

    /// Writes the samples as a 16-bit mono WAV file, replacing what was there.
    ///
    /// # Errors
    /// [`WavError::File`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), WavError> {
        let mut writer = WavWriter::create(path, self.rate)?;
        writer.write(&self.samples)?;
        writer.finish()
    }
}

fn mean(frame: &[i16]) -> i16 {
    let sum: i32 = frame.iter().map(|s| i32::from(*s)).sum();
    (sum / frame.len().max(1) as i32) as i16
}

/// A 16-bit mono WAV file that grows as a call goes on.
pub struct WavWriter {
    path: PathBuf,
    inner: hound::WavWriter<BufWriter<File>>,
}

impl std::fmt::Debug for WavWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl WavWriter {
    /// Begins a file for samples at `rate` Hz, replacing what was there.
    ///
    /// # Errors
    /// [`WavError::File`] if it cannot be created.
    pub fn create(path: &Path, rate: u32) -> Result<Self, WavError> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        match hound::WavWriter::create(path, spec) {
            Ok(inner) => Ok(Self { path: path.to_owned(), inner }),
            Err(source) => Err(WavError::File { path: path.to_owned(), source }),
        }
    }

    /// Appends samples.
    ///
    /// # Errors
    /// [`WavError::File`] if the disk does not take them.
    pub fn write(&mut self, pcm: &[i16]) -> Result<(), WavError> {
        for sample in pcm {
            self.inner
                .write_sample(*sample)
                .map_err(|source| WavError::File { path: self.path.clone(), source })?;
        }
        Ok(())
    }

    /// Completes the file. Dropping the writer does so too, but cannot tell of an error.
    ///
    /// # Errors
    /// [`WavError::File`] if the disk does not take the rest.
    pub fn finish(self) -> Result<(), WavError> {
        let path = self.path;
        self.inner.finalize().map_err(|source| WavError::File { path, source })
    }
}
