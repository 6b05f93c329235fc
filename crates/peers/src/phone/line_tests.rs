use media::sdp::{Direction, LocalAudio};

use super::*;
use crate::measure::{Recording, Tone};

struct Pair {
    caller: Line,
    called: Line,
    now: Instant,
    events: Vec<PhoneEvent>,
}

fn addr(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn pair() -> Pair {
    let now = Instant::now();
    let local = |port| LocalAudio {
        rtp: addr(port),
        session_id: 1,
        version: 1,
        codecs: vec![AudioCodec::Pcmu, AudioCodec::Pcma],
        dtmf: true,
        comfort_noise: false,
        direction: Direction::SendRecv,
        encryption: media::sdp::Encryption::Disabled,
    };
    let offer = media::sdp::offer(&local(1000));
    let (answer, theirs) = media::sdp::answer(&offer, &local(2000)).unwrap();
    let ours = media::sdp::accept_answer(&offer, &answer).unwrap();
    let (mut caller, mut called) = (Line::new(1, now).unwrap(), Line::new(2, now).unwrap());
    caller.negotiate(&ours, now);
    called.negotiate(&theirs, now);
    Pair { caller, called, now, events: Vec::new() }
}

impl Pair {
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut packet = Vec::new();
        while self.now < end {
            if self.caller.frame(self.now, &mut packet).0.is_some() {
                self.events.extend(self.called.handle_rtp(self.now, addr(1000), &packet));
            }
            let (to, event) = self.called.frame(self.now, &mut packet);
            self.events.extend(event);
            if to.is_some() {
                self.events.extend(self.caller.handle_rtp(self.now, addr(2000), &packet));
            }
            self.now += FRAME;
        }
    }

    fn digits(&self) -> String {
        let digit = |event: &PhoneEvent| match event {
            PhoneEvent::Digit { digit } => Some(*digit),
            _ => None,
        };
        self.events.iter().filter_map(digit).collect()
    }
}

fn loudest(path: &Path) -> f64 {
    let recording = Recording::read(path).unwrap();
    Tone::find(&recording.samples[4000..], recording.rate)[0].frequency
}

#[test]
fn both_sides_hear_each_other_and_the_recordings_prove_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut pair = pair();
    pair.caller.say(&Playback::Play(Sound::tone(440.0))).unwrap();
    pair.called.say(&Playback::Play(Sound::tone(1000.0))).unwrap();
    pair.caller.record(&folder.path().join("caller.wav")).unwrap();
    pair.called.record(&folder.path().join("called.wav")).unwrap();
    pair.run(Duration::from_secs(2));
    let report = pair.called.report(None);
    assert_eq!((report.received, report.lost), (100, 0));
    assert_eq!(report.longest_gap_ms, 20.0);
    let PhoneEvent::Level { heard, said } = pair.called.take_levels() else { panic!("levels") };
    assert!((heard + 15.0).abs() < 0.5 && (said + 15.0).abs() < 0.5, "{heard} {said}");
    for (line, name, hz) in
        [(&mut pair.caller, "caller.wav", 1000.0), (&mut pair.called, "called.wav", 440.0)]
    {
        let recorded = line.finish_recording().unwrap().unwrap();
        assert!(recorded.samples >= 99 * 160 && recorded.filled == 0, "{recorded:?}");
        assert!((loudest(&folder.path().join(name)) - hz).abs() < 2.0);
    }
}

#[test]
fn keys_pressed_on_one_side_arrive_on_the_other_once_each() {
    let mut pair = pair();
    assert!(pair.called.press(&DialString::parse("12ww3*#").unwrap()));
    pair.run(Duration::from_secs(4));
    assert_eq!(pair.digits(), "123*#");
    assert_eq!(pair.events.iter().filter(|event| matches!(event, PhoneEvent::DigitsSent)).count(), 1);
}

#[test]
fn an_echo_says_what_it_hears() {
    let folder = tempfile::tempdir().unwrap();
    let mut pair = pair();
    pair.caller.say(&Playback::Play(Sound::tone(700.0))).unwrap();
    pair.called.say(&Playback::Echo).unwrap();
    let path = folder.path().join("echo.wav");
    pair.caller.record(&path).unwrap();
    pair.run(Duration::from_secs(2));
    pair.caller.finish_recording().unwrap();
    assert!((loudest(&path) - 700.0).abs() < 2.0);
}
