use livekit_protocol as proto;
use proptest::prelude::*;
use prost::Message;

use super::*;

const BOB: Sender<'_> = Sender { identity: "bob", sid: "PA_bob", reliable: true, for_another: false };

#[allow(deprecated, reason = "the fields older clients use are what is tested")]
fn user_packet() -> proto::DataPacket {
    proto::DataPacket {
        kind: 1,
        participant_identity: "mallory".into(),
        destination_identities: vec!["alice".into()],
        sequence: 7,
        value: Some(proto::data_packet::Value::User(proto::UserPacket {
            participant_sid: "PA_mallory".into(),
            payload: b"hello".to_vec(),
            destination_identities: vec!["carol".into(), "alice".into()],
            topic: Some("chat".into()),
            ..Default::default()
        })),
        ..Default::default()
    }
}

#[test]
#[allow(deprecated, reason = "the fields older clients use are what is tested")]
fn a_user_packet_gets_its_true_sender_inside_and_outside() {
    let bytes = user_packet().encode_to_vec();
    let envelope = read(&bytes).unwrap();
    assert_eq!(envelope.destination_identities, ["alice", "carol"]);
    assert_eq!((envelope.content, envelope.sequence), (Content::User, 7));

    let packet = proto::DataPacket::decode(&*rewrite(&bytes, &envelope, BOB)).unwrap();
    assert_eq!(packet.participant_identity, "bob");
    assert_eq!(packet.participant_sid, "PA_bob");
    assert_eq!(packet.kind, 0, "the channel tells the kind");
    assert_eq!(packet.sequence, 7);
    assert_eq!(packet.destination_identities, ["alice", "carol"]);
    let Some(proto::data_packet::Value::User(user)) = packet.value else { panic!("no user packet") };
    assert_eq!(user.participant_sid, "PA_bob");
    assert_eq!(user.participant_identity, "bob");
    assert_eq!(user.destination_identities, ["alice", "carol"]);
    assert_eq!((user.payload.as_slice(), user.topic.as_deref()), (&b"hello"[..], Some("chat")));
}

#[test]
fn unknown_fields_survive_inside_and_outside() {
    let mut bytes = user_packet().encode_to_vec();
    put_text(&mut bytes, 900, "from the future");
    let mut user = Vec::new();
    put_text(&mut user, 901, "inside too");
    encode_key(USER, WireType::LengthDelimited, &mut bytes);
    encode_varint(user.len() as u64, &mut bytes);
    bytes.extend(user);
    let out = rewrite(&bytes, &read(&bytes).unwrap(), BOB);
    let has = |text: &str| out.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("from the future") && has("inside too"));
    assert!(!has("mallory"));
}

#[test]
fn a_hidden_sender_has_no_identity() {
    let bytes = user_packet().encode_to_vec();
    let sender = Sender { identity: "", ..BOB };
    let packet = proto::DataPacket::decode(&*rewrite(&bytes, &read(&bytes).unwrap(), sender)).unwrap();
    assert_eq!(packet.participant_identity, "");
    assert_eq!(packet.participant_sid, "PA_bob");
}

#[test]
fn what_an_agent_says_for_another_is_marked_and_else_as_it_was() {
    let agent = Sender { identity: "alice", for_another: true, ..BOB };
    let message = proto::ChatMessage { id: "1".into(), message: "hello".into(), ..Default::default() };
    let value = Some(proto::data_packet::Value::ChatMessage(message.clone()));
    let bytes = proto::DataPacket { value, ..Default::default() }.encode_to_vec();
    let packet = proto::DataPacket::decode(&*rewrite(&bytes, &read(&bytes).unwrap(), agent)).unwrap();
    let marked = proto::ChatMessage { generated: true, ..message };
    assert_eq!(packet.value, Some(proto::data_packet::Value::ChatMessage(marked)));

    let text = proto::data_stream::TextHeader { version: 3, ..Default::default() };
    let head = |text| proto::data_stream::Header {
        stream_id: "s".into(),
        topic: "lk.chat".into(),
        content_header: Some(proto::data_stream::header::ContentHeader::TextHeader(text)),
        ..Default::default()
    };
    let value = Some(proto::data_packet::Value::StreamHeader(head(text.clone())));
    let bytes = proto::DataPacket { value, ..Default::default() }.encode_to_vec();
    let packet = proto::DataPacket::decode(&*rewrite(&bytes, &read(&bytes).unwrap(), agent)).unwrap();
    let marked = head(proto::data_stream::TextHeader { generated: true, ..text });
    assert_eq!(packet.value, Some(proto::data_packet::Value::StreamHeader(marked)));
}

#[test]
fn only_chat_and_texts_may_be_said_for_another() {
    use proto::data_stream::{ByteHeader, Header, TextHeader, header::ContentHeader};
    let content = |value| {
        let bytes = proto::DataPacket { value: Some(value), ..Default::default() }.encode_to_vec();
        read(&bytes).unwrap().content
    };
    let stream = |content_header| {
        proto::data_packet::Value::StreamHeader(Header {
            content_header: Some(content_header),
            ..Default::default()
        })
    };
    assert_eq!(
        content(proto::data_packet::Value::ChatMessage(proto::ChatMessage::default())),
        Content::Attributable
    );
    assert_eq!(content(stream(ContentHeader::TextHeader(TextHeader::default()))), Content::Attributable);
    assert_eq!(content(stream(ContentHeader::ByteHeader(ByteHeader::default()))), Content::Other);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Some(envelope) = read(&bytes) {
            let out = rewrite(&bytes, &envelope, BOB);
            prop_assert_eq!(read(&out).map(|again| again.identity.to_owned()), Some("bob".to_owned()));
        }
    }

    #[test]
    fn what_is_not_the_senders_stays(
        payload in proptest::collection::vec(any::<u8>(), 0..100),
        sequence: u32,
        destinations in proptest::collection::vec("[a-z]{1,5}", 0..4),
    ) {
        let packet = proto::DataPacket {
            sequence,
            destination_identities: destinations.clone(),
            value: Some(proto::data_packet::Value::StreamChunk(proto::data_stream::Chunk {
                content: payload.clone(),
                ..Default::default()
            })),
            ..Default::default()
        };
        let bytes = packet.encode_to_vec();
        let out = proto::DataPacket::decode(&*rewrite(&bytes, &read(&bytes).unwrap(), BOB)).unwrap();
        prop_assert_eq!(out.sequence, sequence);
        prop_assert_eq!(out.value, packet.value);
        let mut expected = destinations;
        expected.sort();
        expected.dedup();
        prop_assert_eq!(out.destination_identities, expected);
    }
}
