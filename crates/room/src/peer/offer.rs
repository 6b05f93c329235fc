//! Reading what matters of a client's offer: which sections there are, which way they go and whose track they
//! carry. str0m negotiates the rest. Never fails: a text that is no SDP has no sections.

use str0m::media::Mid;

/// More sections than any client has; later ones are ignored.
const MAX_SECTIONS: usize = 256;

/// What a media section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio,
    Video,
    Data,
}

/// Which ways media goes, as the client offers it. Neither way for `inactive`, or port 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Direction {
    /// The client sends (`sendonly`, `sendrecv`).
    pub(crate) to_server: bool,
    /// The client receives (`recvonly`, `sendrecv`).
    pub(crate) to_client: bool,
}

impl Direction {
    const SENDRECV: Self = Self { to_server: true, to_client: true };
    const SENDONLY: Self = Self { to_server: true, to_client: false };
    const RECVONLY: Self = Self { to_server: false, to_client: true };
    const INACTIVE: Self = Self { to_server: false, to_client: false };
}

/// One `m=` section of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfferedSection {
    pub(crate) mid: Mid,
    pub(crate) kind: Kind,
    pub(crate) direction: Direction,
    /// The client's name for the track it sends: the last token of `a=msid`.
    pub(crate) cid: Option<String>,
    /// The payload types, the client's first choice first.
    pub(crate) payload_types: Vec<u8>,
}

/// The offer's sections in their order. Sections without a `mid` or of unknown media are left out.
pub(crate) fn sections(offer: &str) -> Vec<OfferedSection> {
    let mut sections = Vec::new();
    let mut open: Option<Draft> = None;
    for line in offer.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            sections.extend(open.take().and_then(Draft::finish));
            if sections.len() == MAX_SECTIONS {
                return sections;
            }
            open = Some(Draft::new(media));
        } else if let Some(draft) = &mut open {
            draft.attribute(line);
        }
    }
    sections.extend(open.and_then(Draft::finish));
    sections
}

/// The offer without `a=sctp-init`: str0m would answer it in kind, and both sides would have to keep to it in
/// every later description (draft-hancke-tsvwg-snap). LiveKit does not answer it either.
pub(crate) fn without_sctp_init(offer: &str) -> String {
    offer.split_inclusive('\n').filter(|line| !line.starts_with("a=sctp-init:")).collect()
}

struct Draft {
    kind: Option<Kind>,
    rejected: bool,
    mid: Option<Mid>,
    direction: Direction,
    cid: Option<String>,
    payload_types: Vec<u8>,
}

impl Draft {
    fn new(media: &str) -> Self {
        let mut tokens = media.split_ascii_whitespace();
        let kind = match tokens.next() {
            Some("audio") => Some(Kind::Audio),
            Some("video") => Some(Kind::Video),
            Some("application") => Some(Kind::Data),
            _ => None,
        };
        // A bundled section may say port 0 with a=bundle-only; no client of LiveKit does.
        let rejected = tokens.next() == Some("0");
        // After the port comes the protocol.
        let payload_types = tokens.skip(1).map_while(|pt| pt.parse().ok()).collect();
        Self { kind, rejected, mid: None, direction: Direction::SENDRECV, cid: None, payload_types }
    }

    fn attribute(&mut self, line: &str) {
        match line {
            "a=sendrecv" => self.direction = Direction::SENDRECV,
            "a=sendonly" => self.direction = Direction::SENDONLY,
            "a=recvonly" => self.direction = Direction::RECVONLY,
            "a=inactive" => self.direction = Direction::INACTIVE,
            _ => {
                if let Some(mid) = line.strip_prefix("a=mid:") {
                    self.mid = Some(Mid::from(mid));
                } else if let Some(msid) = line.strip_prefix("a=msid:") {
                    self.cid = msid.split_ascii_whitespace().next_back().map(str::to_owned);
                }
            }
        }
    }

    fn finish(self) -> Option<OfferedSection> {
        let direction = if self.rejected { Direction::INACTIVE } else { self.direction };
        let payload_types = self.payload_types;
        Some(OfferedSection { mid: self.mid?, kind: self.kind?, direction, cid: self.cid, payload_types })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sections_are_read_with_direction_and_track() {
        let offer = "v=0\r\na=group:BUNDLE 0 7\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=recvonly\r\n\
                     m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:7\r\na=sendonly\r\na=msid:- cid-1\r\n\
                     m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:6\r\na=sctp-init:AQ\r\n\
                     m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:3\r\na=sendonly\r\n";
        let found = sections(offer);
        let summary: Vec<_> =
            found.iter().map(|s| (s.mid.to_string(), s.kind, s.direction, s.cid.as_deref())).collect();
        assert_eq!(
            summary,
            [
                ("0".into(), Kind::Audio, Direction::RECVONLY, None),
                ("7".into(), Kind::Audio, Direction::SENDONLY, Some("cid-1")),
                ("6".into(), Kind::Data, Direction::SENDRECV, None),
                ("3".into(), Kind::Video, Direction::INACTIVE, None),
            ]
        );
        assert_eq!((found[0].payload_types.as_slice(), found[2].payload_types.len()), ([111].as_slice(), 0));
        assert!(!without_sctp_init(offer).contains("sctp-init"));
        assert_eq!(without_sctp_init(offer).len(), offer.len() - "a=sctp-init:AQ\r\n".len());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(m=[a-z ]{0,9}[0-9 ]{0,4}\r?\n|a=mid:.{0,20}\n|a=msid:.{0,9}\n|.{0,9}\n){0,40}") {
            let _ = sections(&text);
            let _ = without_sctp_init(&text);
        }
    }
}
