//! Stories of descriptions: how they are read, and what two of them agree on.

mod encryption;
mod negotiation;
mod reading;

use super::*;
use crate::codec::AudioCodec;

/// What we bring to a call in these stories.
fn ours() -> LocalAudio {
    LocalAudio {
        rtp: "192.0.2.10:40000".parse().unwrap(),
        session_id: 7,
        version: 1,
        codecs: AudioCodec::G711.to_vec(),
        dtmf: true,
        comfort_noise: false,
        direction: Direction::SendRecv,
        encryption: Encryption::Disabled,
    }
}

/// A description with one audio section, as a phone at 198.51.100.5 writes it.
fn phone(section: &str) -> SessionDescription {
    let head = "v=0\r\no=phone 1 1 IN IP4 198.51.100.5\r\ns=call\r\nc=IN IP4 198.51.100.5\r\nt=0 0\r\n";
    SessionDescription::parse(&format!("{head}{section}")).unwrap()
}
