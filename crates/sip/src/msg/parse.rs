//! Reading a message: lines, start line, header fields, body, and the checks every message must pass.

use bytes::Bytes;

use super::error::{BadRequest, Malformed, ParseError};
use super::{
    CSeq, HeaderName, HeaderValue, Headers, Message, Method, NameAddr, Request, Response, StatusCode, Uri,
    Via, lex, limits,
};

pub(super) fn message(bytes: &[u8]) -> Result<Message, ParseError> {
    if bytes.len() > limits::MESSAGE_BYTES {
        return Err(Malformed::TooLong.into());
    }
    let bytes = skip_empty_lines(bytes);
    let (head, rest) = split_head(bytes).ok_or(Malformed::Unterminated)?;
    let mut lines = Lines(head);
    let start = lines.next().ok_or(Malformed::StartLine)?;
    if start.get(..4).is_some_and(|s| s.eq_ignore_ascii_case(b"SIP/")) {
        return response(start, lines, rest).map_err(Into::into).map(Into::into);
    }
    request(start, lines, rest).map(Into::into)
}

fn response(start: &[u8], lines: Lines<'_>, rest: &[u8]) -> Result<Response, Malformed> {
    let (status, reason) = status_line(start)?;
    let fields = Fields::read(lines);
    fields.flaw.map_or(Ok(()), Err)?;
    check_common(&fields.headers)?;
    let body = fields.body(rest)?;
    Ok(Response::read(status, reason, fields.headers, body))
}

fn request(start: &[u8], lines: Lines<'_>, rest: &[u8]) -> Result<Request, ParseError> {
    let (method, uri) = request_line(start);
    let fields = Fields::read(lines);
    let checked = uri.and_then(|uri| {
        let method = method.clone().ok_or(Malformed::StartLine)?;
        fields.flaw.map_or(Ok(()), Err)?;
        check_common(&fields.headers)?;
        check_request(&method, &fields.headers)?;
        Ok((method, uri, fields.body(rest)?))
    });
    match checked {
        Ok((method, uri, body)) => Ok(Request { method, uri, headers: fields.headers, body }),
        Err(why) => Err(refuse(method, fields.headers, why)),
    }
}

/// A request with a sound top Via can be told what is wrong with it; anything else is dropped.
fn refuse(method: Option<Method>, mut headers: Headers, why: Malformed) -> ParseError {
    if why == Malformed::Version {
        speak_our_version(&mut headers);
    }
    if method.is_none() || headers.via().is_err() {
        return why.into();
    }
    drop_broken_vias(&mut headers);
    let status = match why {
        Malformed::Version => StatusCode::VERSION_NOT_SUPPORTED,
        _ => StatusCode::BAD_REQUEST,
    };
    ParseError::BadRequest(Box::new(BadRequest { method, headers, status, why }))
}

/// The top Via of a request in another version, in ours: the answer that says 505 goes back by it.
fn speak_our_version(headers: &mut Headers) {
    let ours = headers.get(&HeaderName::Via).and_then(|via| {
        let (protocol, version_and_rest) = via.split_once('/')?;
        let (_, rest) = version_and_rest.split_once('/')?;
        Some(format!("{protocol}/2.0/{rest}"))
    });
    if let Some(ours) = ours {
        headers.replace_first(&HeaderName::Via, ours);
    }
}

/// The answer must be readable on its way back.
fn drop_broken_vias(headers: &mut Headers) {
    if headers.vias().any(|via| via.is_err()) {
        let sound: Vec<Via> = headers.vias().flatten().collect();
        headers.remove(&HeaderName::Via);
        for via in sound {
            headers.push(HeaderName::Via, via);
        }
    }
}

/// Keep-alives and stray line ends before a start line are passed over (RFC 3261 §7.5).
fn skip_empty_lines(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len());
    &bytes[start..]
}

/// Start line and header lines with their line ends, and what follows the empty line.
fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut line_start = 0;
    while let Some(length) = bytes[line_start..].iter().position(|b| *b == b'\n') {
        let line = &bytes[line_start..line_start + length];
        let next = line_start + length + 1;
        if matches!(line, b"" | b"\r") {
            return Some((&bytes[..line_start], &bytes[next..]));
        }
        line_start = next;
    }
    None
}

/// Lines without their ends, CR LF or LF.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|b| *b == b'\n')?;
        let line = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// The method, where the line begins with one, and the URI, or what is wrong with the line.
fn request_line(line: &[u8]) -> (Option<Method>, Result<Uri, Malformed>) {
    let Ok(text) = std::str::from_utf8(line) else { return (None, Err(Malformed::StartLine)) };
    let Some((method, rest)) = text.split_once(' ') else { return (None, Err(Malformed::StartLine)) };
    let method = method.parse().ok();
    let uri = match rest.rsplit_once(' ') {
        Some((uri, "SIP/2.0")) => request_uri(uri),
        Some((uri, version)) if version.eq_ignore_ascii_case("SIP/2.0") => request_uri(uri),
        Some((_, version)) if is_sip_version(version) => Err(Malformed::Version),
        _ => Err(Malformed::StartLine),
    };
    (method, uri)
}

fn request_uri(text: &str) -> Result<Uri, Malformed> {
    let uri: Uri = text.parse().map_err(|_| Malformed::RequestUri)?;
    if uri.has_headers() { Err(Malformed::RequestUri) } else { Ok(uri) }
}

fn is_sip_version(text: &str) -> bool {
    let number = text.get(..4).filter(|s| s.eq_ignore_ascii_case("SIP/")).map(|_| &text[4..]);
    number.and_then(|n| n.split_once('.')).is_some_and(|(major, minor)| {
        lex::decimal::<u32>(major).is_some() && lex::decimal::<u32>(minor).is_some()
    })
}

fn status_line(line: &[u8]) -> Result<(StatusCode, HeaderValue), Malformed> {
    let (version, rest) = line.split_at(line.iter().position(|b| *b == b' ').unwrap_or(line.len()));
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(Malformed::Version);
    }
    let rest = rest.strip_prefix(b" ").ok_or(Malformed::StartLine)?;
    let (code, reason) = rest.split_at(rest.iter().position(|b| *b == b' ').unwrap_or(rest.len()));
    let code = std::str::from_utf8(code).ok().filter(|c| c.len() == 3).and_then(lex::decimal::<u16>);
    let status = code.and_then(StatusCode::new).ok_or(Malformed::Status)?;
    let reason = HeaderValue::from_wire(reason).ok_or(Malformed::StartLine)?;
    Ok((status, reason))
}

/// Header fields as far as they can be read; the first thing wrong with them is remembered, not fatal, so that a
/// broken request can still be answered.
#[derive(Default)]
struct Fields {
    headers: Headers,
    content_length: Option<usize>,
    flaw: Option<Malformed>,
}

impl Fields {
    fn read(lines: Lines<'_>) -> Self {
        let mut fields = Self::default();
        let mut unfolded: Vec<u8> = Vec::new();
        for line in lines {
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                unfolded.push(b' ');
                unfolded.extend_from_slice(line.trim_ascii());
                continue;
            }
            fields.take_line(&unfolded);
            unfolded.clear();
            unfolded.extend_from_slice(line);
        }
        fields.take_line(&unfolded);
        fields
    }

    fn take_line(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let Some((name, value)) = header_line(line) else {
            self.blame(Malformed::HeaderLine);
            return;
        };
        match HeaderValue::from_wire(value) {
            None => self.blame(Malformed::TooManyHeaders),
            Some(value) if name == HeaderName::ContentLength => self.take_length(&value),
            Some(value) if name.is_address_list() => {
                for element in lex::split(&value, b',') {
                    self.take(name.clone(), HeaderValue::piece(element));
                }
            }
            Some(value) => self.take(name, value),
        }
    }

    fn take(&mut self, name: HeaderName, value: HeaderValue) {
        if self.headers.len() >= limits::HEADER_FIELDS {
            self.blame(Malformed::TooManyHeaders);
            return;
        }
        if let Some(once) = once(&name)
            && let Some(first) = self.headers.get(&name)
        {
            if first != value.as_str() {
                self.blame(Malformed::Repeated(once));
            }
            return;
        }
        self.headers.push(name, value);
    }

    fn take_length(&mut self, value: &str) {
        match (lex::decimal::<usize>(value), self.content_length) {
            (None, _) => self.blame(Malformed::Header("Content-Length")),
            (Some(length), Some(first)) if length != first => {
                self.blame(Malformed::Repeated("Content-Length"))
            }
            (Some(length), _) => self.content_length = Some(length),
        }
    }

    fn blame(&mut self, flaw: Malformed) {
        self.flaw.get_or_insert(flaw);
    }

    /// The body: as long as Content-Length says, or all that is left.
    fn body(&self, rest: &[u8]) -> Result<Bytes, Malformed> {
        let length = self.content_length.unwrap_or(rest.len());
        rest.get(..length).map(Bytes::copy_from_slice).ok_or(Malformed::ShortBody)
    }
}

fn header_line(line: &[u8]) -> Option<(HeaderName, &[u8])> {
    let colon = line.iter().position(|b| *b == b':')?;
    let name = std::str::from_utf8(line[..colon].trim_ascii_end()).ok()?;
    if line.contains(&b'\r') {
        return None;
    }
    Some((name.parse().ok()?, line[colon + 1..].trim_ascii()))
}

/// Fields that may stand once. The same value twice is forgiven, two values are not: which one the next element
/// believes would be anyone's guess.
const fn once(name: &HeaderName) -> Option<&'static str> {
    match name {
        HeaderName::From => Some("From"),
        HeaderName::To => Some("To"),
        HeaderName::CallId => Some("Call-ID"),
        HeaderName::CSeq => Some("CSeq"),
        HeaderName::MaxForwards => Some("Max-Forwards"),
        HeaderName::ContentType => Some("Content-Type"),
        _ => None,
    }
}

/// What transactions and dialogs stand on.
fn check_common(headers: &Headers) -> Result<(), Malformed> {
    if !headers.contains(&HeaderName::Via) {
        return Err(Malformed::Missing("Via"));
    }
    check_all::<Via>(headers, &HeaderName::Via, "Via")?;
    check_one::<NameAddr>(headers, &HeaderName::From, "From")?;
    check_one::<NameAddr>(headers, &HeaderName::To, "To")?;
    check_one::<CSeq>(headers, &HeaderName::CSeq, "CSeq")?;
    match headers.get(&HeaderName::CallId) {
        None => Err(Malformed::Missing("Call-ID")),
        Some(id) if id.is_empty() || id.contains([' ', '\t']) => Err(Malformed::Header("Call-ID")),
        Some(_) => Ok(()),
    }
}

fn check_request(method: &Method, headers: &Headers) -> Result<(), Malformed> {
    if headers.cseq().map_err(|_| Malformed::Header("CSeq"))?.method != *method {
        return Err(Malformed::CSeqMethod);
    }
    headers.max_forwards().map_err(|_| Malformed::Header("Max-Forwards"))?;
    if headers.contacts().any(|contact| contact.is_err()) {
        return Err(Malformed::Header("Contact"));
    }
    check_all::<NameAddr>(headers, &HeaderName::Route, "Route")?;
    check_all::<NameAddr>(headers, &HeaderName::RecordRoute, "Record-Route")
}

fn check_one<T: std::str::FromStr>(
    headers: &Headers,
    name: &HeaderName,
    text: &'static str,
) -> Result<(), Malformed> {
    if headers.contains(name) { check_all::<T>(headers, name, text) } else { Err(Malformed::Missing(text)) }
}

fn check_all<T: std::str::FromStr>(
    headers: &Headers,
    name: &HeaderName,
    text: &'static str,
) -> Result<(), Malformed> {
    let sound = headers.get_all(name).all(|value| value.parse::<T>().is_ok());
    if sound { Ok(()) } else { Err(Malformed::Header(text)) }
}
