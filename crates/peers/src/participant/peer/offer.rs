//! What our offers hold beside the engine's own sections.

use str0m::change::SdpApi;
use str0m::channel::{ChannelConfig, Reliability};

/// Label of the ordered, reliable channel.
pub(super) const RELIABLE: &str = "_reliable";
/// Label of the unordered channel without retransmission.
pub(super) const LOSSY: &str = "_lossy";
/// Label of the data tracks' channel; opened because every client does, never used here.
const DATA_TRACK: &str = "_data_track";

/// Adds the three data channels a client opens.
pub(super) fn add_channels(changes: &mut SdpApi<'_>) {
    for label in [RELIABLE, LOSSY, DATA_TRACK] {
        let reliable = label == RELIABLE;
        let reliability = match reliable {
            true => Reliability::Reliable,
            false => Reliability::MaxRetransmits { retransmits: 0 },
        };
        let label = label.to_owned();
        changes.add_channel_with_config(ChannelConfig {
            label,
            ordered: reliable,
            reliability,
            ..ChannelConfig::default()
        });
    }
}

/// The offer without the `a=msid` and `a=ssrc` lines the engine prints in sections that only receive:
/// they name media that is never sent (RFC 8829 §5.2.1). The engine keeps no copy of the text.
pub(super) fn without_msid_where_nothing_is_sent(sdp: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    for (index, section) in sections(sdp).enumerate() {
        let receives_only = index > 0 && !section.contains("a=sendonly") && !section.contains("a=sendrecv");
        for line in section.split_inclusive('\n') {
            let names_media = line.starts_with("a=msid:") || line.starts_with("a=ssrc");
            if !(receives_only && names_media) {
                out.push_str(line);
            }
        }
    }
    out
}

/// The session part and each media section.
fn sections(sdp: &str) -> impl Iterator<Item = &str> {
    let mut rest = sdp;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest[1..].find("\nm=").map_or(rest.len(), |at| at + 2);
        let (section, after) = rest.split_at(end);
        rest = after;
        Some(section)
    })
}
