//! Encryption and authentication of one packet with one session key (RFC 3711 §4, RFC 7714).

use std::fmt;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use super::{MasterKey, NotProtected, Rejected};

/// What the keys of a master key are for (RFC 3711 §4.3.2): added to the first of its three labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Rtp = 0,
    Rtcp = 3,
}

/// The longest tag: HMAC-SHA1 whole.
const MAX_TAG: usize = 20;
const HMAC_KEY: usize = 20;

/// One session key with its salt. `Debug` shows neither.
pub(super) struct Transform {
    cipher: Cipher,
    salt: Zeroizing<[u8; 14]>,
    tag_len: usize,
}

enum Cipher {
    /// Boxed with its HMAC state: both are large.
    Counter(Box<(EncryptingKey, hmac::Key)>),
    Gcm(Box<LessSafeKey>),
}

/// Where the parts of a packet are, and what is authenticated behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) ssrc: u32,
    /// 48 bits for RTP, 31 for RTCP.
    pub(super) index: u64,
    /// Length of what is authenticated but not encrypted.
    pub(super) clear: usize,
    /// What is authenticated after the packet, without being part of what is encrypted.
    pub(super) trailer: &'a [u8],
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transform(..)")
    }
}

impl Transform {
    /// Derives the session key. `None` only if the library refuses keys of the right length, which it does not.
    pub(super) fn new(master: &MasterKey, purpose: Use) -> Option<Self> {
        let suite = master.suite();
        let label = purpose as u8;
        let mut key = Zeroizing::new([0; 32]);
        let key = &mut key[..suite.key_len()];
        derive(master, label, key)?;
        let mut salt = Zeroizing::new([0; 14]);
        derive(master, label + 2, &mut salt[..suite.salt_len()])?;
        let cipher = if suite.is_aead() {
            let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
            Cipher::Gcm(Box::new(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?)))
        } else {
            let mut auth = Zeroizing::new([0; HMAC_KEY]);
            derive(master, label + 1, auth.as_mut_slice())?;
            let auth = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth.as_slice());
            Cipher::Counter(Box::new((counter(key)?, auth)))
        };
        let tag_len = if purpose == Use::Rtp { suite.rtp_tag_len() } else { suite.rtcp_tag_len() };
        Some(Self { cipher, salt, tag_len })
    }

    pub(super) fn tag_len(&self) -> usize {
        self.tag_len
    }

    /// Whether the tag belongs to the encrypted part and comes before what follows it in the packet.
    pub(super) fn is_aead(&self) -> bool {
        matches!(self.cipher, Cipher::Gcm(_))
    }

    /// Encrypts `packet` behind its clear part and returns the tag.
    pub(super) fn seal(&self, packet: &mut [u8], part: &Part<'_>) -> Result<Tag, NotProtected> {
        let mut tag = Tag { bytes: [0; MAX_TAG], len: self.tag_len };
        let (header, body) = packet.split_at_mut_checked(part.clear).ok_or(NotProtected)?;
        match &self.cipher {
            Cipher::Counter(keys) => {
                self.count(&keys.0, body, part).ok_or(NotProtected)?;
                tag.bytes.copy_from_slice(authenticate(&keys.1, packet, part.trailer).as_ref());
            }
            Cipher::Gcm(key) => {
                let sealed = with_aad(header, part.trailer, |aad| {
                    key.seal_in_place_separate_tag(self.nonce(part), Aad::from(aad), body)
                });
                let sealed = sealed.map_err(|_| NotProtected)?;
                tag.bytes[..self.tag_len]
                    .copy_from_slice(sealed.as_ref().get(..self.tag_len).ok_or(NotProtected)?);
            }
        }
        Ok(tag)
    }

    /// Checks `packet` against `tag` and decrypts it in place. One that is not authentic is left in no particular state.
    pub(super) fn open(&self, packet: &mut Vec<u8>, tag: &[u8], part: &Part<'_>) -> Result<(), Rejected> {
        match &self.cipher {
            Cipher::Counter(keys) => {
                let expected = authenticate(&keys.1, packet, part.trailer);
                let expected = expected.as_ref().get(..self.tag_len).ok_or(Rejected::Malformed)?;
                verify_slices_are_equal(expected, tag).map_err(|_| Rejected::NotAuthentic)?;
                let body = packet.get_mut(part.clear..).ok_or(Rejected::Malformed)?;
                self.count(&keys.0, body, part).ok_or(Rejected::Malformed)
            }
            Cipher::Gcm(key) => {
                packet.extend_from_slice(tag);
                let (header, body) = packet.split_at_mut_checked(part.clear).ok_or(Rejected::Malformed)?;
                let opened = with_aad(header, part.trailer, |aad| {
                    key.open_in_place(self.nonce(part), Aad::from(aad), body).map(|clear| clear.len())
                });
                let len = opened.map_err(|_| Rejected::NotAuthentic)?;
                packet.truncate(part.clear + len);
                Ok(())
            }
        }
    }

    /// Adds the key stream (RFC 3711 §4.1.1): the same for both ways.
    fn count(&self, key: &EncryptingKey, body: &mut [u8], part: &Part<'_>) -> Option<()> {
        let mut iv = [0; 16];
        iv[4..8].copy_from_slice(&part.ssrc.to_be_bytes());
        iv[8..14].copy_from_slice(&part.index.to_be_bytes()[2..]);
        iv.iter_mut().zip(self.salt.iter()).for_each(|(byte, salt)| *byte ^= salt);
        key.less_safe_encrypt(body, EncryptionContext::Iv128(FixedLength::from(&iv))).ok().map(drop)
    }

    /// RFC 7714 §8.1 and §9.1: the index of RTCP stands where that of RTP does.
    fn nonce(&self, part: &Part<'_>) -> Nonce {
        let mut iv = [0; 12];
        iv[2..6].copy_from_slice(&part.ssrc.to_be_bytes());
        iv[6..12].copy_from_slice(&part.index.to_be_bytes()[2..]);
        iv.iter_mut().zip(self.salt.iter()).for_each(|(byte, salt)| *byte ^= salt);
        Nonce::assume_unique_for_key(iv)
    }
}

/// An authentication tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    bytes: [u8; MAX_TAG],
    len: usize,
}

impl Tag {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn authenticate(key: &hmac::Key, packet: &[u8], trailer: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(packet);
    context.update(trailer);
    context.sign()
}

/// RTCP authenticates its index behind the header: the two are put together on the stack. The header of an RTP packet
/// may be long, but has nothing behind it.
fn with_aad<T>(header: &[u8], trailer: &[u8], f: impl FnOnce(&[u8]) -> T) -> T {
    let mut together = [0; 16];
    let len = header.len() + trailer.len();
    if trailer.is_empty() || len > together.len() {
        return f(header);
    }
    together[..header.len()].copy_from_slice(header);
    together[header.len()..len].copy_from_slice(trailer);
    f(&together[..len])
}

/// Key derivation (RFC 3711 §4.3.1) with a rate of zero: the key stream of the master key at the label.
fn derive(master: &MasterKey, label: u8, out: &mut [u8]) -> Option<()> {
    let mut iv = [0; 16];
    iv[..master.salt().len()].copy_from_slice(master.salt());
    iv[7] ^= label;
    out.fill(0);
    let key = counter(master.key())?;
    key.less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(&iv))).ok().map(drop)
}

fn counter(key: &[u8]) -> Option<EncryptingKey> {
    let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
    EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key).ok()?).ok()
}

/// A GCM key used as it is, without derivation: RFC 7714's vectors begin there.
#[cfg(test)]
pub(super) fn test_transform(key: &[u8], salt: &[u8]) -> Transform {
    let mut padded = Zeroizing::new([0; 14]);
    padded[..salt.len()].copy_from_slice(salt);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).unwrap());
    Transform { cipher: Cipher::Gcm(Box::new(key)), salt: padded, tag_len: 16 }
}
