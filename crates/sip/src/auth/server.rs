//! Challenging and checking (RFC 3261 §22.4), for a phone that wants to know who calls.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

use super::digest::Input;
use super::fields::AuthFields;
use super::{Algorithm, Challenge, Credentials, Qop, Space};
use crate::msg::{Request, Response};

/// Nonces that are still good; the oldest goes first.
const MAX_NONCES: usize = 64;

/// One realm with one user.
#[derive(Debug)]
pub struct Verifier {
    space: Space,
    realm: String,
    credentials: Credentials,
    algorithms: Vec<Algorithm>,
    nonces: VecDeque<Nonce>,
    rng: StdRng,
}

#[derive(Debug)]
struct Nonce {
    text: String,
    /// The highest count seen: a lower or equal one is a replay.
    count: u32,
}

/// What a request's credentials are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are right.
    Accepted,
    /// There are none for this realm: challenge.
    Missing,
    /// They are right, but the nonce is not (any more) one of ours, or its count was seen before: challenge as stale.
    Stale,
    /// They are wrong.
    Refused,
}

impl Verifier {
    /// Challenges with each of `algorithms`, in that order, `qop="auth"`.
    #[must_use]
    pub fn new(
        space: Space,
        realm: impl Into<String>,
        credentials: Credentials,
        algorithms: &[Algorithm],
        seed: u64,
    ) -> Self {
        Self {
            space,
            realm: realm.into(),
            credentials,
            algorithms: algorithms.to_vec(),
            nonces: VecDeque::new(),
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// The 401 or 407 to a request, one new nonce under each algorithm.
    pub fn challenge(&mut self, request: &Request, stale: bool) -> Response {
        let mut response = Response::to(request, self.space.status());
        let nonce = self.new_nonce();
        for &algorithm in &self.algorithms {
            let challenge = Challenge {
                realm: self.realm.clone(),
                nonce: nonce.clone(),
                opaque: None,
                algorithm,
                names_algorithm: true,
                qop: Qop::Auth,
                stale,
            };
            response.headers.push(self.space.challenge_header(), challenge.to_string());
        }
        response
    }

    /// Checks a request. The digest must be made for this method and this very Request-URI.
    pub fn verify(&mut self, request: &Request) -> Verdict {
        let header = self.space.credentials_header();
        let given = request.headers.get_all(&header).flat_map(AuthFields::read_all);
        let Some(fields) = given.into_iter().find(|f| f.is_digest() && f.get("realm") == Some(&self.realm))
        else {
            return Verdict::Missing;
        };
        let Some(count) = self.check(&fields, request) else { return Verdict::Refused };
        let nonce = fields.get("nonce").unwrap_or_default();
        match self.nonces.iter_mut().find(|known| known.text == nonce) {
            Some(known) if count > known.count => {
                known.count = count;
                Verdict::Accepted
            }
            _ => Verdict::Stale,
        }
    }

    /// Makes every nonce stale.
    pub fn forget_nonces(&mut self) {
        self.nonces.clear();
    }

    /// The nonce count of right credentials.
    fn check(&self, fields: &AuthFields, request: &Request) -> Option<u32> {
        let algorithm = fields.get("algorithm").map_or(Some(Algorithm::MD5), Algorithm::from_token)?;
        let uri = request.uri.to_string();
        let nc = fields.get("nc")?;
        let sound = self.algorithms.contains(&algorithm)
            && fields.get("username") == Some(self.credentials.username())
            && fields.get("uri") == Some(&uri)
            && fields.get("qop") == Some("auth");
        let input = Input {
            algorithm,
            realm: &self.realm,
            nonce: fields.get("nonce")?,
            method: request.method.as_str(),
            uri: &uri,
            qop: Qop::Auth,
            nc,
            cnonce: fields.get("cnonce")?,
            body: &request.body,
        };
        let right = same(&input.response(&self.credentials), fields.get("response")?);
        if sound && right { u32::from_str_radix(nc, 16).ok() } else { None }
    }

    fn new_nonce(&mut self) -> String {
        let text = format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64());
        if self.nonces.len() >= MAX_NONCES {
            self.nonces.pop_front();
        }
        self.nonces.push_back(Nonce { text: text.clone(), count: 0 });
        text
    }
}

/// Compares in a time that does not tell where the first difference is.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}
