//! What the other ends say and keep: sounds to play, and recordings of what they hear.
//!
//! Everything is 16-bit mono PCM in frames of 20 ms. Nothing here knows a codec or a socket.

mod player;
mod recorder;
mod spec;

pub use player::{Player, SoundError};
pub use recorder::{Recorded, Recorder, file_name};
pub use spec::{Sound, SoundSpecError};
