//! The digest itself (RFC 7616 §3.4.1 to §3.4.3).

use zeroize::Zeroizing;

use super::{Algorithm, Credentials, Qop};

/// What goes into a digest besides the credentials.
pub(super) struct Input<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) realm: &'a str,
    pub(super) nonce: &'a str,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    pub(super) qop: Qop,
    /// Eight hexadecimal digits.
    pub(super) nc: &'a str,
    pub(super) cnonce: &'a str,
    pub(super) body: &'a [u8],
}

impl Input<'_> {
    /// The `response` value, hexadecimal.
    pub(super) fn response(&self, credentials: &Credentials) -> String {
        let hash = self.algorithm.hash;
        let mut key = Zeroizing::new(hash.hex(&[credentials.username(), self.realm, credentials.password()]));
        if self.algorithm.session {
            key = Zeroizing::new(hash.hex(&[&key, self.nonce, self.cnonce]));
        }
        let request = match self.qop {
            Qop::AuthInt => hash.hex(&[self.method, self.uri, &hash.hex_bytes(self.body)]),
            Qop::Legacy | Qop::Auth => hash.hex(&[self.method, self.uri]),
        };
        match self.qop.token() {
            Some(qop) => hash.hex(&[&key, self.nonce, self.nc, self.cnonce, qop, &request]),
            None => hash.hex(&[&key, self.nonce, &request]),
        }
    }
}
