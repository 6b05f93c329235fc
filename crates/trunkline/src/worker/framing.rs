//! Packets in a stream, each behind its length in two bytes (RFC 4571 §2).

/// The longest frame that is taken; media stays below an Ethernet frame.
pub(crate) const MAX_FRAME: usize = 2_048;
/// The length in front of a frame.
pub(super) const HEADER: usize = 2;

/// The stream announces a frame longer than any packet: nothing in it can be trusted from there on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// What has been read of a stream, from the next frame on.
#[derive(Debug, Default)]
pub(crate) struct Frames(Vec<u8>);

impl Frames {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next frame is this one again. `None` when it is too long for one.
    pub(super) fn put_back(&mut self, frame: &[u8]) -> Option<()> {
        let length = u16::try_from(frame.len()).ok()?.to_be_bytes();
        self.0.splice(..0, length.into_iter().chain(frame.iter().copied()));
        Some(())
    }

    /// Moves the first frame into the buffer, if it is there as a whole: its length.
    pub(crate) fn take(&mut self, buffer: &mut [u8; MAX_FRAME]) -> Result<Option<usize>, TooLong> {
        let Some((header, rest)) = self.0.split_first_chunk::<HEADER>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*header));
        let room = buffer.get_mut(..length).ok_or(TooLong)?;
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        room.copy_from_slice(frame);
        self.0.drain(..HEADER + length);
        Ok(Some(length))
    }
}

/// For the fuzz target: a stream gives the same frames however it is cut, and never keeps more than a frame and what
/// came with its end.
pub(crate) fn hostile(piece: usize, stream: &[u8]) {
    let frames = |piece: usize| {
        let (mut frames, mut found, mut buffer) = (Frames::default(), Vec::new(), [0; MAX_FRAME]);
        for bytes in stream.chunks(piece.max(1)) {
            frames.push(bytes);
            loop {
                match frames.take(&mut buffer) {
                    Ok(Some(length)) => found.push(buffer.get(..length).map(<[u8]>::to_vec)),
                    Ok(None) => break,
                    Err(TooLong) => return (found, true),
                }
            }
            assert!(frames.0.len() < HEADER + MAX_FRAME, "more is kept than one unfinished frame");
        }
        (found, false)
    };
    assert_eq!(frames(piece), frames(stream.len()), "in pieces of {piece}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_wherever_the_stream_was() {
        let mut stream = Frames::default();
        let mut buffer = [0; MAX_FRAME];
        let mut frames = Vec::new();
        for byte in [0, 3, 1, 2, 3, 0, 0, 0, 1, 9] {
            stream.push(&[byte]);
            while let Some(length) = stream.take(&mut buffer).unwrap() {
                frames.push(buffer[..length].to_vec());
            }
        }
        assert_eq!(frames, [vec![1, 2, 3], vec![], vec![9]]);
        stream.push(&[0xff, 0xff]);
        assert_eq!(stream.take(&mut buffer), Err(TooLong), "no packet is that long");
    }
}
