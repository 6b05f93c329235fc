//! Reading what matters of a client's offer: which sections there are, which way they go and whose track they
//! carry. str0m negotiates the rest. Never fails: a text that is no SDP has no sections.

use str0m::media::{Mid, Rid};

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
    /// The RIDs of the layers it sends, in its own order.
    pub(crate) rids: Vec<Rid>,
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

/// A description without what we do not answer to:
/// - `a=sctp-init`: str0m would answer it in kind, and both sides would have to keep to it in every later description
///   (draft-hancke-tsvwg-snap). LiveKit does not answer it either.
/// - transport-wide congestion control, but where the client sends video: audio needs none, and it costs a quarter of
///   the CPU.
pub(crate) fn tailored(description: &str) -> String {
    let mut text = String::with_capacity(description.len());
    let starts = description.match_indices("\nm=").map(|(at, _)| at + 1);
    let mut from = 0;
    for to in starts.chain([description.len()]) {
        let Some(section) = description.get(from..to) else { break };
        let sends = |line: &str| matches!(line, "a=sendonly" | "a=sendrecv");
        let sends_video = section.starts_with("m=video") && section.lines().any(sends);
        let kept =
            |line: &&str| !line.starts_with("a=sctp-init:") && (sends_video || !is_transport_wide(line));
        section.split_inclusive('\n').filter(kept).for_each(|line| text.push_str(line));
        from = to;
    }
    text
}

fn is_transport_wide(line: &str) -> bool {
    let line = line.trim_end();
    (line.starts_with("a=rtcp-fb:") && line.ends_with(" transport-cc"))
        || (line.starts_with("a=extmap:") && line.contains("transport-wide-cc-extensions"))
}

struct Draft {
    kind: Option<Kind>,
    rejected: bool,
    mid: Option<Mid>,
    direction: Direction,
    cid: Option<String>,
    payload_types: Vec<u8>,
    rids: Vec<Rid>,
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
        let rejected = tokens.next() == Some("0");
        // After the port comes the protocol.
        let payload_types = tokens.skip(1).map_while(|pt| pt.parse().ok()).collect();
        let direction = Direction::SENDRECV;
        Self { kind, rejected, mid: None, direction, cid: None, payload_types, rids: Vec::new() }
    }

    fn attribute(&mut self, line: &str) {
        match line {
            "a=sendrecv" => self.direction = Direction::SENDRECV,
            "a=sendonly" => self.direction = Direction::SENDONLY,
            "a=recvonly" => self.direction = Direction::RECVONLY,
            "a=inactive" => self.direction = Direction::INACTIVE,
            // Port 0 is no refusal then (RFC 9143 §6); Firefox writes all but the first of a kind so.
            "a=bundle-only" => self.rejected = false,
            _ => {
                if let Some(mid) = line.strip_prefix("a=mid:") {
                    self.mid = Some(Mid::from(mid));
                } else if let Some(msid) = line.strip_prefix("a=msid:") {
                    self.cid = msid.split_ascii_whitespace().next_back().map(str::to_owned);
                } else if let Some((rid, "send")) =
                    line.strip_prefix("a=rid:").and_then(|rid| rid.trim_end().split_once(' '))
                {
                    self.rids.push(Rid::from(rid));
                }
            }
        }
    }

    fn finish(self) -> Option<OfferedSection> {
        let direction = if self.rejected { Direction::INACTIVE } else { self.direction };
        let Self { cid, payload_types, rids, .. } = self;
        Some(OfferedSection { mid: self.mid?, kind: self.kind?, direction, cid, payload_types, rids })
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
        assert_eq!(tailored(offer), offer.replace("a=sctp-init:AQ\r\n", ""));
    }

    #[test]
    fn congestion_control_is_left_to_videos_that_are_sent() {
        let lines = "a=mid:0\r\na=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
                     a=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 nack\r\n";
        let section =
            |media: &str, direction: &str| format!("m={media} 9 RTP 96\r\n{lines}a={direction}\r\n");
        let kept = |media: &str, direction: &str| {
            let text = format!("v=0\r\n{}{}", section("audio", "recvonly"), section(media, direction));
            let tailored = tailored(&text);
            assert!(tailored.contains("a=rtcp-fb:96 nack\r\n") && tailored.contains(direction));
            (tailored.matches("transport-wide").count(), tailored.matches(" transport-cc").count())
        };
        assert_eq!(kept("video", "sendonly"), (1, 1));
        assert_eq!(kept("video", "recvonly"), (0, 0));
        assert_eq!(kept("audio", "sendrecv"), (0, 0));
    }

    #[test]
    fn the_layers_it_sends_are_read_in_order() {
        let offer = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:7\r\na=sendonly\r\na=rid:q send\r\na=rid:h send\r\n\
                     a=rid:x recv\r\na=simulcast:send q;h\r\n";
        assert_eq!(sections(offer)[0].rids, ["q", "h"].map(Rid::from));
    }

    #[test]
    fn a_section_that_is_only_bundled_is_not_refused() {
        let offer = "v=0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 109\r\na=mid:7\r\na=bundle-only\r\na=sendonly\r\n\
                     m=audio 0 UDP/TLS/RTP/SAVPF 109\r\na=mid:8\r\na=sendonly\r\n";
        let directions: Vec<_> = sections(offer).iter().map(|section| section.direction).collect();
        assert_eq!(directions, [Direction::SENDONLY, Direction::INACTIVE]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(m=[a-z ]{0,9}[0-9 ]{0,4}\r?\n|a=mid:.{0,20}\n|a=msid:.{0,9}\n|.{0,9}\n){0,40}") {
            let _ = sections(&text);
            let _ = tailored(&text);
        }
    }
}
