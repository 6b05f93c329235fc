//! Header fields read into types, and the few that are changed in place.

use std::net::SocketAddr;
use std::str::FromStr;

use super::error::HeaderError;
use super::{CSeq, HeaderName, HeaderValue, Headers, Host, Method, NameAddr, Via, lex};

impl Headers {
    /// The top Via: the hop that sent this to us, or that we sent from.
    pub fn via(&self) -> Result<Via, HeaderError> {
        self.first(HeaderName::Via)
    }

    /// Every Via, top first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via, HeaderError>> {
        self.every(&HeaderName::Via)
    }

    /// The top Via's branch, if it has one.
    #[must_use]
    pub fn branch(&self) -> Option<String> {
        self.via().ok()?.branch().map(Into::into)
    }

    /// Who sent the request.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.first(HeaderName::From)
    }

    /// Whom the request was meant for.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.first(HeaderName::To)
    }

    /// The tag in From. `None` if there is none (RFC 2543 peers).
    #[must_use]
    pub fn from_tag(&self) -> Option<String> {
        self.from().ok()?.tag().map(Into::into)
    }

    /// The tag in To. `None` before a dialog.
    #[must_use]
    pub fn to_tag(&self) -> Option<String> {
        self.to().ok()?.tag().map(Into::into)
    }

    /// Gives To this tag, if it has none; the rest of the field stays as the peer wrote it.
    pub fn set_to_tag(&mut self, tag: &str) {
        let Ok(mut to) = self.to() else { return };
        if to.tag().is_some() {
            return;
        }
        let value = match self.get(&HeaderName::To) {
            Some(text) if lex::is_token(tag) => HeaderValue::from(format!("{text};tag={tag}")),
            _ => {
                to.set_tag(tag);
                HeaderValue::from(&to)
            }
        };
        self.replace_first(&HeaderName::To, value);
    }

    /// The Call-ID.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        match self.get(&HeaderName::CallId) {
            Some("") => Err(HeaderError::Invalid(HeaderName::CallId)),
            Some(text) => Ok(text),
            None => Err(HeaderError::Missing(HeaderName::CallId)),
        }
    }

    /// The sequence number and its method.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        self.first(HeaderName::CSeq)
    }

    /// The first Contact that is an address (`*` is none).
    pub fn contact(&self) -> Result<NameAddr, HeaderError> {
        self.contacts().next().unwrap_or(Err(HeaderError::Missing(HeaderName::Contact)))
    }

    /// Every Contact that is an address.
    pub fn contacts(&self) -> impl Iterator<Item = Result<NameAddr, HeaderError>> {
        self.get_all(&HeaderName::Contact)
            .filter(|text| *text != "*")
            .map(|text| text.parse().map_err(|_| HeaderError::Invalid(HeaderName::Contact)))
    }

    /// The Route set, in its order.
    pub fn routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.every(&HeaderName::Route).collect()
    }

    /// Record-Route, in its order: a callee's route set as it stands, a caller's reversed.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.every(&HeaderName::RecordRoute).collect()
    }

    /// Max-Forwards; `None` if the sender (RFC 2543) gave none.
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        self.number(HeaderName::MaxForwards)
    }

    /// Seconds in Expires.
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        self.number(HeaderName::Expires)
    }

    /// Seconds in Retry-After, its comment and parameters left out.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        let text = self.get(&HeaderName::RetryAfter)?;
        lex::decimal(text.split([' ', '\t', ';', '(']).next()?)
    }

    /// The elements of a list of tokens, over all its fields: Require, Supported, Unsupported, Allow ...
    pub fn tokens<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a str> + 'a {
        self.get_all(name).flat_map(|value| lex::split(value, b',')).filter(|token| !token.is_empty())
    }

    /// Option tags the peer insists on.
    pub fn require(&self) -> impl Iterator<Item = &str> {
        self.tokens(&HeaderName::Require)
    }

    /// Whether the peer supports an option tag.
    #[must_use]
    pub fn supports(&self, option_tag: &str) -> bool {
        self.tokens(&HeaderName::Supported).any(|tag| tag.eq_ignore_ascii_case(option_tag))
    }

    /// Whether the peer says that it takes this method. `None` if it says nothing.
    #[must_use]
    pub fn allows(&self, method: &Method) -> Option<bool> {
        let mut allow = self.tokens(&HeaderName::Allow).peekable();
        allow.peek()?;
        Some(allow.any(|name| name == method.as_str()))
    }

    /// The media type in Content-Type, lower case, without parameters: `application/sdp`.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let text = self.get(&HeaderName::ContentType)?;
        let essence = text.split(';').next()?;
        Some(essence.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase())
    }

    /// Whether the sender takes a body of this type (RFC 3261 §20.1): whoever names no types takes SDP.
    #[must_use]
    pub fn accepts(&self, media_type: &str) -> bool {
        let family = media_type.split('/').next().unwrap_or_default();
        let fits = |range: &str| {
            let range = lex::trim(range.split(';').next().unwrap_or_default());
            let any = range.strip_suffix("/*");
            range.eq_ignore_ascii_case(media_type)
                || any.is_some_and(|any| any == "*" || any.eq_ignore_ascii_case(family))
        };
        !self.contains(&HeaderName::Accept) || self.tokens(&HeaderName::Accept).any(fits)
    }

    /// Notes in the top Via where the request came from (RFC 3261 §18.2.1, RFC 3581 §4): `received` when the address
    /// differs or `rport` was asked for, and the port in `rport`.
    pub fn note_source(&mut self, source: SocketAddr) {
        let Ok(mut via) = self.via() else { return };
        let wants_port = via.params.contains("rport");
        if wants_port {
            via.params.set("rport", &source.port().to_string());
        }
        if wants_port || via.host != Host::from(source.ip()) {
            via.params.set("received", &source.ip().to_string());
        }
        self.replace_first(&HeaderName::Via, via);
    }

    fn first<T: FromStr>(&self, name: HeaderName) -> Result<T, HeaderError> {
        match self.get(&name) {
            Some(text) => text.parse().map_err(|_| HeaderError::Invalid(name)),
            None => Err(HeaderError::Missing(name)),
        }
    }

    fn every<'a, T: FromStr>(
        &'a self,
        name: &'a HeaderName,
    ) -> impl Iterator<Item = Result<T, HeaderError>> + 'a {
        self.get_all(name).map(move |text| text.parse().map_err(|_| HeaderError::Invalid(name.clone())))
    }

    fn number<N: FromStr>(&self, name: HeaderName) -> Result<Option<N>, HeaderError> {
        match self.get(&name) {
            Some(text) => lex::decimal(text).map(Some).ok_or(HeaderError::Invalid(name)),
            None => Ok(None),
        }
    }
}
