//! Writing our descriptions: str0m's text with the lines that say whose track a section carries replaced by our own.
//!
//! As answerer str0m gives sections the client made a random msid and always the inverse of the offered
//! direction; as offerer it keeps the msid of a section's first track. Clients find tracks by
//! `a=msid:<participant>|<track> <track>`, so msid, ssrc, direction and fmtp lines are written here; str0m never
//! compares a later description with what it said. What sections were agreed on is read from the answer's text,
//! whoever wrote it.

use std::fmt::Write;

use str0m::media::Mid;

use crate::output::Codec;
use crate::video::{VideoCodec, VideoFormat};

/// A telephone's band (RFC 7587 §6.1), with the bits that it needs: at libwebrtc's own choice, 12 kbit/s, speech suffers.
const NARROW: &str = ";maxplaybackrate=8000;maxaveragebitrate=24000";

const MID_EXTENSION: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const LEVEL_EXTENSION: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// What the description says of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Media, each way or not.
    Media { send: Sending, receive: Option<Receiving> },
    /// As str0m says.
    AsIs,
}

/// What we send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sending {
    Track {
        /// `<participant>|<track>`.
        stream: String,
        track: String,
    },
    /// There is no track yet.
    Idle,
    Nothing,
}

/// How the client sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Receiving {
    /// It may stop in silence.
    pub(crate) dtx: bool,
    pub(crate) stereo: bool,
    /// It shall send its audio redundantly (RED).
    pub(crate) red: bool,
    /// Nothing above a telephone's band is heard of it.
    pub(crate) narrow: bool,
    /// The codec its video shall be sent in, if it has said so (LiveKit's browsers leave the choice to the server).
    pub(crate) video: Option<VideoCodec>,
    /// Its payload types, its first choice first: it sends the first that both have.
    pub(crate) order: Vec<u8>,
}

/// A section as an answer left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) mid: Mid,
    /// Port 0: no media of this section can flow.
    pub(crate) rejected: bool,
    /// Payload types of the audio codecs we forward, in order of preference.
    pub(crate) codecs: Vec<(u8, Codec)>,
    /// The payload type of redundant Opus (RFC 2198).
    pub(crate) red: Option<u8>,
    /// That of comfort noise at G.711's rate (RFC 3389).
    pub(crate) noise: Option<u8>,
    /// The same of video.
    pub(crate) formats: Vec<VideoFormat>,
    /// The header extensions of packets.
    pub(crate) extensions: Extensions,
}

impl Agreed {
    /// The payload types that clients are sent and do not send.
    fn only_sent(&self) -> impl Iterator<Item = u8> {
        let g722 = self.codecs.iter().filter(|(_, codec)| *codec == Codec::G722).map(|(pt, _)| *pt);
        g722.chain(self.noise)
    }
}

/// The ids of the header extensions that audio uses (RFC 8285 §5), as far as they were agreed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    /// The section a packet is of (RFC 8843 §15).
    pub(crate) mid: Option<u8>,
    /// How loud it is (RFC 6464).
    pub(crate) level: Option<u8>,
}

/// The text to send.
pub(crate) fn write(description: &str, plan: impl Fn(Mid) -> Plan) -> String {
    let (session, media) = split(description);
    let mut text = String::with_capacity(description.len() + 512);
    for line in session.split_inclusive('\n') {
        // It lists the random ids.
        text.push_str(if line.starts_with("a=msid-semantic:") { "a=msid-semantic: WMS *\r\n" } else { line });
    }
    for section in sections(media) {
        match read(section) {
            Some(agreed) => write_section(&mut text, section, &agreed, plan(agreed.mid)),
            None => text.push_str(section),
        }
    }
    text
}

/// What an answer agrees to, section by section.
pub(crate) fn agreed(answer: &str) -> Vec<Agreed> {
    sections(split(answer).1).filter_map(read).collect()
}

/// The lines before the first section, and those from there on.
fn split(description: &str) -> (&str, &str) {
    description.split_at(description.find("\nm=").map_or(description.len(), |at| at + 1))
}

fn sections(mut media: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let after_first = media.get(1..)?;
        let end = after_first.find("\nm=").map_or(media.len(), |at| at + 2);
        let (section, rest) = media.split_at(end);
        media = rest;
        Some(section)
    })
}

fn read(section: &str) -> Option<Agreed> {
    let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:")).map(Mid::from)?;
    let mut media = section.lines().next()?.split_ascii_whitespace();
    let rejected = media.nth(1) == Some("0");
    let (mut codecs, mut red, mut noise, mut formats) = (Vec::new(), None, None, Vec::new());
    for pt in media.skip(1) {
        let value = |attribute: &str| {
            let prefix = format!("a={attribute}:{pt} ");
            section.lines().find_map(|line| line.strip_prefix(prefix.as_str()))
        };
        let (Ok(payload_type), Some(rtpmap)) = (pt.parse(), value("rtpmap")) else { continue };
        if let Some(codec) = codec(rtpmap) {
            codecs.push((payload_type, codec));
        } else if rtpmap.starts_with("red/48000") {
            red = Some(payload_type);
        } else if rtpmap.starts_with("CN/8000") {
            noise = Some(payload_type);
        } else if let Some(codec) = rtpmap.split('/').next().and_then(VideoCodec::named) {
            let format = VideoFormat::new(payload_type, codec);
            formats.push(format.with_parameters(value("fmtp").unwrap_or_default()));
        }
    }
    Some(Agreed { mid, rejected, codecs, red, noise, formats, extensions: extensions(section) })
}

fn extensions(section: &str) -> Extensions {
    let id_of = |uri: &str| {
        let mapped = section.lines().filter_map(|line| line.strip_prefix("a=extmap:")?.split_once(' '));
        let (id, _) = mapped.into_iter().find(|(_, name)| name.split(' ').next() == Some(uri))?;
        // `<id>/<direction>`, RFC 8285 §5.
        id.split('/').next()?.parse().ok().filter(|id| (1..=14).contains(id))
    };
    Extensions { mid: id_of(MID_EXTENSION), level: id_of(LEVEL_EXTENSION) }
}

fn codec(rtpmap: &str) -> Option<Codec> {
    let name = rtpmap.split('/').next()?;
    [(Codec::Opus, "opus"), (Codec::Pcmu, "PCMU"), (Codec::Pcma, "PCMA"), (Codec::G722, "G722")]
        .into_iter()
        .find(|(_, known)| name.eq_ignore_ascii_case(known))
        .map(|(codec, _)| codec)
}

fn write_section(text: &mut String, section: &str, agreed: &Agreed, plan: Plan) {
    let Plan::Media { send, receive } = plan else { return text.push_str(section) };
    let streams = Streams::read(section);
    let opus = agreed.codecs.iter().find(|(_, codec)| *codec == Codec::Opus).map(|(pt, _)| *pt);
    for line in section.split_inclusive('\n') {
        let bare = line.trim_end();
        if bare.starts_with("a=msid:") || bare.starts_with("a=ssrc:") || bare.starts_with("a=ssrc-group:") {
            continue;
        }
        match &receive {
            _ if is_direction(bare) && !agreed.rejected => {
                write_direction(text, &send, &streams, receive.is_some());
            }
            Some(receiving) if bare.starts_with("m=") => write_media_line(text, bare, receiving, agreed),
            Some(_) if agreed.only_sent().any(|pt| is_rtpmap_of(bare, Some(pt))) => {}
            Some(receiving) if is_fmtp_of(bare, opus) => write_fmtp(text, bare, receiving),
            _ => text.push_str(line),
        }
    }
}

fn write_fmtp(text: &mut String, line: &str, receiving: &Receiving) {
    let dtx = if receiving.dtx { ";usedtx=1" } else { "" };
    let most = match receiving {
        Receiving { narrow: true, .. } => NARROW,
        Receiving { stereo: true, .. } => ";stereo=1;maxaveragebitrate=510000",
        _ => "",
    };
    let _ = write!(text, "{line}{dtx}{most}\r\n");
}

/// The `m=` line with its payload types in the client's order. One that prefers Opus and shall send it redundantly does if
/// RED is first. None shall send comfort noise, with which libwebrtc decides by itself what of a talker's is silence, nor G.722,
/// which phones are not made to hear.
fn write_media_line(text: &mut String, line: &str, receiving: &Receiving, agreed: &Agreed) {
    let mut tokens: Vec<_> = line.split_ascii_whitespace().collect();
    if let Some(payload_types) = tokens.get_mut(3..) {
        let order = &receiving.order;
        let red = agreed.red;
        let preferred = order.iter().find_map(|pt| agreed.codecs.iter().find(|(known, _)| known == pt));
        let ask = receiving.red && preferred.is_some_and(|(_, codec)| *codec == Codec::Opus);
        let rank = |pt: &&str| {
            let place = order.iter().position(|known| pt.parse() == Ok(*known)).unwrap_or(order.len());
            let is_red = red.is_some_and(|red| pt.parse() == Ok(red));
            let is_wished = |format: &VideoFormat| {
                receiving.video == Some(format.codec) && pt.parse() == Ok(format.payload_type)
            };
            match (is_red || agreed.formats.iter().any(is_wished), ask || !is_red) {
                (true, true) => 0,
                (true, false) => order.len() + 1,
                (false, _) => place + 1,
            }
        };
        payload_types.sort_by_key(rank);
    }
    // Port and protocol come before the payload types.
    let mut place = 0;
    tokens.retain(|token| {
        place += 1;
        place <= 3 || agreed.only_sent().all(|pt| token.parse() != Ok(pt))
    });
    let _ = write!(text, "{}\r\n", tokens.join(" "));
}

fn is_direction(line: &str) -> bool {
    matches!(line, "a=sendonly" | "a=recvonly" | "a=sendrecv" | "a=inactive")
}

fn is_fmtp_of(line: &str, pt: Option<u8>) -> bool {
    line.strip_prefix("a=fmtp:").is_some_and(|fmtp| is_of(fmtp, pt))
}

fn is_rtpmap_of(line: &str, pt: Option<u8>) -> bool {
    line.strip_prefix("a=rtpmap:").is_some_and(|rtpmap| is_of(rtpmap, pt))
}

/// Whether an attribute's value begins with this payload type.
fn is_of(value: &str, pt: Option<u8>) -> bool {
    value.split_once(' ').is_some_and(|(of, _)| pt.is_some_and(|pt| of.parse() == Ok(pt)))
}

/// The streams str0m sends on a section.
struct Streams<'a> {
    /// Its own, and for video that of packets that are sent again.
    ssrcs: Vec<&'a str>,
    /// The line that ties the two together (RFC 4588 §8.8).
    group: Option<&'a str>,
}

impl<'a> Streams<'a> {
    fn read(section: &'a str) -> Self {
        let mut ssrcs: Vec<_> =
            section.lines().filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()).collect();
        ssrcs.dedup();
        Self { ssrcs, group: section.lines().find(|line| line.starts_with("a=ssrc-group:FID ")) }
    }
}

/// Writes to a `String` cannot fail. A section that str0m has no SSRC for is not sent on yet.
fn write_direction(text: &mut String, send: &Sending, streams: &Streams<'_>, receives: bool) {
    if let Sending::Track { stream, track } = send
        && !streams.ssrcs.is_empty()
    {
        let _ = write!(text, "a=msid:{stream} {track}\r\n");
        if let Some(group) = streams.group {
            let _ = write!(text, "{group}\r\n");
        }
        for ssrc in &streams.ssrcs {
            let _ = write!(text, "a=ssrc:{ssrc} cname:{stream}\r\na=ssrc:{ssrc} msid:{stream} {track}\r\n");
        }
    }
    text.push_str(match (send, receives) {
        (Sending::Nothing, false) => "a=inactive\r\n",
        (Sending::Nothing, true) => "a=recvonly\r\n",
        (_, false) => "a=sendonly\r\n",
        (_, true) => "a=sendrecv\r\n",
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANSWER: &str = "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 109 0\r\na=mid:0\r\n\
        a=rtpmap:109 opus/48000/2\r\na=fmtp:109 minptime=10;useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n\
        a=msid:rnd rnd\r\na=ssrc:1 cname:x\r\na=sendonly\r\nm=video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\n\
        a=msid:rnd rnd\r\na=sendonly\r\n";

    fn track() -> Sending {
        Sending::Track { stream: "PA_a|TR_b".into(), track: "TR_b".into() }
    }

    fn receiving() -> Option<Receiving> {
        Some(Receiving { dtx: true, order: vec![0, 109], ..Receiving::default() })
    }

    fn plan(send: Sending, receive: Option<Receiving>) -> Plan {
        Plan::Media { send, receive }
    }

    #[test]
    fn a_sent_track_is_named_and_its_codecs_are_read() {
        let text = write(ANSWER, |_| plan(track(), None));
        assert!(text.contains("a=msid:PA_a|TR_b TR_b\r\n"));
        assert!(text.contains("a=ssrc:1 msid:PA_a|TR_b TR_b\r\n"));
        assert!(!text.contains("rnd"));
        let agreed = agreed(ANSWER);
        assert_eq!(agreed[0].codecs, [(109, Codec::Opus), (0, Codec::Pcmu)]);
        assert!(agreed[1].rejected && agreed[1].codecs.is_empty());
        assert!(text.ends_with("a=mid:1\r\na=sendonly\r\n"), "a rejected section keeps its direction");
    }

    #[test]
    fn freed_idle_and_received_sections_are_told_apart() {
        assert!(write(ANSWER, |_| plan(Sending::Nothing, None)).contains("a=inactive\r\nm=video"));
        assert!(write(ANSWER, |_| plan(Sending::Idle, None)).contains("PCMU/8000\r\na=sendonly\r\nm=video"));
        let text = write(ANSWER, |_| plan(Sending::Nothing, receiving()));
        assert!(text.contains("a=fmtp:109 minptime=10;useinbandfec=1;usedtx=1\r\n"));
        assert!(text.contains("a=recvonly\r\nm=video"));
        assert!(text.contains("m=audio 9 UDP/TLS/RTP/SAVPF 0 109\r\n"), "the client's order: {text}");
    }

    #[test]
    fn a_publisher_is_asked_for_a_telephone_s_band() {
        let narrow = Receiving { narrow: true, stereo: true, dtx: true, ..Receiving::default() };
        let text = write(ANSWER, |_| plan(Sending::Nothing, Some(narrow.clone())));
        assert!(text.contains(";usedtx=1;maxplaybackrate=8000;maxaveragebitrate=24000\r\n"), "{text}");
        assert!(!text.contains("stereo=1"));
    }

    #[test]
    fn a_section_may_go_both_ways() {
        let text = write(ANSWER, |_| plan(track(), receiving()));
        assert!(text.contains("a=msid:PA_a|TR_b TR_b\r\n") && text.contains("a=sendrecv\r\nm=video"));
    }

    #[test]
    fn redundant_audio_is_asked_for_by_putting_it_first() {
        let answer = "v=0\r\nm=audio 9 RTP 63 111 0\r\na=mid:7\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n\
            a=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\na=recvonly\r\n";
        let line = |red| {
            let receive = Receiving { red, order: vec![111, 63, 0], ..Receiving::default() };
            write(answer, |_| plan(Sending::Nothing, Some(receive.clone())))
                .lines()
                .nth(1)
                .unwrap()
                .to_owned()
        };
        assert_eq!([line(true), line(false)], ["m=audio 9 RTP 63 111 0", "m=audio 9 RTP 111 0 63"]);
        let receive = Receiving { red: true, order: vec![0, 111, 63], ..Receiving::default() };
        let text = write(answer, |_| plan(Sending::Nothing, Some(receive.clone())));
        assert!(text.contains("m=audio 9 RTP 0 111 63\r\n"), "one that prefers G.711 keeps to it: {text}");
        let agreed = agreed(answer).remove(0);
        assert_eq!((agreed.red, agreed.codecs.len()), (Some(63), 2));
    }

    #[test]
    fn comfort_noise_is_agreed_on_where_we_send_and_nowhere_else() {
        let answer = "v=0\r\nm=audio 9 RTP 111 0 13\r\na=mid:7\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n\
            a=rtpmap:13 CN/8000\r\na=recvonly\r\n";
        let receive = Receiving { order: vec![0, 13, 111], ..Receiving::default() };
        let published = write(answer, |_| plan(Sending::Nothing, Some(receive.clone())));
        assert!(published.contains("m=audio 9 RTP 0 111\r\n") && !published.contains("CN"), "{published}");
        let sent = write(answer, |_| plan(track(), None));
        assert_eq!((agreed(&published)[0].noise, agreed(&sent)[0].noise), (None, Some(13)));
    }

    #[test]
    fn g722_is_agreed_on_where_we_send_and_nowhere_else() {
        let answer = "v=0\r\nm=audio 9 RTP 111 9 0\r\na=mid:7\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:9 G722/8000\r\n\
            a=rtpmap:0 PCMU/8000\r\na=recvonly\r\n";
        let receive = Receiving { order: vec![9, 0, 111], ..Receiving::default() };
        let published = write(answer, |_| plan(Sending::Nothing, Some(receive.clone())));
        assert!(published.contains("m=audio 9 RTP 0 111\r\n") && !published.contains("G722"), "{published}");
        let sent = write(answer, |_| plan(track(), None));
        assert_eq!(agreed(&sent)[0].codecs, [(111, Codec::Opus), (9, Codec::G722), (0, Codec::Pcmu)]);
    }

    #[test]
    fn a_videos_resends_are_tied_to_it_and_its_formats_are_read() {
        let answer = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97 108\r\na=mid:3\r\na=rtpmap:96 VP8/90000\r\n\
            a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:108 H264/90000\r\n\
            a=fmtp:108 packetization-mode=1;profile-level-id=42e01f\r\na=sendonly\r\na=msid:rnd rnd\r\n\
            a=ssrc:1 cname:x\r\na=ssrc:1 msid:x\r\na=ssrc:2 cname:x\r\na=ssrc:2 msid:x\r\na=ssrc-group:FID 1 2\r\n";
        let text = write(answer, |_| plan(track(), None));
        assert_eq!(text.matches("a=ssrc-group:FID 1 2\r\n").count(), 1);
        assert!(text.contains("a=ssrc:2 msid:PA_a|TR_b TR_b\r\n"));
        let receive =
            Receiving { video: Some(VideoCodec::H264), order: vec![96, 108], ..Receiving::default() };
        let received = write(answer, |_| plan(Sending::Nothing, Some(receive.clone())));
        assert!(received.contains("SAVPF 108 96 97\r\n"), "the codec that the publisher chose: {received}");
        let formats = &agreed(&text)[0].formats;
        assert_eq!(formats.iter().map(|f| f.payload_type).collect::<Vec<_>>(), [96, 108]);
        assert_eq!((formats[1].profile, formats[1].packetization_mode), (0x42e01f, 1));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(m=[a-z ]{0,9}[0-9 ]{0,4}\r?\n|a=mid:.{0,9}\n|a=fmtp:.{0,9}\n|.{0,9}\n){0,40}") {
            let _ = write(&text, |_| plan(track(), receiving()));
            let _ = agreed(&text);
        }
    }
}
