//! Header extensions (RFC 8285): the elements of one that has arrived, and the writing of one that is short.

use super::RtpError;

/// An extension of elements with one byte in front (RFC 8285 §4.2).
const ONE_BYTE: u16 = 0xbede;
/// One with two; the last four bits are the application's (§4.3).
const TWO_BYTES: u16 = 0x1000;
/// The id after which nothing of a one-byte extension is to be read.
const STOP: u8 = 15;
/// The longest extension that is written, in bytes.
const MAX_WRITTEN: usize = HEADER + 64;
/// What stands in front of the elements: the profile, and how many words follow.
const HEADER: usize = 4;

/// The header extension of a packet that has arrived; empty if it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extension<'a> {
    pub(super) profile: u16,
    pub(super) data: &'a [u8],
}

impl<'a> Extension<'a> {
    /// The element that was given this id, 1 to 14 (1 to 255 where elements have two bytes in front).
    #[must_use]
    pub fn element(&self, id: u8) -> Option<&'a [u8]> {
        let mut data = self.data;
        loop {
            let (found, value, rest) = self.first(data)?;
            if found == id {
                return Some(value);
            }
            data = rest;
        }
    }

    /// The first element, its value, and what follows it.
    fn first(&self, data: &'a [u8]) -> Option<(u8, &'a [u8], &'a [u8])> {
        let start = data.iter().position(|byte| *byte != 0)?;
        let (first, data) = data.get(start..)?.split_first()?;
        let (id, len, data) = match self.profile {
            ONE_BYTE if first >> 4 == STOP => return None,
            ONE_BYTE => (first >> 4, usize::from(first & 0x0f) + 1, data),
            profile if profile & 0xfff0 == TWO_BYTES => {
                let (len, data) = data.split_first()?;
                (*first, usize::from(*len), data)
            }
            _ => return None,
        };
        let (value, rest) = data.split_at_checked(len)?;
        Some((id, value, rest))
    }
}

/// An extension of elements with one byte in front, as it stands in a packet; on the stack.
pub(super) struct Written {
    bytes: [u8; MAX_WRITTEN],
    len: usize,
}

impl Written {
    /// Nothing at all if there are no elements.
    pub(super) fn new(elements: &[(u8, &[u8])]) -> Result<Self, RtpError> {
        let mut written = Self { bytes: [0; MAX_WRITTEN], len: 0 };
        if elements.is_empty() {
            return Ok(written);
        }
        let mut end = HEADER;
        for (id, value) in elements {
            let fits = (1..STOP).contains(id) && (1..=16).contains(&value.len());
            let room = written.bytes.get_mut(end..end + 1 + value.len()).filter(|_| fits);
            let (first, rest) = room.and_then(<[u8]>::split_first_mut).ok_or(RtpError::Element(*id))?;
            *first = id << 4 | (value.len() - 1) as u8;
            rest.copy_from_slice(value);
            end += 1 + value.len();
        }
        written.len = end.next_multiple_of(4);
        let words = ((written.len - HEADER) / 4) as u16;
        written.bytes[..2].copy_from_slice(&ONE_BYTE.to_be_bytes());
        written.bytes[2..HEADER].copy_from_slice(&words.to_be_bytes());
        Ok(written)
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
