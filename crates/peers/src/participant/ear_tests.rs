use super::*;
use crate::measure::Recording;

fn packet(seq: u64, timestamp: u32, codec: AudioCodec, payload: &[u8]) -> AudioPacket {
    AudioPacket { mid: "0".into(), ssrc: 1, codec: Some(codec), seq, timestamp, payload: payload.into() }
}

fn tone(frames: usize) -> Vec<Vec<u8>> {
    let mut player = crate::sound::Player::new(&crate::sound::Sound::tone(440.0), 8000, 1).unwrap();
    let frame = |_| {
        let (mut pcm, mut coded) = ([0; 160], [0; 160]);
        player.fill(&mut pcm);
        g711::encode_ulaw(&pcm, &mut coded);
        coded.to_vec()
    };
    (0..frames).map(frame).collect()
}

fn recording(folder: &Path) -> ParticipantConfig {
    ParticipantConfig { record: Some(folder.to_owned()), ..ParticipantConfig::default() }
}

#[test]
fn a_lost_packet_is_counted_and_stays_audible_in_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let config = recording(folder.path());
    let mut ear = Ear::new("TR_1".into(), "phone/1".into());
    let mut now = Instant::now();
    for (n, payload) in tone(50).iter().enumerate() {
        now += Duration::from_millis(20);
        if n == 25 {
            continue;
        }
        let packet = packet(100 + n as u64, 160 * n as u32, AudioCodec::Pcmu, payload);
        ear.packet(now, &packet, &config);
    }
    assert!(ear.take_level() > -16.0);
    assert_eq!(ear.take_level(), SILENCE_DBFS);
    let heard = ear.finish();
    assert_eq!((heard.packets, heard.lost, heard.damaged), (49, 1, 0));
    assert_eq!(heard.longest_gap, Duration::from_millis(40));
    let recorded = heard.recorded.unwrap();
    assert_eq!(recorded.path.file_name().unwrap(), "phone_1-TR_1.wav");
    let samples = Recording::read(&recorded.path).unwrap().samples;
    assert_eq!(samples.len(), 8000);
    assert!(samples[4000..4160].iter().all(|&sample| sample == 0));
}

#[test]
fn another_stream_on_the_same_track_continues_where_it_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let config = recording(folder.path());
    let mut ear = Ear::new("TR_1".into(), "phone".into());
    let start = Instant::now();
    let payload = &tone(1)[0];
    ear.packet(start, &packet(1, 0, AudioCodec::Pcmu, payload), &config);
    let mut other = packet(9000, 4_000_000, AudioCodec::Pcmu, payload);
    other.ssrc = 2;
    ear.packet(start + Duration::from_secs(1), &other, &config);
    let heard = ear.finish();
    assert_eq!(heard.lost, 0);
    assert_eq!(heard.recorded.unwrap().samples, 8160);
}

#[test]
fn what_does_not_decode_is_counted() {
    let mut ear = Ear::new("TR_1".into(), "phone".into());
    let event =
        ear.packet(Instant::now(), &packet(1, 0, AudioCodec::Opus, &[]), &ParticipantConfig::default());
    assert!(matches!(event, Some(ParticipantEvent::FirstAudio { codec: AudioCodec::Opus, .. })));
    ear.packet(Instant::now(), &packet(2, 0, AudioCodec::Pcmu, &[0; 10_000]), &ParticipantConfig::default());
    assert_eq!(ear.finish().damaged, 2);
}

#[test]
fn an_ear_that_counts_decodes_up_to_the_first_sound() {
    let config = ParticipantConfig { listening: Listening::Count, ..ParticipantConfig::default() };
    let mut ear = Ear::new("TR_1".into(), "phone".into());
    let now = Instant::now();
    ear.packet(now, &packet(1, 0, AudioCodec::Pcmu, &[g711::ULAW_SILENCE; 160]), &config);
    assert_eq!(ear.heard().first_sound, None);
    ear.packet(now, &packet(2, 160, AudioCodec::Pcmu, &tone(1)[0]), &config);
    ear.packet(now, &packet(4, 320, AudioCodec::Pcmu, &[]), &config);
    let heard = ear.finish();
    assert_eq!((heard.packets, heard.lost, heard.damaged), (3, 1, 0), "the empty one was not decoded");
    assert_eq!(heard.first_sound, Some(now));
}
