//! The phone's audio: SDP, RTP, codecs, DTMF, tones, jitter buffer, mixer, voice isolation. A core without IO.

pub mod codec;
pub mod denoise;
pub mod jitter;
pub mod mix;
pub mod resample;
