//! Writing the answer: str0m's text with the lines that say whose track a section carries replaced by our own.
//!
//! As answerer str0m gives sections the client made a random msid and always the inverse of the offered
//! direction. Clients find tracks by `a=msid:<participant>|<track> <track>`, so msid, ssrc, direction and fmtp
//! lines are written here; str0m never compares a later offer with what it answered. The codecs a section was
//! answered with are read back from the same text.

use std::fmt::Write;

use str0m::media::Mid;

use crate::output::Codec;

/// What the answer says of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// We send a track.
    Send {
        /// `<participant>|<track>`.
        stream: String,
        track: String,
        ssrc: u32,
    },
    /// A section to send on that has no track yet.
    Idle,
    /// Nothing goes either way.
    Inactive,
    /// The client sends a track.
    Receive {
        /// The client may stop sending in silence.
        dtx: bool,
        stereo: bool,
    },
    /// As str0m says.
    AsIs,
}

/// A section as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnsweredSection {
    pub(crate) mid: Mid,
    /// Port 0: no media of this section can flow.
    pub(crate) rejected: bool,
    /// Payload types of the audio codecs we forward, in order of preference.
    pub(crate) codecs: Vec<(u8, Codec)>,
}

/// The text to send, and what it agreed to.
pub(crate) fn write(answer: &str, plan: impl Fn(Mid) -> Plan) -> (String, Vec<AnsweredSection>) {
    let start = answer.find("\nm=").map_or(answer.len(), |at| at + 1);
    let (session, mut media) = answer.split_at(start);
    let mut text = String::with_capacity(answer.len() + 512);
    for line in session.split_inclusive('\n') {
        // It lists the random ids.
        text.push_str(if line.starts_with("a=msid-semantic:") { "a=msid-semantic: WMS *\r\n" } else { line });
    }
    let mut answered = Vec::new();
    while !media.is_empty() {
        let end = media[1..].find("\nm=").map_or(media.len(), |at| at + 2);
        let (section, rest) = media.split_at(end);
        media = rest;
        match read(section) {
            Some(agreed) => {
                write_section(&mut text, section, &agreed, plan(agreed.mid));
                answered.push(agreed);
            }
            None => text.push_str(section),
        }
    }
    (text, answered)
}

fn read(section: &str) -> Option<AnsweredSection> {
    let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:")).map(Mid::from)?;
    let mut media = section.lines().next()?.split_ascii_whitespace();
    let rejected = media.nth(1) == Some("0");
    let codecs = media.skip(1).filter_map(|pt| {
        let rtpmap = format!("a=rtpmap:{pt} ");
        let name = section.lines().find_map(|line| line.strip_prefix(rtpmap.as_str()))?;
        Some((pt.parse().ok()?, codec(name)?))
    });
    Some(AnsweredSection { mid, rejected, codecs: codecs.collect() })
}

fn codec(rtpmap: &str) -> Option<Codec> {
    let name = rtpmap.split('/').next()?;
    [(Codec::Opus, "opus"), (Codec::Pcmu, "PCMU"), (Codec::Pcma, "PCMA")]
        .into_iter()
        .find(|(_, known)| name.eq_ignore_ascii_case(known))
        .map(|(codec, _)| codec)
}

fn write_section(text: &mut String, section: &str, agreed: &AnsweredSection, plan: Plan) {
    let opus = agreed.codecs.iter().find(|(_, codec)| *codec == Codec::Opus).map(|(pt, _)| *pt);
    for line in section.split_inclusive('\n') {
        let bare = line.trim_end();
        if bare.starts_with("a=msid:") || bare.starts_with("a=ssrc:") || bare.starts_with("a=ssrc-group:") {
            continue;
        }
        if is_direction(bare) && !agreed.rejected {
            write_direction(text, bare, &plan);
        } else if let (Plan::Receive { dtx, stereo }, true) = (&plan, is_fmtp_of(bare, opus)) {
            let dtx = if *dtx { ";usedtx=1" } else { "" };
            let stereo = if *stereo { ";stereo=1;maxaveragebitrate=510000" } else { "" };
            let _ = write!(text, "{bare}{dtx}{stereo}\r\n");
        } else {
            text.push_str(line);
        }
    }
}

fn is_direction(line: &str) -> bool {
    matches!(line, "a=sendonly" | "a=recvonly" | "a=sendrecv" | "a=inactive")
}

fn is_fmtp_of(line: &str, pt: Option<u8>) -> bool {
    line.strip_prefix("a=fmtp:")
        .and_then(|fmtp| fmtp.split_once(' '))
        .is_some_and(|(fmtp_pt, _)| pt.is_some_and(|pt| fmtp_pt.parse() == Ok(pt)))
}

/// Writes to a `String` cannot fail.
fn write_direction(text: &mut String, as_is: &str, plan: &Plan) {
    let direction = match plan {
        Plan::Send { stream, track, ssrc } => {
            let _ = write!(text, "a=msid:{stream} {track}\r\n");
            let _ = write!(text, "a=ssrc:{ssrc} cname:{stream}\r\na=ssrc:{ssrc} msid:{stream} {track}\r\n");
            "a=sendonly"
        }
        Plan::Idle => "a=sendonly",
        Plan::Inactive => "a=inactive",
        Plan::Receive { .. } => "a=recvonly",
        Plan::AsIs => as_is,
    };
    text.push_str(direction);
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANSWER: &str = "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 109 0\r\na=mid:0\r\n\
        a=rtpmap:109 opus/48000/2\r\na=fmtp:109 minptime=10;useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n\
        a=msid:rnd rnd\r\na=ssrc:1 cname:x\r\na=sendonly\r\nm=video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\n\
        a=msid:rnd rnd\r\na=sendonly\r\n";

    #[test]
    fn a_sent_track_is_named_and_its_codecs_are_read() {
        let (text, answered) =
            write(ANSWER, |_| Plan::Send { stream: "PA_a|TR_b".into(), track: "TR_b".into(), ssrc: 77 });
        assert!(text.contains("a=msid:PA_a|TR_b TR_b\r\n"));
        assert!(text.contains("a=ssrc:77 msid:PA_a|TR_b TR_b\r\n"));
        assert!(!text.contains("rnd") && !text.contains("ssrc:1 "));
        assert_eq!(answered[0].codecs, [(109, Codec::Opus), (0, Codec::Pcmu)]);
        assert!(answered[1].rejected && answered[1].codecs.is_empty());
        assert!(text.ends_with("a=mid:1\r\na=sendonly\r\n"), "a rejected section keeps its direction");
    }

    #[test]
    fn freed_idle_and_received_sections_are_told_apart() {
        assert!(write(ANSWER, |_| Plan::Inactive).0.contains("a=inactive\r\nm=video"));
        assert!(write(ANSWER, |_| Plan::Idle).0.contains("PCMU/8000\r\na=sendonly\r\nm=video"));
        let (text, _) = write(ANSWER, |_| Plan::Receive { dtx: true, stereo: false });
        assert!(text.contains("a=fmtp:109 minptime=10;useinbandfec=1;usedtx=1\r\n"));
        assert!(text.contains("a=recvonly\r\nm=video"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(m=[a-z ]{0,9}[0-9 ]{0,4}\r?\n|a=mid:.{0,9}\n|a=fmtp:.{0,9}\n|.{0,9}\n){0,40}") {
            let _ = write(&text, |_| Plan::Receive { dtx: true, stereo: true });
        }
    }
}
