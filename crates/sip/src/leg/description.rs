//! The session description in a message's body: alone, or as a part among others, as carriers send it that carry ISUP
//! beside it (RFC 3261 §7.4, RFC 2046 §5.1, RFC 5621 §3).
//!
//! A part inside a part is not looked for. It never reads the description itself.

use crate::msg::{Headers, Params, lex};

/// The media type of a session description.
pub(crate) const SDP: &str = "application/sdp";
/// Parts looked at.
const MAX_PARTS: usize = 8;

/// The session description as text; `None` where there is none. What is not UTF-8 in it is replaced, and a body that
/// says nothing of its type counts as one.
pub(crate) fn session_description(headers: &Headers, body: &[u8]) -> Option<String> {
    let media_type = headers.media_type();
    let description = match media_type.as_deref() {
        None | Some(SDP) => body,
        Some(other) if other.starts_with("multipart/") => part(body, &boundary(headers)?)?,
        Some(_) => return None,
    };
    (!description.is_empty()).then(|| String::from_utf8_lossy(description).into_owned())
}

fn boundary(headers: &Headers) -> Option<String> {
    let content_type = headers.get(&crate::msg::HeaderName::ContentType)?;
    let at = lex::find_outside(content_type, b';')?;
    let boundary = Params::parse_header(content_type.get(at..)?).ok()?.get("boundary")?.to_owned();
    (!boundary.is_empty()).then_some(boundary)
}

/// The content of the first part that is a session description.
fn part<'a>(body: &'a [u8], boundary: &str) -> Option<&'a [u8]> {
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let (mut parts, mut begun, mut at) = (0, None, 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let start = at;
        at += line.len();
        let Some(rest) = line.strip_prefix(delimiter.as_slice()) else { continue };
        let rest = rest.trim_ascii_end();
        if !matches!(rest, b"" | b"--") {
            continue;
        }
        let found = begun.and_then(|begun| content(without_line_end(body.get(begun..start)?)));
        if found.is_some() || rest == b"--" || parts == MAX_PARTS {
            return found;
        }
        parts += 1;
        begun = Some(at);
    }
    // Whoever leaves the last delimiter out means the body's end.
    content(body.get(begun?..)?)
}

/// The line end before a delimiter belongs to the delimiter.
fn without_line_end(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

/// What follows the part's own header fields, if those say that it is a session description.
fn content(part: &[u8]) -> Option<&[u8]> {
    let (mut at, mut is_description) = (0, false);
    for line in part.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        let line = line.trim_ascii();
        if line.is_empty() {
            return part.get(at..).filter(|_| is_description);
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        if name.trim_ascii().eq_ignore_ascii_case(b"content-type") {
            let value = value.strip_prefix(b":")?;
            let essence = value.split(|byte| *byte == b';').next()?.trim_ascii();
            is_description = essence.eq_ignore_ascii_case(SDP.as_bytes());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::HeaderName;

    fn of(content_type: &str, body: &str) -> Option<String> {
        let mut headers = Headers::default();
        if !content_type.is_empty() {
            headers.push(HeaderName::ContentType, content_type);
        }
        session_description(&headers, body.as_bytes())
    }

    #[test]
    fn a_body_alone_is_taken_by_its_type() {
        assert_eq!(of("application/sdp", "v=0\r\n").as_deref(), Some("v=0\r\n"));
        assert_eq!(of("Application/SDP; charset=utf-8", "v=0\r\n").as_deref(), Some("v=0\r\n"));
        assert_eq!(of("", "v=0\r\n").as_deref(), Some("v=0\r\n"));
        assert_eq!(of("application/isup", "\u{1}\u{2}"), None);
        assert_eq!(of("application/sdp", ""), None);
    }

    #[test]
    fn the_description_is_found_among_other_parts() {
        let isup = "--b 1\r\nContent-Type: application/ISUP; version=itu-t92+\r\n\r\n\u{1}\r\n\r\nContent-Type: application/sdp\r\n";
        let sdp = "--b 1\r\ncontent-type :application/sdp;charset=x\r\nContent-Disposition: session\r\n\r\nv=0\r\ns=-\r\n";
        for body in [
            format!("{isup}{sdp}\r\n--b 1--\r\n"),
            format!("preamble\r\n{sdp}\r\n{isup}\r\n--b 1--\r\nepilogue"),
            format!("{isup}{sdp}\r\n--b 1-- \n").replace("\r\n", "\n"),
        ] {
            let found = of("multipart/mixed; boundary=\"b 1\"", &body).expect(&body);
            assert_eq!(found.replace("\r\n", "\n"), "v=0\ns=-\n", "{body}");
        }
        // One that is cut off before its last delimiter.
        assert_eq!(
            of("multipart/mixed;boundary=\"b 1\"", &format!("{isup}{sdp}")).as_deref(),
            Some("v=0\r\ns=-\r\n")
        );
    }

    #[test]
    fn there_is_none_where_no_part_is_one_or_nothing_tells_the_parts_apart() {
        let sdp = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--\r\n";
        for content_type in
            ["multipart/mixed", "multipart/mixed;boundary=", "multipart/mixed;boundary=c", "text/plain"]
        {
            assert_eq!(of(content_type, sdp), None, "{content_type}");
        }
        for body in
            ["", "--b", "--b--", "--b\r\n\r\nv=0\r\n--b--", "--b\r\nContent-Type\r\n\r\nv=0\r\n--b--\r\n"]
        {
            assert_eq!(of("multipart/mixed;boundary=b", body), None, "{body:?}");
        }
        let many = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n".repeat(MAX_PARTS) + sdp;
        assert_eq!(of("multipart/mixed;boundary=b", &many), None);
    }
}
