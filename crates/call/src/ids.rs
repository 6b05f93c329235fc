//! Identifiers in LiveKit's form: a prefix that names the kind and twelve characters drawn from an alphabet
//! without look-alikes.

use rand::RngCore;

/// Digits and letters that cannot be mistaken for one another when read aloud.
const ALPHABET: &[u8; 57] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// How many characters follow the prefix.
const LENGTH: usize = 12;

/// Prefix of a trunk.
pub const TRUNK: &str = "ST_";
/// Prefix of a call.
pub const CALL: &str = "SCL_";

/// Draws a new identifier: `prefix` and twelve random characters.
#[must_use]
pub fn generate(prefix: &str, rng: &mut (impl RngCore + ?Sized)) -> String {
    let mut id = String::with_capacity(prefix.len() + LENGTH);
    id.push_str(prefix);
    for _ in 0..LENGTH {
        let index = uniform(ALPHABET.len(), rng);
        id.push(char::from(ALPHABET[index]));
    }
    id
}

/// A uniformly distributed number below `bound`, which is at least 1.
pub(crate) fn uniform(bound: usize, rng: &mut (impl RngCore + ?Sized)) -> usize {
    rand::Rng::random_range(rng, 0..bound.max(1))
}
