//! Passwords at rest: AES-256-GCM (NIST SP 800-38D) with a random nonce in front, bound to the trunk they
//! belong to.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};

/// A key of 32 bytes.
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn random() -> Option<Self> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .trim()
            .chars()
            .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
            .collect::<Option<_>>()?;
        let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        if digits.len() == 64 { Some(Self(bytes.try_into().ok()?)) } else { None }
    }

    pub(super) fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Seals and opens with one key.
pub(super) struct Seal {
    key: Option<LessSafeKey>,
    random: SystemRandom,
}

impl Seal {
    pub(super) fn new(key: &Key) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, &key.0).ok().map(LessSafeKey::new);
        Self { key, random: SystemRandom::new() }
    }

    /// Nonce, ciphertext and tag. `owner` has to be the same when it is opened.
    pub(super) fn close(&self, owner: &str, plain: &str) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let mut sealed = plain.as_bytes().to_vec();
        let aad = Aad::from(owner.as_bytes());
        self.key
            .as_ref()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    pub(super) fn open(&self, owner: &str, sealed: &[u8]) -> Option<String> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN)?;
        let mut buffer = ciphertext.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.key.as_ref()?.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut buffer).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }
}
