use std::time::Duration;

use super::*;
use crate::ids::ParticipantId;

const VP8: VideoFormat =
    VideoFormat { payload_type: 96, codec: VideoCodec::Vp8, profile: 0, packetization_mode: 0 };
const H264: VideoFormat =
    VideoFormat { payload_type: 108, codec: VideoCodec::H264, profile: 0x42e01f, packetization_mode: 1 };
const VIEWER: ParticipantId = ParticipantId(7);

fn video() -> Video {
    Video::new(vec![VP8, H264], &[], &proto::TrackInfo::default()).unwrap()
}

fn packet(seq: u64, codec: VideoCodec, key_frame: bool) -> Packet<'static> {
    Packet {
        numbers: Numbers { seq, timestamp: seq as u32 * 3000 },
        codec,
        payload: &[0x10, 0x11],
        key_frame,
    }
}

fn take(video: &mut Video, now: Instant, packet: &Packet<'_>) -> Option<(u8, u64)> {
    let mut downlinks = std::mem::take(&mut video.downlinks);
    video.layers.seen(now, 0, true);
    let taken = downlinks[0].take(now, &mut video.layers, 0, packet);
    video.downlinks = downlinks;
    taken.map(|(payload_type, rewritten)| (payload_type, rewritten.seq))
}

#[test]
fn a_stream_begins_with_a_key_frame_which_is_asked_for() {
    let (mut video, now) = (video(), Instant::now());
    assert!(video.add(VIEWER, Mid::from("3"), &[VP8], Some(Wish::default()), 100));
    assert_eq!(take(&mut video, now, &packet(1, VideoCodec::Vp8, false)), None);
    assert_eq!(video.ask_key_frame(now), Some(None));
    assert_eq!(take(&mut video, now, &packet(2, VideoCodec::Vp8, true)), Some((96, 100)));
    assert_eq!(take(&mut video, now, &packet(3, VideoCodec::Vp8, false)), Some((96, 101)));
    assert_eq!(take(&mut video, now, &packet(1, VideoCodec::Vp8, false)), None, "from before it");
    // The publisher's numbers start over: the decoder does, too.
    assert_eq!(take(&mut video, now, &packet(900_000, VideoCodec::Vp8, false)), None);
    let later = now + Duration::from_secs(1);
    assert_eq!(take(&mut video, later, &packet(900_001, VideoCodec::Vp8, true)), Some((96, 102)));
}

#[test]
fn a_viewer_without_the_codec_is_told_so() {
    assert!(!video().add(VIEWER, Mid::from("3"), &[H264], Some(Wish::default()), 100));
    assert!(Video::new(Vec::new(), &[], &proto::TrackInfo::default()).is_none());
}

#[test]
fn a_publisher_may_change_to_another_of_its_formats() {
    let (mut video, now) = (video(), Instant::now());
    let theirs = VideoFormat { payload_type: 120, ..H264 };
    assert!(video.add(VIEWER, Mid::from("3"), &[VP8, theirs], Some(Wish::default()), 100));
    assert_eq!(take(&mut video, now, &packet(1, VideoCodec::Vp8, true)), Some((96, 100)));
    assert!(!video.changed(111), "none of its own");
    assert!(video.changed(108));
    assert_eq!(take(&mut video, now, &packet(2, VideoCodec::H264, false)), None);
    assert_eq!(take(&mut video, now, &packet(3, VideoCodec::H264, true)), Some((120, 101)));
}

#[test]
fn nothing_is_sent_to_one_who_paused_it() {
    let (mut video, now) = (video(), Instant::now());
    assert!(video.add(VIEWER, Mid::from("3"), &[VP8], None, 100));
    assert_eq!(take(&mut video, now, &packet(1, VideoCodec::Vp8, true)), None);
    video.key_frame_wanted(now, VIEWER);
    assert_eq!(video.ask_key_frame(now), None, "nobody sees it");
    video.wished(now, VIEWER, Some(Wish::default()));
    assert_eq!(video.ask_key_frame(now), Some(None));
}
