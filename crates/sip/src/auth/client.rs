//! Answering challenges, and remembering the answers for the rest of the dialog (RFC 3261 §22.2, §22.3).

use std::fmt::Write;

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

use super::digest::Input;
use super::fields::{AuthFields, Quoted};
use super::{Challenge, Credentials, Qop, Space};
use crate::msg::{HeaderName, Request, Response};

/// Challenges in a row for one request before it is given up: a proxy and the other end, each with a stale nonce, and
/// some room.
const MAX_ROUNDS: u8 = 6;
/// Realms remembered per dialog.
const MAX_REALMS: usize = 8;
/// Fresh nonces taken, for a nonce said to be stale, without a request getting through.
const MAX_STALE: u8 = 2;

/// One dialog's credentials: what to answer challenges with, and the challenges answered so far.
#[derive(Debug)]
pub struct Authenticator {
    credentials: Option<Credentials>,
    answered: Vec<Answered>,
    rounds: u8,
    rng: StdRng,
}

/// A challenge that every request of the dialog answers from now on.
#[derive(Debug)]
struct Answered {
    space: Space,
    challenge: Challenge,
    /// Requests sent with this nonce.
    count: u32,
    stale_rounds: u8,
}

/// Why a 401 or 407 cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// There is no user name and password for this call.
    #[error("authentication required, but no username or password was provided")]
    NoCredentials,
    /// The user name or password is wrong: the challenge came again after it was answered.
    #[error("credentials refused for realm {realm:?}")]
    Refused {
        /// Who refused them.
        realm: String,
    },
    /// The response asks for credentials without a challenge.
    #[error("authentication required, but the response holds no challenge")]
    NoChallenge,
    /// None of the challenges is a Digest with an algorithm and protection that we know.
    #[error("no supported authentication scheme among: {}", .offered.join(", "))]
    Unsupported {
        /// What was offered: scheme, and algorithm where it is Digest.
        offered: Vec<String>,
    },
}

impl Authenticator {
    /// For one dialog. `seed` makes the client nonces and should be unguessable.
    #[must_use]
    pub fn new(credentials: Option<Credentials>, seed: u64) -> Self {
        Self { credentials, answered: Vec::new(), rounds: 0, rng: StdRng::seed_from_u64(seed) }
    }

    /// Takes a 401 or 407 in. On `Ok` send the request again with a new CSeq number and branch after
    /// [`Authenticator::authorize`]. For each realm the strongest challenge is taken, the first of equals.
    pub fn challenged(&mut self, response: &Response) -> Result<(), ChallengeError> {
        let space = Space::of(response.status).ok_or(ChallengeError::NoChallenge)?;
        let (challenges, offered) = read_challenges(space, response);
        if offered.is_empty() {
            return Err(ChallengeError::NoChallenge);
        }
        if self.credentials.is_none() {
            return Err(ChallengeError::NoCredentials);
        }
        if challenges.is_empty() {
            return Err(ChallengeError::Unsupported { offered });
        }
        self.rounds += 1;
        challenges.into_iter().try_for_each(|challenge| self.take(space, challenge))
    }

    /// The request got another answer than a challenge: credentials, if it carried any, were right.
    pub fn accepted(&mut self) {
        self.rounds = 0;
        for answered in &mut self.answered {
            answered.stale_rounds = 0;
        }
    }

    /// Puts credentials for every challenge of the dialog on a request, in place of any it has. Call it last: the
    /// digest covers method, Request-URI and, for `auth-int`, the body as they are sent.
    pub fn authorize(&mut self, request: &mut Request) {
        request.headers.remove(&HeaderName::Authorization);
        request.headers.remove(&HeaderName::ProxyAuthorization);
        let Some(credentials) = &self.credentials else { return };
        for answered in &mut self.answered {
            answered.count = answered.count.saturating_add(1);
            let cnonce = format!("{:016x}", self.rng.next_u64());
            let value = answered.print(credentials, request, &cnonce);
            request.headers.push(answered.space.credentials_header(), value);
        }
    }

    fn take(&mut self, space: Space, challenge: Challenge) -> Result<(), ChallengeError> {
        let refused = |challenge: Challenge| Err(ChallengeError::Refused { realm: challenge.realm });
        if self.rounds > MAX_ROUNDS {
            return refused(challenge);
        }
        let full = self.answered.len() >= MAX_REALMS;
        let same = |known: &&mut Answered| known.space == space && known.challenge.realm == challenge.realm;
        match self.answered.iter_mut().find(same) {
            Some(known) if known.may_renew(&challenge) => {
                known.stale_rounds += u8::from(challenge.stale);
                known.challenge = challenge;
                known.count = 0;
                Ok(())
            }
            None if !full => {
                self.answered.push(Answered { space, challenge, count: 0, stale_rounds: 0 });
                Ok(())
            }
            Some(_) | None => refused(challenge),
        }
    }
}

impl Answered {
    /// A second challenge is a refusal, unless only the nonce was old: said to be stale, or one that had already
    /// served an earlier request.
    fn may_renew(&self, fresh: &Challenge) -> bool {
        let never_sent = self.count == 0;
        let used_before = self.count > 1 && fresh.nonce != self.challenge.nonce;
        never_sent || used_before || (fresh.stale && self.stale_rounds < MAX_STALE)
    }

    fn print(&self, credentials: &Credentials, request: &Request, cnonce: &str) -> String {
        let Challenge { realm, nonce, opaque, algorithm, names_algorithm, qop, .. } = &self.challenge;
        let (uri, nc) = (request.uri.to_string(), format!("{:08x}", self.count));
        let input = Input {
            algorithm: *algorithm,
            realm,
            nonce,
            method: request.method.as_str(),
            uri: &uri,
            qop: *qop,
            nc: &nc,
            cnonce,
            body: &request.body,
        };
        let response = input.response(credentials);
        let mut text = format!("Digest username={}, realm={}", Quoted(credentials.username()), Quoted(realm));
        // Writing into a String cannot fail.
        let _ = write!(text, ", nonce={}, uri={}, response=\"{response}\"", Quoted(nonce), Quoted(&uri));
        if *names_algorithm {
            let _ = write!(text, ", algorithm={algorithm}");
        }
        if let Some(token) = qop.token() {
            let _ = write!(text, ", qop={token}, nc={nc}");
        }
        if *qop != Qop::Legacy || algorithm.session {
            let _ = write!(text, ", cnonce=\"{cnonce}\"");
        }
        if let Some(opaque) = opaque {
            let _ = write!(text, ", opaque={}", Quoted(opaque));
        }
        text
    }
}

/// The best challenge of each realm, and everything that was offered, for the error text.
fn read_challenges(space: Space, response: &Response) -> (Vec<Challenge>, Vec<String>) {
    let mut best: Vec<Challenge> = Vec::new();
    let mut offered = Vec::new();
    let header = space.challenge_header();
    for fields in response.headers.get_all(&header).flat_map(AuthFields::read_all) {
        offered.push(match fields.get("algorithm") {
            Some(algorithm) => format!("{} {algorithm}", fields.scheme),
            None => fields.scheme.clone(),
        });
        let Some(challenge) = Challenge::from_fields(&fields) else { continue };
        match best.iter_mut().find(|b| b.realm == challenge.realm) {
            Some(known) if challenge.algorithm.hash > known.algorithm.hash => *known = challenge,
            Some(_) => {}
            None => best.push(challenge),
        }
    }
    (best, offered)
}

/// An ACK carries the credentials of the INVITE it acknowledges (RFC 3261 §13.2.2.4, §22.1).
pub fn copy_credentials(invite: &Request, ack: &mut Request) {
    ack.headers.copy_from(&invite.headers, &HeaderName::Authorization);
    ack.headers.copy_from(&invite.headers, &HeaderName::ProxyAuthorization);
}
