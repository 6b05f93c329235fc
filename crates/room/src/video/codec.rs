//! The video codecs that are forwarded, and what must be read of their payloads: where a key frame begins
//! (VP8: RFC 7741 §4.3; H.264: RFC 6184 §5.2). Nothing is decoded.

use str0m::rtp::Vp8Descriptor;

/// Parameter sets and slices (RFC 6184 §1.3, H.264 table 7-1).
const NAL_SPS: u8 = 7;
/// Aggregation and fragmentation units (RFC 6184 §5.2).
const NAL_STAP_A: u8 = 24;
const NAL_FU_A: u8 = 28;

/// A video codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum VideoCodec {
    Vp8,
    H264,
}

impl VideoCodec {
    pub(crate) const ALL: [Self; 2] = [Self::Vp8, Self::H264];

    /// The MIME type as TrackInfo and the codec lists print it.
    pub(crate) const fn mime_type(self) -> &'static str {
        match self {
            Self::Vp8 => "video/VP8",
            Self::H264 => "video/H264",
        }
    }

    /// Its encoding name (`a=rtpmap`).
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
        }
    }

    /// The codec of an `a=rtpmap` encoding name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// Whether a decoder can begin with this packet.
    pub(crate) fn starts_key_frame(self, payload: &[u8]) -> bool {
        match self {
            Self::Vp8 => {
                Vp8Descriptor::parse(payload).is_ok_and(|descriptor| descriptor.starts_keyframe(payload))
            }
            Self::H264 => holds_parameter_set(payload),
        }
    }
}

/// Key frames come with their sequence parameter set in front, as a packet of its own or in an aggregate.
fn holds_parameter_set(payload: &[u8]) -> bool {
    let Some((header, rest)) = payload.split_first() else { return false };
    match header & 0x1f {
        NAL_SPS => true,
        NAL_STAP_A => nal_types(rest).any(|kind| kind == NAL_SPS),
        NAL_FU_A => rest.first().is_some_and(|fu| fu & 0x80 != 0 && fu & 0x1f == NAL_SPS),
        _ => false,
    }
}

/// The types of the units in an aggregate: each with two bytes of length in front.
fn nal_types(mut units: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (length, rest) = units.split_first_chunk::<2>()?;
        let (unit, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        units = rest;
        unit.first().map(|header| header & 0x1f)
    })
}

/// A payload type and what it stands for in one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VideoFormat {
    pub(crate) payload_type: u8,
    pub(crate) codec: VideoCodec,
    /// H.264's `profile-level-id` and `packetization-mode`; zeros for other codecs.
    pub(crate) profile: u32,
    pub(crate) packetization_mode: u8,
}

impl VideoFormat {
    /// A format without parameters.
    pub(crate) fn new(payload_type: u8, codec: VideoCodec) -> Self {
        Self { payload_type, codec, profile: 0, packetization_mode: 0 }
    }

    /// Takes in an `a=fmtp` value.
    pub(crate) fn with_parameters(mut self, fmtp: &str) -> Self {
        if self.codec == VideoCodec::H264 {
            for (key, value) in fmtp.split(';').filter_map(|pair| pair.trim().split_once('=')) {
                match key {
                    "profile-level-id" => self.profile = u32::from_str_radix(value, 16).unwrap_or_default(),
                    "packetization-mode" => self.packetization_mode = value.parse().unwrap_or_default(),
                    _ => {}
                }
            }
        }
        self
    }

    /// The format among those of a subscriber that takes this one's packets as they are: the same in everything, else of
    /// the same packetization, whatever its profile (decoders are not as narrow as what they say).
    pub(crate) fn closest(&self, among: &[Self]) -> Option<Self> {
        let packets = |format: &&Self| {
            format.codec == self.codec && format.packetization_mode == self.packetization_mode
        };
        let same = |format: &&Self| packets(format) && format.profile == self.profile;
        among.iter().find(same).or_else(|| among.iter().find(packets)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn vp8_key_frames_are_found_at_their_first_packet_only() {
        let starts = |payload: &[u8]| VideoCodec::Vp8.starts_key_frame(payload);
        // X, S; I and a picture id of two bytes; then the frame's header: bit 0 is 0 in key frames.
        assert!(starts(&[0x90, 0x80, 0x81, 0x02, 0x10, 0]));
        assert!(!starts(&[0x90, 0x80, 0x81, 0x02, 0x11, 0]), "an inter frame");
        assert!(!starts(&[0x80, 0x80, 0x81, 0x02, 0x10, 0]), "a later packet of a frame");
        assert!(!starts(&[]));
    }

    #[test]
    fn h264_key_frames_begin_with_their_parameter_set() {
        let starts = |payload: &[u8]| VideoCodec::H264.starts_key_frame(payload);
        assert!(starts(&[0x67, 0x42]));
        assert!(starts(&[0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68]));
        assert!(starts(&[0x78, 0, 1, 0x68, 0, 2, 0x67, 0x42]));
        assert!(!starts(&[0x78, 0, 1, 0x68]));
        assert!(!starts(&[0x7c, 0x85]), "a fragment of the key frame's slice");
        assert!(!starts(&[0x41]));
    }

    #[test]
    fn the_subscribers_format_is_the_one_that_takes_the_packets() {
        let format = |pt, fmtp| VideoFormat::new(pt, VideoCodec::H264).with_parameters(fmtp);
        let published = format(108, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f");
        let others = [
            VideoFormat::new(96, VideoCodec::Vp8),
            format(125, "packetization-mode=0;profile-level-id=42e01f"),
            format(102, "packetization-mode=1;profile-level-id=42001f"),
            format(103, "packetization-mode=1; profile-level-id=42e01f"),
        ];
        assert_eq!(published.closest(&others).map(|f| f.payload_type), Some(103));
        assert_eq!(published.closest(&others[..3]).map(|f| f.payload_type), Some(102));
        assert_eq!(published.closest(&others[..2]), None);
    }

    proptest! {
        #[test]
        fn no_payload_makes_it_panic(payload in proptest::collection::vec(any::<u8>(), 0..40)) {
            for codec in VideoCodec::ALL {
                let _ = codec.starts_key_frame(&payload);
            }
        }
    }
}
