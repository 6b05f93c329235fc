//! The 256-entry tables of G.711, computed at compile time from the definition of its two laws.

use super::{ALAW_TOGGLE, ULAW_BIAS, linear_to_alaw, linear_to_ulaw};

/// What each µ-law byte decodes to: the middle of its step, 16-bit scale.
pub(super) static ULAW_TO_LINEAR: [i16; 256] = decode_table(true);
/// What each A-law byte decodes to: the middle of its step, 16-bit scale.
pub(super) static ALAW_TO_LINEAR: [i16; 256] = decode_table(false);
/// The A-law byte nearest to each µ-law byte.
pub(super) static ULAW_TO_ALAW: [u8; 256] = convert_table(true);
/// The µ-law byte nearest to each A-law byte.
pub(super) static ALAW_TO_ULAW: [u8; 256] = convert_table(false);

const fn ulaw_to_linear(byte: u8) -> i16 {
    let code = !byte;
    let segment = (code >> 4) & 0x07;
    let magnitude = ((((code & 0x0f) as i16) << 3) + ULAW_BIAS as i16) << segment;
    let value = magnitude - ULAW_BIAS as i16;
    if code & 0x80 != 0 { -value } else { value }
}

const fn alaw_to_linear(byte: u8) -> i16 {
    let code = byte ^ ALAW_TOGGLE;
    let segment = (code >> 4) & 0x07;
    let step = ((code & 0x0f) as i16) << 4;
    let magnitude = match segment {
        0 => step + 8,
        n => (step + 264) << (n - 1),
    };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

const fn decode_table(ulaw: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = if ulaw { ulaw_to_linear(byte as u8) } else { alaw_to_linear(byte as u8) };
        byte += 1;
    }
    table
}

const fn convert_table(from_ulaw: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = if from_ulaw {
            linear_to_alaw(ulaw_to_linear(byte as u8))
        } else {
            linear_to_ulaw(alaw_to_linear(byte as u8))
        };
        byte += 1;
    }
    table
}
