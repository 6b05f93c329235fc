//! What a telephone of G.711 says, on its way into the room: as it is where that can be, else made anew.

use media::comfort;

use super::*;

#[test]
fn a_phones_packet_goes_into_the_room_byte_for_byte() {
    let mut line = Line::open(AudioCodec::Pcmu);
    let payload: Vec<u8> = (0..160).map(|n| n as u8).collect();
    line.phone_says(&payload);
    let (codec, packet) = &line.heard.room[0];
    assert_eq!((*codec, &packet.payload[..], packet.marker), (Codec::Pcmu, &payload[..], true));
    assert!(
        line.heard
            .events
            .iter()
            .any(|e| matches!(e, BridgeEvent::FirstAudioToRoom { at } if *at == line.now))
    );
}

#[test]
fn a_law_is_converted_for_those_who_listen_in_u_law() {
    let mut line = Line::open(AudioCodec::Pcma);
    line.phone_says(&[0xd5; 160]);
    let (codec, packet) = &line.heard.room[0];
    assert_eq!(*codec, Codec::Pcmu);
    assert!(level(&packet.payload) < 20.0, "silence stays silence");
}

#[test]
fn nobody_listens_and_nothing_is_done() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.bridge.demand(line.now, Demand::default());
    line.phone_hums(5);
    assert!(line.heard.room.is_empty());
    assert_eq!(line.bridge.report().to_room, 0);
}

#[test]
fn opus_is_encoded_only_for_those_who_want_it() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.bridge.demand(line.now, Demand { pcmu: true, opus: true, ..Demand::default() });
    line.phone_hums(50);
    let opus: Vec<_> = line.heard.room.iter().filter(|(codec, _)| *codec == Codec::Opus).collect();
    assert_eq!(opus.len(), 50);
    assert!(opus.windows(2).all(|w| w[1].1.timestamp.wrapping_sub(w[0].1.timestamp) == 960));
    assert!(opus.windows(2).all(|w| w[1].1.seq == w[0].1.seq + 1));
    assert_eq!(line.heard.room.len(), 100);
}

#[test]
fn a_quiet_line_is_described_beside_what_it_sent_until_somebody_speaks() {
    let mut line = Line::open(AudioCodec::Pcmu);
    for _ in 0..20 {
        line.phone_says(&[g711::ULAW_SILENCE; 160]);
    }
    line.phone_hums(1);
    let quiet: Vec<_> = line.heard.room.iter().map(|(_, packet)| packet.quiet.clone()).collect();
    let described = |quiet: &Option<room::Quiet>| matches!(quiet, Some(room::Quiet::Described(_)));
    assert_eq!(quiet.iter().position(described), Some(12), "240 ms are heard as they are");
    assert_eq!(quiet[13], Some(room::Quiet::Unchanged));
    assert_eq!((quiet.len(), &quiet[20]), (21, &None));
    assert!(line.heard.room.iter().all(|(_, packet)| packet.payload.len() == 160), "for whoever wants it");
}

#[test]
fn a_lost_packet_is_a_gap_for_the_room_too() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.phone_hums(1);
    // Made and lost.
    line.phone.send_audio(line.now, &[0xff; 160], &mut line.buffer);
    line.pass(TWENTY_MS);
    line.phone_hums(1);
    let [(_, first), (_, second)] = &line.heard.room[..] else { panic!("two packets") };
    assert_eq!((second.seq - first.seq, second.timestamp.wrapping_sub(first.timestamp)), (2, 320));
}

#[test]
fn the_room_is_told_what_the_phone_has_agreed_on() {
    // Voice isolation works in the telephone's band, and what it leaves needs no more.
    for (codec, told, cleaned) in [
        (AudioCodec::Pcmu, Codec::Pcmu, Codec::Pcmu),
        (AudioCodec::Pcma, Codec::Pcma, Codec::Pcma),
        (AudioCodec::G722, Codec::G722, Codec::Pcmu),
        (AudioCodec::Opus, Codec::Opus, Codec::Pcmu),
    ] {
        for (isolation, told) in [(false, told), (true, cleaned)] {
            let mut line = Line::new(codec, isolation);
            line.command(BridgeCommand::Connect(line.terms.clone()));
            assert_eq!(line.heard.codecs, [told], "{codec:?}, cleaned: {isolation}");
        }
    }
}

/// The phone's next packet is no audio but what its silence sounds like.
fn falls_silent(line: &mut Line, noise: &[u8]) {
    line.phone.send_audio(line.now, &[0xff; 160], &mut line.buffer);
    line.buffer.truncate(12);
    line.buffer[1] = comfort::PAYLOAD_TYPE;
    line.buffer.extend_from_slice(noise);
    line.bridge.handle_rtp(line.now, line.at, &line.buffer, &mut line.heard);
}

#[test]
fn comfort_noise_of_the_phone_itself_is_passed_on_to_who_can_make_it() {
    let mut line = Line::open(AudioCodec::Pcmu);
    line.phone_hums(3);
    let next = line.heard.room[2].1.timestamp.wrapping_add(160);
    falls_silent(&mut line, &[70, 130]);
    assert_eq!(line.heard.room.len(), 3, "no audio was made of it");
    assert_eq!(line.heard.noises, [(next, vec![70, 130])]);
    line.bridge.demand(line.now, Demand { opus: true, ..Demand::default() });
    falls_silent(&mut line, &[60]);
    assert_eq!(line.heard.noises.len(), 1, "Opus has none");
    line.bridge.demand(line.now, Demand { pcma: true, ..Demand::default() });
    falls_silent(&mut line, &[60]);
    assert_eq!(line.heard.noises.len(), 2);
}
