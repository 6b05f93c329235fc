//! The phone's audio: SDP, RTP, codecs, DTMF, tones, jitter buffer, mixer, voice isolation. A core without IO.
//!
//! Bytes and `now` come in as arguments, bytes, events and deadlines go out. Nothing here opens a socket, asks a
//! clock, spawns or draws randomness of its own; every parser takes hostile input and nothing panics.

pub mod codec;
pub mod comfort;
pub mod denoise;
pub mod dtmf;
pub mod jitter;
pub mod level;
pub mod mix;
pub mod resample;
pub mod sdp;
pub mod session;
pub mod tone;
