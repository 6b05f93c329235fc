//! Where talkers begin and end, whoever cuts them: no step that is not in the sound itself.

use super::*;

/// All that the phone heard, as samples.
fn samples(line: &mut Line) -> Vec<i32> {
    let (audio, _) = line.phone_hears();
    let decoded = audio.iter().flat_map(|payload| {
        let mut pcm = vec![0; payload.len()];
        g711::decode_ulaw(payload, &mut pcm);
        pcm
    });
    decoded.map(i32::from).collect()
}

/// The largest step from one sample to the next.
fn steepest(samples: &[i32]) -> i32 {
    samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max().unwrap_or_default()
}

#[test]
fn a_talker_whose_track_is_taken_away_ends_without_a_click() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.phone_says(&[0xff; 160]);
    // Of a tone of 440 Hz at 8 kHz, 8,000 high.
    let own = 2_800;
    for frames in [20, 33, 47] {
        line.talker_hums("TR_a", frames);
        line.bridge.room_track_ended(&TrackSid::from("TR_a"));
        line.pass(Duration::from_millis(200));
    }
    let heard = samples(&mut line);
    assert!(heard.iter().any(|sample| *sample > 7_000), "it is heard");
    assert!(heard.ends_with(&[0; 800]), "and then nobody");
    let step = steepest(&heard);
    assert!(step < own * 5 / 4, "a step of {step}");
}

#[test]
fn what_waits_of_a_track_that_ended_is_heard_to_its_end() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.phone_says(&[0xff; 160]);
    line.talker_hums("TR_a", 25);
    line.phone_hears();
    let track = TrackSid::from("TR_a");
    let mut tone = Sine::new(440.0, 8_000, 8_000);
    let base = 100;
    for n in base..base + 5 {
        let payload = ulaw(&mut tone);
        let (seq, timestamp) = (n, u32::from(n) * 160);
        let packet = TalkerPacket { track: &track, codec: Codec::Pcmu, seq, timestamp, payload: &payload };
        line.bridge.room_audio(line.now, &packet);
    }
    line.bridge.room_track_ended(&track);
    line.pass(Duration::from_millis(400));
    let (audio, _) = line.phone_hears();
    let louder = |than| audio.iter().filter(|frame| level(frame) > than).count();
    assert!(louder(3_000.0) >= 4 && louder(1_000.0) >= 5, "the last one on its way to silence");
    assert!(audio.iter().rev().take(5).all(|frame| level(frame) < 10.0));
}
