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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Hash;

    /// RFC 7616 §3.9.1.
    #[test]
    fn the_example_of_rfc_7616_comes_out() {
        for (algorithm, expected) in [
            (Algorithm::MD5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::SHA_256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let input = Input {
                algorithm,
                realm: "http-auth@example.org",
                nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                method: "GET",
                uri: "/dir/index.html",
                qop: Qop::Auth,
                nc: "00000001",
                cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                body: b"",
            };
            assert_eq!(input.response(&Credentials::new("Mufasa", "Circle of Life")), expected);
        }
    }

    /// RFC 7616 §3.9.2 as corrected by erratum 4897: SHA-512/256, not SHA-512 cut short.
    #[test]
    fn sha_512_256_is_the_hash_of_that_name() {
        assert_eq!(
            Hash::Sha512_256.hex(&["J\u{e4}s\u{f8}n Doe", "api@example.org"]),
            "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
        );
    }
}
