//! Phones that speak more than the telephone's band: G.722 and Opus.

use media::codec::{g722, opus};
use media::dtmf::EventPayload;

use super::*;

const HIGH: f64 = 5_000.0;

/// The level of one frequency.
fn level_at(pcm: &[i16], rate: f64, frequency: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        let (sin, cos) = (std::f64::consts::TAU * frequency * n as f64 / rate).sin_cos();
        re += f64::from(*sample) * cos;
        im += f64::from(*sample) * sin;
    }
    2.0 * re.hypot(im) / pcm.len() as f64
}

/// 20 ms of Opus at 16 kHz after 20 ms.
struct OpusHum(opus::Encoder, Sine);

impl OpusHum {
    fn new(frequency: f64) -> Self {
        Self(opus::Encoder::new(16_000, 40_000, 5).unwrap(), Sine::new(frequency, 8_000, 16_000))
    }

    fn next(&mut self) -> Vec<u8> {
        let (mut pcm, mut payload) = ([0; 320], vec![0; opus::MAX_PACKET]);
        self.1.fill(&mut pcm);
        let length = self.0.encode(&pcm, &mut payload).unwrap();
        payload.truncate(length);
        payload
    }
}

fn talker_hums_opus(line: &mut Line, frames: u16) {
    let (track, mut hum) = (TrackSid::from("TR_high"), OpusHum::new(HIGH));
    for n in 0..frames {
        let payload = hum.next();
        let timestamp = u32::from(n) * 960;
        let packet = TalkerPacket { track: &track, codec: Codec::Opus, seq: n, timestamp, payload: &payload };
        line.bridge.room_audio(line.now, &packet);
        line.pass(TWENTY_MS);
    }
}

/// An open call whose room listens so.
fn open(codec: AudioCodec, demand: Demand) -> Line {
    let mut line = Line::new(codec, false);
    line.bridge.demand(line.now, demand);
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.command(BridgeCommand::Open);
    line
}

const EVERYBODY: Demand = Demand { pcmu: true, pcma: false, g722: false, opus: true };
const OPUS: Demand = Demand { pcmu: false, pcma: false, g722: false, opus: true };

#[test]
fn a_wideband_phone_is_heard_in_opus_at_its_whole_width_and_in_g711() {
    let mut line = open(AudioCodec::G722, EVERYBODY);
    let (mut encoder, mut sine) = (g722::Encoder::new(), Sine::new(HIGH, 8_000, 16_000));
    for _ in 0..50 {
        line.pass(TWENTY_MS);
        let (mut pcm, mut payload) = ([0; 320], [0; 160]);
        sine.fill(&mut pcm);
        encoder.encode(&pcm, &mut payload);
        line.phone_says(&payload);
    }
    let (wide, narrow) = decoded(&line);
    assert_eq!((wide.len(), narrow.len()), (50 * 320, 50 * 160));
    assert!(level_at(&wide[8_000..], 16_000.0, HIGH) > 4_000.0, "5 kHz is heard in Opus");
    assert!(level(&ulaw_of(&narrow)) < 400.0, "and does not fold into the telephone band");
    assert!(line.heard.rtp.iter().all(|packet| packet[1] & 0x7f == 9 && packet.len() == 172));
}

/// What the room heard in Opus, at 16 kHz, and in G.711.
fn decoded(line: &Line) -> (Vec<i16>, Vec<i16>) {
    let mut decoder = opus::Decoder::new(16_000).unwrap();
    let (mut wide, mut narrow) = (Vec::new(), Vec::new());
    for (codec, packet) in &line.heard.room {
        let mut pcm = [0; 960];
        if *codec == Codec::Opus {
            let length = decoder.decode(Some(&packet.payload), false, &mut pcm).unwrap();
            wide.extend(&pcm[..length]);
        } else {
            let length = g711::decode_ulaw(&packet.payload, &mut pcm);
            narrow.extend(&pcm[..length]);
        }
    }
    (wide, narrow)
}

fn ulaw_of(pcm: &[i16]) -> Vec<u8> {
    let mut payload = vec![0; pcm.len()];
    g711::encode_ulaw(pcm, &mut payload);
    payload
}

#[test]
fn a_phones_g722_goes_into_the_room_byte_for_byte_with_its_loudness() {
    let demand = Demand { g722: true, ..Demand::default() };
    for demand in [demand, Demand { opus: true, ..demand }] {
        let mut line = open(AudioCodec::G722, demand);
        let (mut encoder, mut sine) = (g722::Encoder::new(), Sine::new(HIGH, 8_000, 16_000));
        let mut sent = Vec::new();
        for _ in 0..20 {
            let (mut pcm, mut payload) = ([0; 320], [0; 160]);
            sine.fill(&mut pcm);
            encoder.encode(&pcm, &mut payload);
            line.phone_says(&payload);
            line.pass(TWENTY_MS);
            sent.push(payload.to_vec());
        }
        let passed: Vec<_> = line.heard.room.iter().filter(|(codec, _)| *codec == Codec::G722).collect();
        assert_eq!(line.heard.room.len(), if demand.opus { 40 } else { 20 });
        assert_eq!(passed.iter().map(|(_, packet)| packet.payload.to_vec()).collect::<Vec<_>>(), sent);
        for pair in passed.windows(2) {
            let step = (pair[1].1.seq - pair[0].1.seq, pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp));
            assert_eq!(step, (1, 160));
        }
        let levels: Vec<_> = passed[2..].iter().map(|(_, packet)| packet.level.unwrap()).collect();
        assert!(levels.iter().all(|level| (10..20).contains(level)), "{levels:?}");
    }
}

#[test]
fn a_phone_that_speaks_something_else_than_it_agreed_on_makes_the_room_follow() {
    let mut line = Line::new(AudioCodec::Pcma, false);
    let offer = sdp::offer(&local(10_000, AudioCodec::ALL.to_vec()));
    let (answer, _) = sdp::answer(&offer, &local(20_000, vec![AudioCodec::Pcma])).unwrap();
    let both = answer.to_string().replace("RTP/AVP 8", "RTP/AVP 8 9");
    line.terms = sdp::accept_answer(&offer, &sdp::SessionDescription::parse(&both).unwrap()).unwrap();
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.command(BridgeCommand::Open);
    assert_eq!(line.heard.codecs.last(), Some(&Codec::Pcma));
    line.bridge.demand(line.now, Demand { pcma: true, ..Demand::default() });
    let says_in_g722 = |line: &mut Line| {
        line.phone.send_audio(line.now, &[0x55; 160], &mut line.buffer);
        line.buffer[1] = line.buffer[1] & 0x80 | 9;
        line.bridge.handle_rtp(line.now, line.at, &line.buffer, &mut line.heard);
        line.pass(TWENTY_MS);
    };
    says_in_g722(&mut line);
    assert_eq!(line.heard.codecs.last(), Some(&Codec::G722));
    line.bridge.demand(line.now, Demand { g722: true, ..Demand::default() });
    says_in_g722(&mut line);
    assert_eq!(line.heard.room.last().map(|(codec, _)| *codec), Some(Codec::G722));
}

#[test]
fn the_dial_tone_goes_on_until_a_phone_of_g722_is_heard() {
    let mut line = Line::new(AudioCodec::G722, false);
    line.bridge.demand(line.now, OPUS);
    line.command(BridgeCommand::DialTone(true));
    line.command(BridgeCommand::EarlyMedia(line.terms.clone()));
    assert_eq!(line.heard.codecs.last(), Some(&Codec::Opus), "a tone is not made in G.722");
    line.phone_says(&[0; 160]);
    assert_eq!(line.heard.codecs.last(), Some(&Codec::G722));
}

#[test]
fn a_phones_opus_goes_into_the_room_byte_for_byte_and_on_its_own_clock() {
    let mut line = open(AudioCodec::Opus, OPUS);
    let mut hum = OpusHum::new(HIGH);
    let sent: Vec<Vec<u8>> = (0..20).map(|_| hum.next()).collect();
    for payload in &sent {
        line.phone_says(payload);
        line.pass(TWENTY_MS);
    }
    assert_eq!(line.heard.room.len(), 20);
    for ((codec, packet), payload) in line.heard.room.iter().zip(&sent) {
        assert_eq!((*codec, &packet.payload[..]), (Codec::Opus, &payload[..]));
    }
    for pair in line.heard.room.windows(2) {
        let step = (pair[1].1.seq - pair[0].1.seq, pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp));
        assert_eq!(step, (1, 960));
    }
}

#[test]
fn a_room_is_told_how_loud_a_phone_is_in_opus() {
    let levels = |line: &Line| -> Vec<_> { line.heard.room.iter().map(|(_, packet)| packet.level).collect() };
    let loud = |level: &Option<u8>| level.is_some_and(|level| level < 35);
    // Passed on as it came: what is in the packet is what its encoder saw, to whom a hum without end is a noise.
    let mut passed = open(AudioCodec::Opus, OPUS);
    let mut hum = OpusHum::new(300.0);
    for _ in 0..15 {
        passed.phone_says(&hum.next());
        passed.pass(TWENTY_MS);
    }
    assert!(levels(&passed).iter().all(loud), "{:?}", levels(&passed));
    // Encoded here.
    let mut encoded = open(AudioCodec::Pcmu, OPUS);
    encoded.phone_hums(15);
    assert!(levels(&encoded).iter().all(loud), "{:?}", levels(&encoded));
    // Of G.711 it sees it.
    let mut shown = Line::open(AudioCodec::Pcmu);
    shown.phone_hums(5);
    assert_eq!(levels(&shown), [None; 5]);
}

#[test]
fn a_phones_opus_is_decoded_for_those_who_take_g711_only() {
    let mut line = open(AudioCodec::Opus, EVERYBODY);
    let mut hum = OpusHum::new(1_000.0);
    for _ in 0..50 {
        line.phone_says(&hum.next());
        line.pass(TWENTY_MS);
    }
    let (wide, narrow) = decoded(&line);
    assert_eq!((wide.len(), narrow.len()), (50 * 320, 50 * 160));
    assert!(level_at(&narrow[4_000..], 8_000.0, 1_000.0) > 5_000.0);
    let pcmu: Vec<_> = line.heard.room.iter().filter(|(codec, _)| *codec == Codec::Pcmu).collect();
    assert!(pcmu.windows(2).all(|w| w[1].1.timestamp.wrapping_sub(w[0].1.timestamp) == 160));
}

#[test]
fn a_phones_lost_opus_is_a_gap_for_everybody() {
    let mut line = open(AudioCodec::Opus, EVERYBODY);
    let mut hum = OpusHum::new(1_000.0);
    line.phone_says(&hum.next());
    line.phone.send_audio(line.now, &hum.next(), &mut line.buffer);
    line.pass(TWENTY_MS * 2);
    line.phone_says(&hum.next());
    for (of, ticks) in [(Codec::Opus, 1_920), (Codec::Pcmu, 320)] {
        let packets: Vec<_> = line.heard.room.iter().filter(|(codec, _)| *codec == of).collect();
        let step = packets[1].1.timestamp.wrapping_sub(packets[0].1.timestamp);
        assert_eq!((packets[1].1.seq - packets[0].1.seq, step), (2, ticks), "{of:?}");
    }
}

#[test]
fn wideband_phones_hear_the_room_beyond_the_telephones_band() {
    for codec in [AudioCodec::G722, AudioCodec::Opus] {
        let mut line = open(codec, Demand::default());
        talker_hums_opus(&mut line, 100);
        let (audio, _) = line.phone_hears();
        // The clock moves closer to the one talker: a frame comes earlier.
        assert!((99..=102).contains(&audio.len()), "{codec}: {}", audio.len());
        let (mut heard, mut g722, mut opus) =
            (Vec::new(), g722::Decoder::new(), opus::Decoder::new(16_000).unwrap());
        for payload in audio {
            let mut pcm = [0; 320];
            let length = match codec {
                AudioCodec::G722 => g722.decode(&payload, &mut pcm),
                _ => opus.decode(Some(&payload), false, &mut pcm).unwrap(),
            };
            heard.extend(&pcm[..length]);
        }
        let loud = level_at(&heard[heard.len() - 16_000..], 16_000.0, HIGH);
        assert!(loud > 3_000.0, "{codec}: {loud}");
    }
}

#[test]
fn opus_towards_the_phone_counts_at_48_khz_and_so_do_the_digits_in_it() {
    let mut line = open(AudioCodec::Opus, Demand::default());
    assert_eq!((line.terms.payload_type, line.terms.dtmf_payload_type), (111, Some(110)));
    line.pass(TWENTY_MS * 5);
    line.bridge.room_digits("5");
    line.pass(Duration::from_secs(1));
    let packets: Vec<(u8, u16, u32, Vec<u8>)> = line.heard.rtp.iter().map(|packet| split(packet)).collect();
    assert!(packets.windows(2).all(|w| w[1].1 == w[0].1.wrapping_add(1)), "one sequence");
    let events: Vec<_> = packets.iter().filter(|packet| packet.0 == 110).collect();
    assert_eq!(events.len(), 10);
    assert!(events.iter().all(|event| event.2 == events[0].2), "one timestamp");
    let durations: Vec<u16> =
        events.iter().map(|event| EventPayload::parse(&event.3).unwrap().duration).collect();
    assert_eq!(durations, [960, 1920, 2880, 3840, 4800, 5760, 6720, 7680, 7680, 7680]);
    let audio: Vec<_> = packets.iter().filter(|packet| packet.0 == 111).collect();
    let first = audio[0];
    for packet in &audio {
        let frames = u32::from(packet.1.wrapping_sub(first.1));
        assert_eq!(packet.2.wrapping_sub(first.2), frames * 960, "the clock goes on through the digit");
    }
    assert_eq!(line.phone_hears().1, "5");
}

/// Payload type, sequence number, timestamp, payload.
fn split(packet: &[u8]) -> (u8, u16, u32, Vec<u8>) {
    let header = rtp::RtpPacket::parse(packet).unwrap();
    let rtp::RtpHeader { payload_type, sequence, timestamp, .. } = header.header;
    (payload_type, sequence, timestamp, header.payload.to_vec())
}

#[test]
fn a_phone_that_counts_digits_at_8_khz_beside_opus_gets_them_so_and_is_understood() {
    let mut line = Line::new(AudioCodec::Opus, false);
    line.terms.dtmf_payload_type = Some(101);
    line.terms.dtmf_clock = 8_000;
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.command(BridgeCommand::Open);
    line.bridge.room_digits("5");
    line.pass(Duration::from_secs(1));
    let ends = line.heard.rtp.iter().map(|packet| split(packet)).filter(|packet| packet.0 == 101);
    let longest = ends.map(|packet| EventPayload::parse(&packet.3).unwrap().duration).max();
    assert_eq!(longest, Some(1_280));
}

#[test]
fn keys_are_heard_in_the_sound_of_opus_where_the_phone_takes_no_events() {
    let mut line = Line::new(AudioCodec::Opus, false);
    line.terms.dtmf_payload_type = None;
    line.command(BridgeCommand::Connect(line.terms.clone()));
    line.command(BridgeCommand::Open);
    let mut sender = media::dtmf::Sender::new();
    let mut player = media::dtmf::tones::Player::new(16_000);
    let mut encoder = opus::Encoder::new(16_000, 32_000, 5).unwrap();
    sender.push(&DialString::parse("42#").unwrap()).unwrap();
    for _ in 0..80 {
        let (mut pcm, mut payload) = ([0; 320], [0; opus::MAX_PACKET]);
        if let media::dtmf::SenderStep::Event(event) = sender.step() {
            player.fill(&event, &mut pcm);
        }
        let length = encoder.encode(&pcm, &mut payload).unwrap();
        line.phone_says(&payload[..length]);
        line.pass(TWENTY_MS);
    }
    assert_eq!(line.heard.digits.iter().collect::<String>(), "42#");
}

#[test]
fn another_codec_in_mid_call_leaves_no_seam_in_the_room() {
    let mut line = open(AudioCodec::Opus, EVERYBODY);
    let mut hum = OpusHum::new(1_000.0);
    for _ in 0..10 {
        line.phone_says(&hum.next());
        line.pass(TWENTY_MS);
    }
    let narrow = Line::new(AudioCodec::Pcmu, false).terms;
    let mut phones = narrow.clone();
    phones.remote_rtp = SocketAddr::from(([127, 0, 0, 1], 10_000));
    line.phone.negotiate(&phones, line.now);
    line.command(BridgeCommand::Connect(narrow));
    line.phone_hums(10);
    for (of, frame) in [(Codec::Opus, 960), (Codec::Pcmu, 160)] {
        let packets: Vec<_> = line.heard.room.iter().filter(|(codec, _)| *codec == of).collect();
        assert_eq!(packets.len(), 20, "{of:?}");
        for pair in packets.windows(2) {
            let step = pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp);
            assert_eq!(pair[1].1.seq, pair[0].1.seq + 1, "{of:?}");
            assert!((frame / 2..=frame * 2).contains(&step), "{of:?}: {step}");
        }
    }
}

#[test]
fn voice_isolation_cleans_a_phone_that_speaks_opus_for_everybody() {
    let mut line = Line::new(AudioCodec::Opus, true);
    line.bridge.demand(line.now, EVERYBODY);
    line.command(BridgeCommand::Connect(line.terms.clone()));
    let mut hum = OpusHum::new(1_000.0);
    for _ in 0..50 {
        line.phone_says(&hum.next());
        line.pass(TWENTY_MS);
    }
    let packets = |of| line.heard.room.iter().filter(|(codec, _)| *codec == of).count();
    assert_eq!((packets(Codec::Opus), packets(Codec::Pcmu)), (50, 50));
}
