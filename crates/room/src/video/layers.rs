//! The layers of a published video: the same picture in up to three sizes (simulcast, RFC 8853), each a stream of its
//! own, told apart by its RID. A client sends them all or some, as its uplink allows; it may stop one at any time.

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use str0m::media::Rid;

/// Layers a video has at most: LOW, MEDIUM and HIGH.
pub(crate) const MAX_LAYERS: usize = 3;
/// A layer has stopped when others have shown so many pictures meanwhile, and so much time has passed.
const STALLED_FRAMES: u32 = 8;
const STALLED: Duration = Duration::from_millis(400);
/// Key frames of a layer are not asked for more often than this.
const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(500);
/// A layer whose sides are at least this share of what is asked for will do (LiveKit).
const TOLERANCE: f32 = 0.9;

/// What a subscriber asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// By quality: 0 the lowest.
    Quality(usize),
    /// By the size it is shown in.
    Size { width: u32, height: u32 },
}

impl Wish {
    /// What `UpdateTrackSettings` asks for; `None`: nothing at all.
    pub(crate) fn of(settings: &proto::UpdateTrackSettings) -> Option<Self> {
        let (width, height) = (settings.width, settings.height);
        match settings.quality() {
            _ if settings.disabled => None,
            _ if width > 0 && height > 0 => Some(Self::Size { width, height }),
            proto::VideoQuality::Off => None,
            quality => usize::try_from(i32::from(quality)).ok().map(Self::Quality),
        }
    }
}

impl Default for Wish {
    fn default() -> Self {
        Self::Quality(MAX_LAYERS - 1)
    }
}

/// One layer.
#[derive(Debug, Default)]
struct Layer {
    rid: Option<Rid>,
    /// In pixels; zeros when it is not known.
    width: u32,
    height: u32,
    /// When its last packet came.
    last: Option<Instant>,
    /// Pictures of other layers since.
    missed: u32,
    /// When a key frame was asked for last.
    asked: Option<Instant>,
    /// Somebody needs a key frame.
    wanted: bool,
}

impl Layer {
    fn is_live(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| self.missed < STALLED_FRAMES || now < last + STALLED)
    }
}

/// The layers of a video, the smallest first.
#[derive(Debug)]
pub(crate) struct Layers(Vec<Layer>);

impl Layers {
    /// Layers with these RIDs, as the publisher lists them: the smallest first. None: there is one, without a RID.
    pub(crate) fn new(rids: &[Rid]) -> Self {
        let mut layers: Vec<_> =
            rids.iter().take(MAX_LAYERS).map(|rid| Layer { rid: Some(*rid), ..Default::default() }).collect();
        if layers.is_empty() {
            layers.push(Layer::default());
        }
        Self(layers)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The sizes, as the publisher tells them: of each layer, or only of the whole picture.
    pub(crate) fn set_sizes(&mut self, told: &[proto::VideoLayer], width: u32, height: u32) {
        let count = self.0.len();
        for (index, layer) in self.0.iter_mut().enumerate() {
            let own = told.iter().find(|told| {
                let by_rid = layer.rid.is_some_and(|rid| !told.rid.is_empty() && *rid == *told.rid);
                by_rid || (told.rid.is_empty() && usize::try_from(told.quality) == Ok(index))
            });
            let halved = count - 1 - index;
            (layer.width, layer.height) =
                own.map_or((width >> halved, height >> halved), |own| (own.width, own.height));
        }
    }

    /// The layer with this RID.
    pub(crate) fn find(&self, rid: Option<Rid>) -> Option<usize> {
        self.0.iter().position(|layer| layer.rid == rid)
    }

    pub(crate) fn rid(&self, index: usize) -> Option<Rid> {
        self.0.get(index).and_then(|layer| layer.rid)
    }

    /// A packet of a layer has come; `ends_picture` if it is a picture's last.
    pub(crate) fn seen(&mut self, now: Instant, index: usize, ends_picture: bool) {
        for (other, layer) in self.0.iter_mut().enumerate() {
            if other == index {
                (layer.last, layer.missed) = (Some(now), 0);
            } else if ends_picture {
                layer.missed = layer.missed.saturating_add(1);
            }
        }
    }

    /// The layer that is closest to what is wished for, of those that flow: the next smaller one rather than a larger. While
    /// none flows, the one that is wished for.
    pub(crate) fn choose(&self, now: Instant, wish: Wish) -> usize {
        let wanted = self.wanted(wish);
        let live = |index: &usize| self.0.get(*index).is_some_and(|layer| layer.is_live(now));
        let smaller = (0..=wanted).rev().find(live);
        smaller.or_else(|| (wanted + 1..self.0.len()).find(live)).unwrap_or(wanted)
    }

    /// The layer that is wished for, whether it flows or not.
    pub(super) fn wanted(&self, wish: Wish) -> usize {
        let highest = self.0.len() - 1;
        match wish {
            Wish::Quality(quality) => quality.min(highest),
            Wish::Size { width, height } => {
                let enough = |layer: &Layer| {
                    let (short, long) = (layer.width.min(layer.height), layer.width.max(layer.height));
                    let will_do = |has: u32, asked: u32| has as f32 >= asked as f32 * TOLERANCE;
                    // A phone's upright picture in a wide frame is as high as the frame.
                    will_do(short, width.min(height)) && will_do(long, width.max(height))
                };
                self.0.iter().position(enough).unwrap_or(highest)
            }
        }
    }

    /// Somebody needs a key frame of this layer.
    pub(crate) fn want_key_frame(&mut self, index: usize) {
        if let Some(layer) = self.0.get_mut(index) {
            layer.wanted = true;
        }
    }

    /// A key frame of this layer has come.
    pub(crate) fn key_frame(&mut self, index: usize) {
        if let Some(layer) = self.0.get_mut(index) {
            layer.wanted = false;
        }
    }

    /// The layer whose publisher is to be asked for a key frame now, if any. One that never flowed cannot be asked for.
    pub(crate) fn ask_key_frame(&mut self, now: Instant) -> Option<usize> {
        let due = |layer: &Layer| {
            let rested = layer.asked.is_none_or(|at| now >= at + KEY_FRAME_INTERVAL);
            layer.wanted && layer.last.is_some() && rested
        };
        let index = self.0.iter().position(due)?;
        self.0[index].asked = Some(now);
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Layers {
        let mut layers = Layers::new(&["q", "h", "f"].map(Rid::from));
        layers.set_sizes(&[], 1280, 720);
        layers
    }

    #[test]
    fn the_smallest_layer_that_will_do_is_wanted() {
        let (layers, now) = (three(), Instant::now());
        let size = |width, height| layers.choose(now, Wish::Size { width, height });
        assert_eq!([size(100, 60), size(320, 180), size(330, 190), size(640, 360)], [0, 0, 0, 1]);
        assert_eq!([size(1000, 700), size(4000, 3000), size(180, 320)], [2, 2, 0]);
        assert_eq!([0, 1, 2].map(|quality| layers.choose(now, Wish::Quality(quality))), [0, 1, 2]);
        assert_eq!(Layers::new(&[]).choose(now, Wish::default()), 0);
    }

    #[test]
    fn a_layer_that_does_not_flow_is_replaced_by_one_that_does() {
        let (mut layers, mut now) = (three(), Instant::now());
        layers.seen(now, 0, true);
        assert_eq!([0, 1, 2].map(|quality| layers.choose(now, Wish::Quality(quality))), [0, 0, 0]);
        layers.seen(now, 2, true);
        assert_eq!(layers.choose(now, Wish::Quality(1)), 0);
        assert_eq!(layers.choose(now, Wish::default()), 2);
        for _ in 0..STALLED_FRAMES {
            now += Duration::from_millis(33);
            layers.seen(now, 2, true);
        }
        assert_eq!(layers.choose(now, Wish::Quality(0)), 0, "not before its time");
        assert_eq!(layers.choose(now + STALLED, Wish::Quality(0)), 2, "a larger one when no smaller flows");
    }

    #[test]
    fn a_picture_that_stands_still_stalls_no_layer() {
        let (mut layers, now) = (three(), Instant::now());
        (0..3).for_each(|index| layers.seen(now, index, true));
        assert_eq!(layers.choose(now + Duration::from_secs(60), Wish::default()), 2);
    }

    #[test]
    fn key_frames_are_asked_for_until_they_come_but_not_in_haste() {
        let (mut layers, now) = (three(), Instant::now());
        layers.want_key_frame(1);
        assert_eq!(layers.ask_key_frame(now), None, "there is no such stream yet");
        (0..3).for_each(|index| layers.seen(now, index, true));
        assert_eq!((layers.ask_key_frame(now), layers.ask_key_frame(now)), (Some(1), None));
        layers.want_key_frame(2);
        assert_eq!(layers.ask_key_frame(now), Some(2), "each layer has its own");
        let later = now + KEY_FRAME_INTERVAL;
        assert_eq!(layers.ask_key_frame(later), Some(1));
        layers.key_frame(1);
        layers.key_frame(2);
        assert_eq!(layers.ask_key_frame(later + KEY_FRAME_INTERVAL), None);
    }

    #[test]
    fn sizes_are_taken_as_they_are_told() {
        let mut layers = Layers::new(&["q", "h"].map(Rid::from));
        let told = |rid: &str, width, height| proto::VideoLayer {
            rid: rid.into(),
            width,
            height,
            ..Default::default()
        };
        layers.set_sizes(&[told("h", 640, 480), told("q", 160, 120)], 640, 480);
        assert_eq!(layers.choose(Instant::now(), Wish::Size { width: 170, height: 128 }), 0);
        assert_eq!(layers.choose(Instant::now(), Wish::Size { width: 200, height: 150 }), 1);
    }

    #[test]
    fn settings_say_what_is_wished_for() {
        let settings = proto::UpdateTrackSettings { quality: 1, ..Default::default() };
        assert_eq!(Wish::of(&settings), Some(Wish::Quality(1)));
        let sized = proto::UpdateTrackSettings { width: 320, height: 180, ..settings.clone() };
        assert_eq!(Wish::of(&sized), Some(Wish::Size { width: 320, height: 180 }));
        assert_eq!(Wish::of(&proto::UpdateTrackSettings { disabled: true, ..sized }), None);
        assert_eq!(Wish::of(&proto::UpdateTrackSettings { quality: 3, ..settings }), None);
    }
}
