//! What arrives: the phone's sources, each with its index and its memory of what has come.

use super::outbound::{ENCRYPTED, Header, RTCP_CLEAR, rtcp_ssrc};
use super::transform::{Part, Transform, Use};
use super::window::Window;
use super::{MasterKey, Rejected};

/// Sources that are remembered. Only one with the key can begin one, so that nobody else can push others out.
const MAX_SOURCES: usize = 64;
/// Packets under a new key after which the one before it is forgotten: 1 s of audio.
const OVERLAP: u32 = 50;

/// Keys and sources of the phone.
#[derive(Debug)]
pub(super) struct Inbound {
    keys: Keys,
    /// For what is still on its way when the key changes, and how many packets more it is kept for.
    before: Option<(Keys, u32)>,
    mki: Vec<u8>,
    rtp: Sources,
    rtcp: Sources,
}

#[derive(Debug)]
struct Keys {
    rtp: Transform,
    rtcp: Transform,
}

/// The sources, most recently heard first.
#[derive(Debug, Default)]
struct Sources(Vec<Source>);

#[derive(Debug, Clone, Copy)]
struct Source {
    ssrc: u32,
    window: Window,
    /// Nothing of it has come under the present key, or since the call is protected again.
    rekeyed: bool,
}

impl Inbound {
    pub(super) fn new(key: &MasterKey, mki: &[u8]) -> Option<Self> {
        Some(Self {
            keys: Keys::new(key)?,
            before: None,
            mki: mki.to_vec(),
            rtp: Sources::default(),
            rtcp: Sources::default(),
        })
    }

    /// Another key. What is remembered of the sources stays (RFC 3711 §3.3.1).
    pub(super) fn rekey(&mut self, key: &MasterKey, mki: &[u8]) -> Option<()> {
        let before = std::mem::replace(&mut self.keys, Keys::new(key)?);
        // With another identifier the packets of the old key could not even be taken apart.
        self.before = (self.mki == mki).then_some((before, OVERLAP));
        self.mki = mki.to_vec();
        self.rtp.rekeyed();
        self.rtcp.rekeyed();
        Some(())
    }

    /// The keys stay, and after a break in which nothing was protected a source may count from zero again.
    pub(super) fn wake(&mut self) {
        self.rtp.rekeyed();
        self.rtcp.rekeyed();
    }

    /// A packet that was let through elsewhere: it and all before it have come. False if it has come before.
    pub(super) fn heard(&mut self, ssrc: u32, index: u64) -> bool {
        if self.rtp.get(ssrc).window.highest().is_some_and(|highest| index <= highest) {
            return false;
        }
        let window = Window::after(index);
        self.rtp.admit(Source { ssrc, window, rekeyed: false }, index, true);
        true
    }

    /// Checks and decrypts an RTP packet into `out`, and returns its index.
    pub(super) fn rtp(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<u64, Rejected> {
        let header = Header::read(packet).ok_or(Rejected::Malformed)?;
        let source = self.rtp.get(header.ssrc);
        let (body, tag) = self.split(packet, &self.keys.rtp, 0, header.len)?;
        let mut rejected = Rejected::NotAuthentic;
        for (index, known) in source.candidates(header.sequence) {
            if known && !source.window.admits(index) {
                rejected = Rejected::Replayed;
                continue;
            }
            if open_rtp(&self.keys.rtp, body, tag, &header, index, out).is_ok() {
                self.rtp.admit(Source { rekeyed: false, ..source }, index, known);
                self.overlap();
                return Ok(index);
            }
        }
        self.late_rtp(packet, &header, source, out).map_err(|_| rejected)
    }

    /// A packet that was on its way when the key changed.
    fn late_rtp(
        &mut self,
        packet: &[u8],
        header: &Header,
        source: Source,
        out: &mut Vec<u8>,
    ) -> Result<u64, Rejected> {
        let (before, _) = self.before.as_ref().ok_or(Rejected::NotAuthentic)?;
        let (body, tag) = self.split(packet, &before.rtp, 0, header.len)?;
        let index = source.guess(header.sequence);
        if !source.window.admits(index) {
            return Err(Rejected::Replayed);
        }
        open_rtp(&before.rtp, body, tag, header, index, out)?;
        self.rtp.admit(source, index, true);
        Ok(index)
    }

    /// Checks and decrypts an RTCP packet into `out`.
    pub(super) fn rtcp(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<(), Rejected> {
        let ssrc = rtcp_ssrc(packet).ok_or(Rejected::Malformed)?;
        let source = self.rtcp.get(ssrc);
        let attempt = self.open_rtcp(&self.keys, packet, ssrc, out);
        let (index, known) = match (attempt, &self.before) {
            (Err(_), Some((before, _))) => (self.open_rtcp(before, packet, ssrc, out)?, true),
            // Whoever makes a new session for a new key counts from zero again.
            (index, _) => (index?, !source.rekeyed),
        };
        if known && !source.window.admits(index) {
            return Err(Rejected::Replayed);
        }
        self.rtcp.admit(Source { rekeyed: source.rekeyed && known, ..source }, index, known);
        Ok(())
    }

    fn open_rtcp(&self, keys: &Keys, packet: &[u8], ssrc: u32, out: &mut Vec<u8>) -> Result<u64, Rejected> {
        let transform = &keys.rtcp;
        let aead = transform.is_aead();
        // The index stands before identifier and tag, or behind the tag and before the identifier.
        let (mut body, mut tag) = self.split(packet, transform, if aead { 4 } else { 0 }, RTCP_CLEAR)?;
        let word = if aead { tag.split_off_last_word() } else { body.split_off_last_word() };
        let word = word.ok_or(Rejected::Malformed)?;
        let number = u32::from_be_bytes(word);
        if body.len() < RTCP_CLEAR {
            return Err(Rejected::Malformed);
        }
        out.clear();
        out.extend_from_slice(body);
        let index = u64::from(number & !ENCRYPTED);
        // Without the bit the packet is authenticated only: nothing but the clear part is left to decrypt.
        let clear = if number & ENCRYPTED != 0 { RTCP_CLEAR } else { body.len() };
        if aead && number & ENCRYPTED == 0 {
            // RFC 7714 §9.2 wants another layout for these; nobody sends them.
            return Err(Rejected::Malformed);
        }
        transform.open(out, tag, &Part { ssrc, index, clear, trailer: &word })?;
        Ok(index)
    }

    /// The packet without what follows it, and its tag with `extra` bytes behind. The key's identifier stands before the
    /// tag of HMAC and behind that of GCM, and must be the agreed one.
    fn split<'a>(
        &self,
        packet: &'a [u8],
        transform: &Transform,
        extra: usize,
        clear: usize,
    ) -> Result<(&'a [u8], &'a [u8]), Rejected> {
        let tag_len = transform.tag_len() + extra;
        let at = packet.len().checked_sub(tag_len + self.mki.len()).filter(|&at| at >= clear);
        let (body, rest) =
            packet.split_at_checked(at.ok_or(Rejected::Malformed)?).ok_or(Rejected::Malformed)?;
        let (tag, mki) = if transform.is_aead() {
            rest.split_at(tag_len)
        } else {
            let (mki, tag) = rest.split_at(self.mki.len());
            (tag, mki)
        };
        if mki == self.mki { Ok((body, tag)) } else { Err(Rejected::NotAuthentic) }
    }

    /// Counts a packet under the new key.
    fn overlap(&mut self) {
        if let Some((_, left)) = &mut self.before {
            *left -= 1;
            if *left == 0 {
                self.before = None;
            }
        }
    }
}

impl Keys {
    fn new(key: &MasterKey) -> Option<Self> {
        Some(Self { rtp: Transform::new(key, Use::Rtp)?, rtcp: Transform::new(key, Use::Rtcp)? })
    }
}

impl Sources {
    fn get(&self, ssrc: u32) -> Source {
        let fresh = Source { ssrc, window: Window::default(), rekeyed: false };
        self.0.iter().copied().find(|source| source.ssrc == ssrc).unwrap_or(fresh)
    }

    /// Remembers an authentic packet of `source`. `known`: it belongs to the counting so far.
    fn admit(&mut self, mut source: Source, index: u64, known: bool) {
        if !known {
            source.window = Window::default();
        }
        source.window.note(index);
        let at = self.0.iter().position(|other| other.ssrc == source.ssrc);
        match at {
            Some(at) => {
                self.0[at] = source;
                self.0[..=at].rotate_right(1);
            }
            None => {
                self.0.truncate(MAX_SOURCES - 1);
                self.0.insert(0, source);
            }
        }
    }

    fn rekeyed(&mut self) {
        self.0.iter_mut().for_each(|source| source.rekeyed = true);
    }
}

impl Source {
    /// The index that a sequence number most likely means (RFC 3711 §3.3.1).
    fn guess(&self, sequence: u16) -> u64 {
        let Some(highest) = self.window.highest() else { return sequence.into() };
        let step = i64::from(sequence.wrapping_sub(highest as u16) as i16);
        highest.checked_add_signed(step).unwrap_or(sequence.into())
    }

    /// The indexes to try, and whether each belongs to the counting so far. After a new key some begin to count again.
    fn candidates(&self, sequence: u16) -> impl Iterator<Item = (u64, bool)> + use<> {
        let guess = self.guess(sequence);
        let again = (self.rekeyed && guess != u64::from(sequence)).then_some((u64::from(sequence), false));
        [Some((guess, true)), again].into_iter().flatten()
    }
}

fn open_rtp(
    transform: &Transform,
    body: &[u8],
    tag: &[u8],
    header: &Header,
    index: u64,
    out: &mut Vec<u8>,
) -> Result<(), Rejected> {
    out.clear();
    out.extend_from_slice(body);
    let roll_over = ((index >> 16) as u32).to_be_bytes();
    let trailer: &[u8] = if transform.is_aead() { &[] } else { &roll_over };
    transform.open(out, tag, &Part { ssrc: header.ssrc, index, clear: header.len, trailer })
}

/// Taking the RTCP index off the end of a slice.
trait LastWord {
    fn split_off_last_word(&mut self) -> Option<[u8; 4]>;
}

impl LastWord for &[u8] {
    fn split_off_last_word(&mut self) -> Option<[u8; 4]> {
        let (rest, word) = self.split_last_chunk::<4>()?;
        *self = rest;
        Some(*word)
    }
}
