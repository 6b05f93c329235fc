use livekit_protocol as proto;
use proptest::prelude::*;
use prost::Message as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    messages::{Field, Kind, Message, Shape},
    *,
};

/// Runs a check for every message of the tables with its generated type.
macro_rules! each_message {
    ($check:ident) => {{
        $check::<proto::CreateSipOutboundTrunkRequest>(&sip::CREATE_SIP_OUTBOUND_TRUNK_REQUEST);
        $check::<proto::SipOutboundTrunkInfo>(&sip::SIP_OUTBOUND_TRUNK_INFO);
        $check::<proto::SipMediaConfig>(&sip::SIP_MEDIA_CONFIG);
        $check::<proto::SipCodec>(&sip::SIP_CODEC);
        $check::<proto::UpdateSipOutboundTrunkRequest>(&sip::UPDATE_SIP_OUTBOUND_TRUNK_REQUEST);
        $check::<proto::SipOutboundTrunkUpdate>(&sip::SIP_OUTBOUND_TRUNK_UPDATE);
        $check::<proto::ListUpdate>(&sip::LIST_UPDATE);
        $check::<proto::GetSipOutboundTrunkRequest>(&sip::GET_SIP_OUTBOUND_TRUNK_REQUEST);
        $check::<proto::GetSipOutboundTrunkResponse>(&sip::GET_SIP_OUTBOUND_TRUNK_RESPONSE);
        $check::<proto::ListSipOutboundTrunkRequest>(&sip::LIST_SIP_OUTBOUND_TRUNK_REQUEST);
        $check::<proto::ListSipOutboundTrunkResponse>(&sip::LIST_SIP_OUTBOUND_TRUNK_RESPONSE);
        $check::<proto::Pagination>(&sip::PAGINATION);
        $check::<proto::ListSipTrunkRequest>(&sip::LIST_SIP_TRUNK_REQUEST);
        $check::<proto::ListSipTrunkResponse>(&sip::LIST_SIP_TRUNK_RESPONSE);
        $check::<proto::SipTrunkInfo>(&sip::SIP_TRUNK_INFO);
        $check::<proto::DeleteSipTrunkRequest>(&sip::DELETE_SIP_TRUNK_REQUEST);
        $check::<proto::CreateSipParticipantRequest>(&sip::CREATE_SIP_PARTICIPANT_REQUEST);
        $check::<proto::SipOutboundConfig>(&sip::SIP_OUTBOUND_CONFIG);
        $check::<proto::SipRequestDest>(&sip::SIP_REQUEST_DEST);
        $check::<proto::SipUri>(&sip::SIP_URI);
        $check::<proto::SipNamedDest>(&sip::SIP_NAMED_DEST);
        $check::<proto::Destination>(&sip::DESTINATION);
        $check::<proto::SipParticipantInfo>(&sip::SIP_PARTICIPANT_INFO);
        $check::<proto::CreateRoomRequest>(&room::CREATE_ROOM_REQUEST);
        $check::<proto::RoomAgentDispatch>(&room::ROOM_AGENT_DISPATCH);
        $check::<proto::ListRoomsRequest>(&room::LIST_ROOMS_REQUEST);
        $check::<proto::ListRoomsResponse>(&room::LIST_ROOMS_RESPONSE);
        $check::<proto::Room>(&room::ROOM);
        $check::<proto::Codec>(&room::CODEC);
        $check::<proto::TimedVersion>(&room::TIMED_VERSION);
        $check::<proto::DeleteRoomRequest>(&room::DELETE_ROOM_REQUEST);
        $check::<proto::DeleteRoomResponse>(&room::DELETE_ROOM_RESPONSE);
        $check::<proto::ListParticipantsRequest>(&room::LIST_PARTICIPANTS_REQUEST);
        $check::<proto::ListParticipantsResponse>(&room::LIST_PARTICIPANTS_RESPONSE);
        $check::<proto::ParticipantInfo>(&room::PARTICIPANT_INFO);
        $check::<proto::TrackInfo>(&room::TRACK_INFO);
        $check::<proto::VideoLayer>(&room::VIDEO_LAYER);
        $check::<proto::SimulcastCodecInfo>(&room::SIMULCAST_CODEC_INFO);
        $check::<proto::ParticipantPermission>(&room::PARTICIPANT_PERMISSION);
        $check::<proto::DataTrackInfo>(&room::DATA_TRACK_INFO);
        $check::<proto::DataTrackFrameEncoding>(&room::DATA_TRACK_FRAME_ENCODING);
        $check::<proto::DataTrackSchemaId>(&room::DATA_TRACK_SCHEMA_ID);
        $check::<proto::DataTrackSchemaEncoding>(&room::DATA_TRACK_SCHEMA_ENCODING);
        $check::<proto::RoomParticipantIdentity>(&room::ROOM_PARTICIPANT_IDENTITY);
        $check::<proto::RemoveParticipantResponse>(&room::REMOVE_PARTICIPANT_RESPONSE);
        $check::<proto::UpdateParticipantRequest>(&room::UPDATE_PARTICIPANT_REQUEST);
        $check::<proto::MuteRoomTrackRequest>(&room::MUTE_ROOM_TRACK_REQUEST);
        $check::<proto::MuteRoomTrackResponse>(&room::MUTE_ROOM_TRACK_RESPONSE);
        $check::<proto::UpdateSubscriptionsRequest>(&room::UPDATE_SUBSCRIPTIONS_REQUEST);
        $check::<proto::ParticipantTracks>(&room::PARTICIPANT_TRACKS);
        $check::<proto::UpdateSubscriptionsResponse>(&room::UPDATE_SUBSCRIPTIONS_RESPONSE);
        $check::<proto::SendDataRequest>(&room::SEND_DATA_REQUEST);
        $check::<proto::SendDataResponse>(&room::SEND_DATA_RESPONSE);
        $check::<proto::UpdateRoomMetadataRequest>(&room::UPDATE_ROOM_METADATA_REQUEST);
        $check::<proto::ForwardParticipantRequest>(&room::FORWARD_PARTICIPANT_REQUEST);
        $check::<proto::ForwardParticipantResponse>(&room::FORWARD_PARTICIPANT_RESPONSE);
        $check::<proto::MoveParticipantRequest>(&room::MOVE_PARTICIPANT_REQUEST);
        $check::<proto::MoveParticipantResponse>(&room::MOVE_PARTICIPANT_RESPONSE);
        $check::<proto::PerformRpcRequest>(&room::PERFORM_RPC_REQUEST);
        $check::<proto::PerformRpcResponse>(&room::PERFORM_RPC_RESPONSE);
        $check::<proto::RoomConfiguration>(&room::ROOM_CONFIGURATION);
    }};
}

/// Values for every field of a message, none of them the default; of a oneof the member with this index.
fn sample(message: &Message, member: usize, depth: usize) -> Value {
    let mut object = serde_json::Map::new();
    let mut members = 0;
    for field in message.fields {
        if let Shape::OneOf(_) = field.shape {
            members += 1;
            if members - 1 != member {
                continue;
            }
        }
        if matches!(field.kind, Kind::Opaque) || depth == 0 && matches!(field.kind, Kind::Message(_)) {
            continue;
        }
        object.insert(decode::camel_case(field.name), sample_field(field, member, depth));
    }
    Value::Object(object)
}

fn sample_field(field: &Field, member: usize, depth: usize) -> Value {
    let value = match field.kind {
        Kind::Bool => json!(true),
        Kind::Int32 | Kind::Uint32 => json!(field.number + 1),
        Kind::Int64 => json!((i64::from(field.number) + 1).to_string()),
        Kind::Text => json!(field.name),
        Kind::Bytes => json!("/+8="),
        Kind::Enum(enumeration) => json!((enumeration.name_of)(1).unwrap()),
        Kind::Message(message) => sample(message, member, depth - 1),
        Kind::Timestamp => json!("2026-11-24T02:33:04.500Z"),
        Kind::Duration => json!("79.500s"),
        Kind::Opaque => json!({}),
    };
    match field.shape {
        Shape::Many => json!([value]),
        Shape::Map => json!({ "key": value }),
        _ => value,
    }
}

/// What is written into the fields is read back from the same fields by the generated type, under the same names.
fn agrees<M: prost::Message + Default + Serialize + DeserializeOwned>(message: &Message) {
    for member in 0..2 {
        let written = sample(message, member, 4);
        let bytes = decode(written.to_string().as_bytes(), message).unwrap();
        let generated = M::decode(bytes.as_slice()).unwrap();
        let read = serde_json::to_value(&generated).unwrap();
        assert_eq!(normal(read), normal(written.clone()), "{}", message.name);
        // and back: our printing of the generated type's bytes holds the same values under their proto names
        let printed = encode(&generated.encode_to_vec(), message);
        let again = decode(printed.to_string().as_bytes(), message).unwrap();
        let again = serde_json::to_value(M::decode(again.as_slice()).unwrap()).unwrap();
        assert_eq!(normal(again), normal(written), "{}", message.name);
    }
}

/// The generated types print times with another number of decimals.
fn normal(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut sorted: Vec<_> = map.into_iter().map(|(key, value)| (key, normal(value))).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(normal).collect()),
        Value::String(text) => Value::String(text.replace("+00:00", "Z")),
        other => other,
    }
}

#[test]
fn the_tables_have_the_numbers_and_types_of_the_generated_messages() {
    each_message!(agrees);
}

/// The generated types tell a deserializer their name and their fields, in the order of their declaration.
struct Probe<'p>(&'p mut Option<(&'static str, &'static [&'static str])>);

impl<'de> serde::Deserializer<'de> for Probe<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_struct<V: serde::de::Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = Some((name, fields));
        Err(serde::de::Error::custom("seen"))
    }

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("no struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn lists_the_same_fields<M: for<'de> Deserialize<'de>>(message: &Message) {
    let mut seen = None;
    drop(M::deserialize(Probe(&mut seen)));
    let (name, fields) = seen.unwrap();
    // Each field is listed by its proto name and, when that differs, by its JSON name after it.
    let mut expected: Vec<String> = Vec::new();
    for field in message.fields {
        expected.push(field.name.to_owned());
        let camel = decode::camel_case(field.name);
        if camel != field.name {
            expected.push(camel);
        }
    }
    let mut fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    // Members of a oneof are listed last.
    fields.sort_by_key(|field| expected.iter().position(|name| name == field));
    assert_eq!((name, fields), (message.name, expected));
}

#[test]
fn the_tables_list_every_field_of_the_generated_messages() {
    each_message!(lists_the_same_fields);
}

fn read(text: &str) -> Result<proto::CreateSipParticipantRequest, ()> {
    let bytes = decode(text.as_bytes(), &sip::CREATE_SIP_PARTICIPANT_REQUEST).map_err(drop)?;
    Ok(proto::CreateSipParticipantRequest::decode(bytes.as_slice()).unwrap())
}

#[test]
fn both_spellings_of_a_name_are_read() {
    assert_eq!(read(r#"{"sip_call_to": "+1"}"#).unwrap(), read(r#"{"sipCallTo": "+1"}"#).unwrap());
    assert!(read(r#"{"sip_call_to": "+1", "sipCallTo": "+1"}"#).is_err(), "but not both at once");
}

#[test]
fn what_is_not_known_is_ignored_and_null_is_unset() {
    let request = read(
        r#"{"somethingNew": {"a": [1]}, "include_headers": "NOPE", "sip_call_to": null, "trunk": null}"#,
    );
    assert_eq!(request.unwrap(), proto::CreateSipParticipantRequest::default());
}

#[test]
fn a_name_that_is_set_to_its_default_is_set() {
    assert_eq!(read(r#"{"display_name": ""}"#).unwrap().display_name.as_deref(), Some(""));
    assert_eq!(read("{}").unwrap().display_name, None);
}

#[test]
fn values_of_a_wrong_type_are_malformed() {
    for text in [
        "{",
        "[]",
        "7",
        "null",
        "\"\"",
        "{} {}",
        r#"{"sip_call_to": 5}"#,
        r#"{"krisp_enabled": "true"}"#,
        r#"{"krisp_enabled": 1}"#,
        r#"{"headers": []}"#,
        r#"{"headers": {"a": 1}}"#,
        r#"{"headers": {"a": null}}"#,
        r#"{"trunk": []}"#,
        r#"{"include_headers": true}"#,
        r#"{"include_headers": 1.5}"#,
        r#"{"ringing_timeout": 30}"#,
        r#"{"ringing_timeout": "30"}"#,
        r#"{"ringing_timeout": "s"}"#,
        r#"{"ringing_timeout": "1.1234567890s"}"#,
        r#"{"ringing_timeout": "315576000001s"}"#,
        r#"{"media": {"codecs": [null]}}"#,
        r#"{"media": {"codecs": [{"rate": -1}]}}"#,
        r#"{"media": {"codecs": [{"rate": 4294967296}]}}"#,
        r#"{"sip_request_uri": {"raw": "a", "values": {}}}"#,
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    assert!(
        decode(b"{\"sip_call_to\": \"\xff\"}", &sip::CREATE_SIP_PARTICIPANT_REQUEST).is_err(),
        "not UTF-8"
    );
}

#[test]
fn numbers_enums_and_durations_are_read_in_every_form() {
    let rate = |text: &str| {
        read(&format!(r#"{{"media": {{"codecs": [{{"rate": {text}}}]}}}}"#)).unwrap().media.unwrap().codecs[0]
            .rate
    };
    for text in ["8000", "\"8000\"", "8000.0", "8e3", "\"8e3\""] {
        assert_eq!(rate(text), 8000, "{text}");
    }
    for text in ["1", "\"SIP_X_HEADERS\"", "1.0"] {
        assert_eq!(read(&format!(r#"{{"include_headers": {text}}}"#)).unwrap().include_headers, 1, "{text}");
    }
    let duration = |text: &str| {
        let duration = read(&format!(r#"{{"ringing_timeout": "{text}"}}"#)).unwrap().ringing_timeout.unwrap();
        (duration.seconds, duration.nanos)
    };
    assert_eq!(duration("30s"), (30, 0));
    assert_eq!(duration("79.5s"), (79, 500_000_000));
    assert_eq!(duration("-1.5s"), (-1, -500_000_000));
    assert_eq!(duration("0.000000001s"), (0, 1));
}

#[test]
fn bytes_are_base64_of_either_alphabet() {
    for text in ["/+8=", "/+8", "_-8=", "_-8"] {
        let bytes = decode(format!(r#"{{"data": "{text}"}}"#).as_bytes(), &room::SEND_DATA_REQUEST).unwrap();
        assert_eq!(proto::SendDataRequest::decode(bytes.as_slice()).unwrap().data, [0xff, 0xef], "{text}");
    }
    assert!(decode(br#"{"data": "no base64"}"#, &room::SEND_DATA_REQUEST).is_err());
    assert!(decode(br#"{"data": [1]}"#, &room::SEND_DATA_REQUEST).is_err());
}

#[test]
fn a_message_without_values_prints_its_defaults() {
    let printed = encode(&[], &sip::SIP_OUTBOUND_TRUNK_INFO).to_string();
    assert_eq!(
        printed,
        r#"{"sip_trunk_id":"","name":"","metadata":"","address":"","destination_country":"","transport":"SIP_TRANSPORT_AUTO","numbers":[],"auth_username":"","auth_password":"","headers":{},"headers_to_attributes":{},"attributes_to_headers":{},"include_headers":"SIP_NO_HEADERS","media_encryption":"SIP_MEDIA_ENCRYPT_DISABLE","media":null,"from_host":"","created_at":null,"updated_at":null}"#
    );
    let media = encode(&[], &sip::SIP_MEDIA_CONFIG).to_string();
    assert_eq!(
        media, r#"{"only_listed_codecs":false,"codecs":[],"media_timeout":null}"#,
        "an unset optional is left out"
    );
}

#[test]
fn large_numbers_and_times_print_as_text() {
    let room = proto::Room { creation_time_ms: 1_795_480_775_770, ..Default::default() };
    assert_eq!(encode(&room.encode_to_vec(), &room::ROOM)["creation_time_ms"], "1795480775770");
    let time = |seconds, nanos| {
        let created_at = Some(pbjson_types::Timestamp { seconds, nanos });
        let trunk = proto::SipOutboundTrunkInfo { created_at, ..Default::default() };
        encode(&trunk.encode_to_vec(), &sip::SIP_OUTBOUND_TRUNK_INFO)["created_at"].clone()
    };
    assert_eq!(time(0, 0), "1970-01-01T00:00:00Z");
    assert_eq!(time(951_782_400, 5_000_000), "2000-02-29T00:00:00.005Z");
    assert_eq!(time(1_795_487_584, 1), "2026-11-24T02:33:04.000000001Z");
}

#[test]
fn an_enum_number_that_has_no_name_prints_as_a_number() {
    let trunk = proto::SipOutboundTrunkInfo { transport: 77, ..Default::default() };
    assert_eq!(encode(&trunk.encode_to_vec(), &sip::SIP_OUTBOUND_TRUNK_INFO)["transport"], 77);
}

proptest! {
    #[test]
    fn no_json_makes_the_reader_panic(key in "[a-zA-Z_]{1,20}", text in ".{0,60}") {
        for message in [&sip::CREATE_SIP_PARTICIPANT_REQUEST, &sip::UPDATE_SIP_OUTBOUND_TRUNK_REQUEST, &room::ROOM] {
            let _ = decode(text.as_bytes(), message);
            let _ = decode(format!("{{\"{key}\": {text}}}").as_bytes(), message);
            for field in message.fields {
                let _ = decode(format!("{{\"{}\": {text}}}", field.name).as_bytes(), message);
            }
        }
    }

    #[test]
    fn no_bytes_make_the_printer_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for message in [&sip::SIP_OUTBOUND_TRUNK_INFO, &room::LIST_PARTICIPANTS_RESPONSE, &room::ROOM] {
            let _ = encode(&bytes, message);
        }
    }

    #[test]
    fn times_are_read_as_they_are_printed(seconds in -62_135_596_800i64..253_402_300_799, nanos in 0i32..1_000_000_000) {
        prop_assert_eq!(time::parse_timestamp(&time::print_timestamp(seconds, nanos)), Some((seconds, nanos)));
        let (span, part) = if seconds < 0 { (seconds, -nanos) } else { (seconds, nanos) };
        prop_assert_eq!(time::parse_duration(&time::print_duration(span, part)), Some((span, part)));
    }

    #[test]
    fn no_text_makes_the_time_readers_panic(text in ".{0,40}", near in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{0,14}[Z+-]?[0-9:]{0,5}") {
        for text in [text, near] {
            let _ = time::parse_timestamp(&text);
            let _ = time::parse_duration(&text);
        }
    }
}
