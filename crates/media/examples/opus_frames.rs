//! Decodes Opus packets from standard input to raw samples on standard output, or encodes the other way round, so that a
//! test can hold our codec against another one.
//!
//! `opus_frames decode RATE` reads packets, each behind its length as two bytes (big-endian; 0 = a lost packet of 20 ms)
//! and writes 16-bit little-endian samples. `opus_frames encode RATE BITRATE` does the reverse with 20 ms frames.

use std::error::Error;
use std::io::{Read, Write, stdin, stdout};

use media::codec::opus::{Decoder, Encoder, MAX_PACKET};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| -> Result<u32, Box<dyn Error>> {
        Ok(arguments.get(at).ok_or("see the file's head")?.parse()?)
    };
    let mut input = Vec::new();
    stdin().read_to_end(&mut input)?;
    let output = match arguments.first().map(String::as_str) {
        Some("decode") => decode(&input, number(1)?)?,
        Some("encode") => encode(&input, number(1)?, number(2)?)?,
        _ => return Err("decode RATE | encode RATE BITRATE".into()),
    };
    stdout().write_all(&output)?;
    Ok(())
}

fn decode(mut input: &[u8], rate: u32) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut decoder = Decoder::new(rate)?;
    let mut samples = vec![0_i16; rate as usize * 120 / 1000];
    let lost = rate as usize / 50;
    let mut output = Vec::new();
    while let [high, low, rest @ ..] = input {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let packet = rest.get(..length).ok_or("a packet is cut off")?;
        input = &rest[length..];
        let count = match length {
            0 => decoder.decode(None, false, &mut samples[..lost])?,
            _ => decoder.decode(Some(packet), false, &mut samples)?,
        };
        output.extend(samples[..count].iter().flat_map(|sample| sample.to_le_bytes()));
    }
    Ok(output)
}

fn encode(input: &[u8], rate: u32, bitrate: u32) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = Encoder::new(rate, bitrate, 5)?;
    let samples: Vec<i16> =
        input.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let mut packet = [0; MAX_PACKET];
    let mut output = Vec::new();
    for frame in samples.chunks_exact(rate as usize / 50) {
        let length = encoder.encode(frame, &mut packet)?;
        output.extend(u16::try_from(length)?.to_be_bytes());
        output.extend(&packet[..length]);
    }
    Ok(output)
}
