//! The loudness of G.711 audio, for a phone's packets: they carry no audio level (RFC 6464 defines the scale).

use std::sync::OnceLock;

use crate::output::Codec;

/// The level of a G.711 payload in -dBov (0 loudest, 127 silence), `None` for other codecs.
pub(crate) fn g711_level(codec: Codec, payload: &[u8]) -> Option<u8> {
    static TABLES: OnceLock<[[f32; 256]; 2]> = OnceLock::new();
    let [ulaw, alaw] =
        TABLES.get_or_init(|| [std::array::from_fn(ulaw_energy), std::array::from_fn(alaw_energy)]);
    let table = match codec {
        Codec::Pcmu => ulaw,
        Codec::Pcma => alaw,
        Codec::Opus | Codec::G722 => return None,
    };
    if payload.is_empty() {
        return None;
    }
    let energy = payload.iter().map(|byte| table[usize::from(*byte)]).sum::<f32>() / payload.len() as f32;
    Some((-10.0 * energy.max(1e-13).log10()).round().clamp(0.0, 127.0) as u8)
}

/// Energy of a mu-law value relative to full scale (G.711 table 2a).
fn ulaw_energy(byte: usize) -> f32 {
    let value = !byte & 0xff;
    let magnitude = ((((value & 0x0f) << 3) + 0x84) << ((value & 0x70) >> 4)) - 0x84;
    (magnitude as f32 / 32768.0).powi(2)
}

/// Energy of an A-law value relative to full scale (G.711 table 1a).
fn alaw_energy(byte: usize) -> f32 {
    let value = byte ^ 0x55;
    let (segment, mantissa) = ((value & 0x70) >> 4, (value & 0x0f) << 4);
    let magnitude = match segment {
        0 => mantissa + 8,
        _ => (mantissa + 0x108) << (segment - 1),
    };
    (magnitude as f32 / 32768.0).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_full_scale_are_at_the_ends() {
        assert_eq!(g711_level(Codec::Pcmu, &[0xff; 160]), Some(127));
        assert_eq!(g711_level(Codec::Pcmu, &[0x80; 160]), Some(0));
        assert_eq!(g711_level(Codec::Pcma, &[0xaa; 160]), Some(0));
        assert!(g711_level(Codec::Pcma, &[0xd5; 160]).unwrap() > 60);
    }

    #[test]
    fn opus_and_empty_payloads_have_none() {
        assert_eq!(g711_level(Codec::Opus, &[0; 60]), None);
        assert_eq!(g711_level(Codec::Pcmu, &[]), None);
    }
}
