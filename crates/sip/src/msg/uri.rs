//! SIP and SIPS URIs, read apart; any other URI, as it stands (RFC 3261 §19.1).

use std::fmt;
use std::str::FromStr;

use super::error::InvalidText;
use super::params::is_uri_param_byte;
use super::{Host, Params, Transport, lex};

/// The word before the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966)
    Tel,
    /// Any other.
    Other,
}

/// A URI. The parts of `sip:` and `sips:` URIs can be read one by one; others are carried, not understood.
///
/// User parts and parameter values are held as they are written, `%hh` escapes included; what is set from text is
/// escaped, so a URI never prints a space, a bracket or a line break that was not its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uri(Repr);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Repr {
    Sip(Box<SipUri>),
    Opaque(Box<str>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct SipUri {
    secure: bool,
    user: Option<Box<str>>,
    password: Option<Box<str>>,
    host: Host,
    port: Option<u16>,
    params: Params,
    headers: Option<Box<str>>,
}

impl Uri {
    /// `sip:host`
    #[must_use]
    pub fn sip(host: Host) -> Self {
        let parts = SipUri {
            secure: false,
            user: None,
            password: None,
            host,
            port: None,
            params: Params::default(),
            headers: None,
        };
        Self(Repr::Sip(Box::new(parts)))
    }

    /// `sips:host`
    #[must_use]
    pub fn sips(host: Host) -> Self {
        let mut uri = Self::sip(host);
        if let Some(sip) = uri.sip_mut() {
            sip.secure = true;
        }
        uri
    }

    /// With this user part, escaped where it must be. No effect on a URI that is not `sip:` or `sips:`, here and below.
    #[must_use]
    pub fn with_user(mut self, user: &str) -> Self {
        if let Some(sip) = self.sip_mut() {
            sip.user = (!user.is_empty()).then(|| Escaped(user, is_user_byte).to_string().into());
        }
        self
    }

    /// With this port.
    #[must_use]
    pub fn with_port(mut self, port: Option<u16>) -> Self {
        if let Some(sip) = self.sip_mut() {
            sip.port = port;
        }
        self
    }

    /// With this parameter.
    #[must_use]
    pub fn with_param(mut self, name: &'static str, value: &str) -> Self {
        if let Some(sip) = self.sip_mut() {
            sip.params.set(name, &Escaped(value, is_uri_param_byte).to_string());
        }
        self
    }

    /// With this parameter as a flag: `;lr`.
    #[must_use]
    pub fn with_flag(mut self, name: &'static str) -> Self {
        if let Some(sip) = self.sip_mut() {
            sip.params.set_flag(name);
        }
        self
    }

    /// With `;transport=`.
    #[must_use]
    pub fn with_transport(self, transport: Transport) -> Self {
        self.with_param("transport", transport.as_uri_param())
    }

    /// Fit for a request line (RFC 3261 §19.1.1): without `?headers` and without a `method` parameter.
    #[must_use]
    pub fn into_request_uri(mut self) -> Self {
        if let Some(sip) = self.sip_mut() {
            sip.headers = None;
            sip.params.remove("method");
        }
        self
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match &self.0 {
            Repr::Sip(sip) if sip.secure => Scheme::Sips,
            Repr::Sip(_) => Scheme::Sip,
            Repr::Opaque(text) if text.get(..4).is_some_and(|s| s.eq_ignore_ascii_case("tel:")) => {
                Scheme::Tel
            }
            Repr::Opaque(_) => Scheme::Other,
        }
    }

    /// Whether it is `sip:` or `sips:`.
    #[must_use]
    pub fn is_sip(&self) -> bool {
        matches!(self.0, Repr::Sip(_))
    }

    /// The user part as written; `None` where there is none.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.as_sip()?.user.as_deref()
    }

    /// The user part with its escapes undone: a telephone number as dialled.
    #[must_use]
    pub fn user_decoded(&self) -> Option<String> {
        self.user().map(lex::unescape)
    }

    /// The host. `None` unless `sip:` or `sips:`, here and below.
    #[must_use]
    pub fn host(&self) -> Option<&Host> {
        Some(&self.as_sip()?.host)
    }

    /// The port, if it names one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.as_sip()?.port
    }

    /// A parameter as written; `Some("")` for a flag.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.as_sip()?.params.get(name)
    }

    /// Whether a parameter is there.
    #[must_use]
    pub fn has_param(&self, name: &str) -> bool {
        self.param(name).is_some()
    }

    /// Whether the next hop is a loose router (`;lr`).
    #[must_use]
    pub fn is_loose_route(&self) -> bool {
        self.has_param("lr")
    }

    /// Whether it has a `?headers` part, which no request line may have.
    #[must_use]
    pub fn has_headers(&self) -> bool {
        self.as_sip().is_some_and(|sip| sip.headers.is_some())
    }

    /// The transport it asks for: its `transport` parameter, TLS for `sips:`, else `None` (then UDP).
    /// `Some(Err(token))` for a transport we do not speak.
    #[must_use]
    pub fn transport(&self) -> Option<Result<Transport, &str>> {
        let sip = self.as_sip()?;
        match (sip.params.get("transport"), sip.secure) {
            (Some(token), secure) => Some(match Transport::from_token(token) {
                Some(Transport::Tcp) if secure => Ok(Transport::Tls),
                Some(transport) => Ok(transport),
                None => Err(token),
            }),
            (None, true) => Some(Ok(Transport::Tls)),
            (None, false) => None,
        }
    }

    /// The same resource by RFC 3261 §19.1.4: escapes undone, host and parameter names without regard to case;
    /// `user`, `ttl`, `method`, `maddr` and `transport` must agree, others only where both have them.
    #[must_use]
    pub fn equivalent(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Sip(a), Repr::Sip(b)) => a.equivalent(b),
            (Repr::Opaque(a), Repr::Opaque(b)) => a == b,
            _ => false,
        }
    }

    fn as_sip(&self) -> Option<&SipUri> {
        match &self.0 {
            Repr::Sip(sip) => Some(sip),
            Repr::Opaque(_) => None,
        }
    }

    fn sip_mut(&mut self) -> Option<&mut SipUri> {
        match &mut self.0 {
            Repr::Sip(sip) => Some(sip),
            Repr::Opaque(_) => None,
        }
    }
}

impl SipUri {
    fn equivalent(&self, other: &Self) -> bool {
        const MUST_AGREE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];
        let text = |t: &Option<Box<str>>| t.as_deref().map(lex::unescape);
        let same_value = |name: &str| match (self.params.get(name), other.params.get(name)) {
            (Some(a), Some(b)) => lex::unescape(a).eq_ignore_ascii_case(&lex::unescape(b)),
            (None, None) => true,
            _ => !MUST_AGREE.iter().any(|must| name.eq_ignore_ascii_case(must)),
        };
        self.secure == other.secure
            && text(&self.user) == text(&other.user)
            && text(&self.password) == text(&other.password)
            && self.host.equivalent(&other.host)
            && self.port == other.port
            && self.headers == other.headers
            && self.params.iter().chain(other.params.iter()).all(|(name, _)| same_value(name))
    }

    fn parse(secure: bool, text: &str) -> Option<Self> {
        let (userinfo, rest) = match text.rsplit_once('@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, text),
        };
        let (user, password) =
            match userinfo.map(|u| u.split_once(':').map_or((u, None), |(u, p)| (u, Some(p)))) {
                Some((user, password)) => (Some(read_user(user)?), password),
                None => (None, None),
            };
        if password.is_some_and(|p| !lex::is_escaped(p, is_password_byte)) {
            return None;
        }
        let (rest, headers) = rest.split_once('?').map_or((rest, None), |(r, h)| (r, Some(h)));
        if headers.is_some_and(|h| !lex::is_escaped(h, is_uri_byte)) {
            return None;
        }
        let (hostport, params) = rest.split_once(';').unwrap_or((rest, ""));
        if hostport.contains([' ', '\t']) {
            return None;
        }
        let (host, port) = Host::parse_with_port(hostport)?;
        Some(Self {
            secure,
            user,
            password: password.map(Into::into),
            host,
            port,
            params: Params::parse_uri(params).ok()?,
            headers: headers.map(Into::into),
        })
    }
}

/// The user part. An unescaped `#`, which some gateways send in telephone numbers, is escaped.
fn read_user(text: &str) -> Option<Box<str>> {
    let sound = !text.is_empty() && lex::is_escaped(text, |b| is_user_byte(b) || b == b'#');
    sound.then(|| text.replace('#', "%23").into())
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

const fn is_user_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/')
}

const fn is_password_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',')
}

/// Any byte a URI may hold, `%` not counted.
const fn is_uri_byte(byte: u8) -> bool {
    is_user_byte(byte) || matches!(byte, b':' | b'@' | b'[' | b']' | b'#')
}

impl FromStr for Uri {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let (scheme, rest) = text.split_once(':').ok_or(InvalidText::Uri)?;
        let secure = match scheme {
            s if s.eq_ignore_ascii_case("sip") => false,
            s if s.eq_ignore_ascii_case("sips") => true,
            other => return opaque(other, rest, text),
        };
        SipUri::parse(secure, rest).map(|sip| Self(Repr::Sip(Box::new(sip)))).ok_or(InvalidText::Uri)
    }
}

fn opaque(scheme: &str, rest: &str, whole: &str) -> Result<Uri, InvalidText> {
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !scheme_ok || rest.is_empty() || !lex::is_escaped(rest, is_uri_byte) {
        return Err(InvalidText::Uri);
    }
    Ok(Uri(Repr::Opaque(whole.into())))
}

struct Escaped<'a>(&'a str, fn(u8) -> bool);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lex::write_escaped(f, self.0, self.1)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Opaque(text) => f.write_str(text),
            Repr::Sip(sip) => sip.fmt(f),
        }
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.write_uri(f)?;
        if let Some(headers) = &self.headers {
            write!(f, "?{headers}")?;
        }
        Ok(())
    }
}
