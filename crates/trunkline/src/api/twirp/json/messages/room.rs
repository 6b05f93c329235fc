//! Messages of `livekit.RoomService`.

use super::{enums::*, *};

pub(crate) static CREATE_ROOM_REQUEST: Message = Message {
    name: "livekit.CreateRoomRequest",
    fields: &[
        one("name", 1, Text),
        one("room_preset", 12, Text),
        one("empty_timeout", 2, Uint32),
        one("departure_timeout", 10, Uint32),
        one("max_participants", 3, Uint32),
        one("node_id", 4, Text),
        one("metadata", 5, Text),
        map("tags", 15),
        one("egress", 6, Opaque),
        one("min_playout_delay", 7, Uint32),
        one("max_playout_delay", 8, Uint32),
        one("sync_streams", 9, Bool),
        one("replay_enabled", 13, Bool),
        many("agents", 14, Nested(&ROOM_AGENT_DISPATCH)),
    ],
};

pub(crate) static ROOM_AGENT_DISPATCH: Message = Message {
    name: "livekit.RoomAgentDispatch",
    fields: &[
        one("agent_name", 1, Text),
        one("metadata", 2, Text),
        one("restart_policy", 3, Enum(&JOB_RESTART_POLICY)),
        one("deployment", 4, Text),
        map("attributes", 5),
    ],
};

pub(crate) static LIST_ROOMS_REQUEST: Message =
    Message { name: "livekit.ListRoomsRequest", fields: &[many("names", 1, Text)] };

pub(crate) static LIST_ROOMS_RESPONSE: Message =
    Message { name: "livekit.ListRoomsResponse", fields: &[many("rooms", 1, Nested(&ROOM))] };

pub(crate) static ROOM: Message = Message {
    name: "livekit.Room",
    fields: &[
        one("sid", 1, Text),
        one("name", 2, Text),
        one("empty_timeout", 3, Uint32),
        one("departure_timeout", 14, Uint32),
        one("max_participants", 4, Uint32),
        one("creation_time", 5, Int64),
        one("creation_time_ms", 15, Int64),
        one("turn_password", 6, Text),
        many("enabled_codecs", 7, Nested(&CODEC)),
        one("metadata", 8, Text),
        one("num_participants", 9, Uint32),
        one("num_publishers", 11, Uint32),
        one("active_recording", 10, Bool),
        one("version", 13, Nested(&TIMED_VERSION)),
    ],
};

pub(crate) static CODEC: Message =
    Message { name: "livekit.Codec", fields: &[one("mime", 1, Text), one("fmtp_line", 2, Text)] };

pub(crate) static TIMED_VERSION: Message =
    Message { name: "livekit.TimedVersion", fields: &[one("unix_micro", 1, Int64), one("ticks", 2, Int32)] };

pub(crate) static DELETE_ROOM_REQUEST: Message =
    Message { name: "livekit.DeleteRoomRequest", fields: &[one("room", 1, Text)] };

pub(crate) static DELETE_ROOM_RESPONSE: Message = Message { name: "livekit.DeleteRoomResponse", fields: &[] };

pub(crate) static LIST_PARTICIPANTS_REQUEST: Message =
    Message { name: "livekit.ListParticipantsRequest", fields: &[one("room", 1, Text)] };

pub(crate) static LIST_PARTICIPANTS_RESPONSE: Message = Message {
    name: "livekit.ListParticipantsResponse",
    fields: &[many("participants", 1, Nested(&PARTICIPANT_INFO))],
};

pub(crate) static PARTICIPANT_INFO: Message = Message {
    name: "livekit.ParticipantInfo",
    fields: &[
        one("sid", 1, Text),
        one("identity", 2, Text),
        one("state", 3, Enum(&PARTICIPANT_STATE)),
        many("tracks", 4, Nested(&TRACK_INFO)),
        one("metadata", 5, Text),
        one("joined_at", 6, Int64),
        one("joined_at_ms", 17, Int64),
        one("name", 9, Text),
        one("version", 10, Uint32),
        one("permission", 11, Nested(&PARTICIPANT_PERMISSION)),
        one("region", 12, Text),
        one("is_publisher", 13, Bool),
        one("kind", 14, Enum(&PARTICIPANT_KIND)),
        map("attributes", 15),
        one("disconnect_reason", 16, Enum(&DISCONNECT_REASON)),
        many("kind_details", 18, Enum(&PARTICIPANT_KIND_DETAIL)),
        many("data_tracks", 19, Nested(&DATA_TRACK_INFO)),
        one("client_protocol", 20, Int32),
        many("capabilities", 21, Enum(&CAPABILITY)),
    ],
};

pub(crate) static TRACK_INFO: Message = Message {
    name: "livekit.TrackInfo",
    fields: &[
        one("sid", 1, Text),
        one("type", 2, Enum(&TRACK_TYPE)),
        one("name", 3, Text),
        one("muted", 4, Bool),
        one("width", 5, Uint32),
        one("height", 6, Uint32),
        one("simulcast", 7, Bool),
        one("disable_dtx", 8, Bool),
        one("source", 9, Enum(&TRACK_SOURCE)),
        many("layers", 10, Nested(&VIDEO_LAYER)),
        one("mime_type", 11, Text),
        one("mid", 12, Text),
        many("codecs", 13, Nested(&SIMULCAST_CODEC_INFO)),
        one("stereo", 14, Bool),
        one("disable_red", 15, Bool),
        one("encryption", 16, Enum(&ENCRYPTION_TYPE)),
        one("stream", 17, Text),
        one("version", 18, Nested(&TIMED_VERSION)),
        many("audio_features", 19, Enum(&AUDIO_TRACK_FEATURE)),
        one("backup_codec_policy", 20, Enum(&BACKUP_CODEC_POLICY)),
        many("packet_trailer_features", 21, Enum(&PACKET_TRAILER_FEATURE)),
    ],
};

pub(crate) static VIDEO_LAYER: Message = Message {
    name: "livekit.VideoLayer",
    fields: &[
        one("quality", 1, Enum(&VIDEO_QUALITY)),
        one("width", 2, Uint32),
        one("height", 3, Uint32),
        one("bitrate", 4, Uint32),
        one("ssrc", 5, Uint32),
        one("spatial_layer", 6, Int32),
        one("rid", 7, Text),
        one("repair_ssrc", 8, Uint32),
    ],
};

pub(crate) static SIMULCAST_CODEC_INFO: Message = Message {
    name: "livekit.SimulcastCodecInfo",
    fields: &[
        one("mime_type", 1, Text),
        one("mid", 2, Text),
        one("cid", 3, Text),
        many("layers", 4, Nested(&VIDEO_LAYER)),
        one("video_layer_mode", 5, Enum(&VIDEO_LAYER_MODE)),
        one("sdp_cid", 6, Text),
    ],
};

pub(crate) static PARTICIPANT_PERMISSION: Message = Message {
    name: "livekit.ParticipantPermission",
    fields: &[
        one("can_subscribe", 1, Bool),
        one("can_publish", 2, Bool),
        one("can_publish_data", 3, Bool),
        many("can_publish_sources", 9, Enum(&TRACK_SOURCE)),
        one("hidden", 7, Bool),
        one("recorder", 8, Bool),
        one("can_update_metadata", 10, Bool),
        one("agent", 11, Bool),
        one("can_subscribe_metrics", 12, Bool),
        one("can_manage_agent_session", 13, Bool),
    ],
};

pub(crate) static DATA_TRACK_INFO: Message = Message {
    name: "livekit.DataTrackInfo",
    fields: &[
        one("pub_handle", 1, Uint32),
        one("sid", 2, Text),
        one("name", 3, Text),
        one("encryption", 4, Enum(&ENCRYPTION_TYPE)),
        one("frame_encoding", 5, Nested(&DATA_TRACK_FRAME_ENCODING)),
        one("schema", 6, Nested(&DATA_TRACK_SCHEMA_ID)),
    ],
};

pub(crate) static DATA_TRACK_FRAME_ENCODING: Message = Message {
    name: "livekit.DataTrackFrameEncoding",
    fields: &[
        one_of("value", "well_known", 1, Enum(&WELL_KNOWN_FRAME_ENCODING)),
        one_of("value", "custom", 2, Text),
    ],
};

pub(crate) static DATA_TRACK_SCHEMA_ID: Message = Message {
    name: "livekit.DataTrackSchemaId",
    fields: &[one("name", 1, Text), one("encoding", 2, Nested(&DATA_TRACK_SCHEMA_ENCODING))],
};

pub(crate) static DATA_TRACK_SCHEMA_ENCODING: Message = Message {
    name: "livekit.DataTrackSchemaEncoding",
    fields: &[
        one_of("value", "well_known", 1, Enum(&WELL_KNOWN_SCHEMA_ENCODING)),
        one_of("value", "custom", 2, Text),
    ],
};

pub(crate) static ROOM_PARTICIPANT_IDENTITY: Message = Message {
    name: "livekit.RoomParticipantIdentity",
    fields: &[one("room", 1, Text), one("identity", 2, Text), one("revoke_token_ts", 3, Int64)],
};

pub(crate) static REMOVE_PARTICIPANT_RESPONSE: Message =
    Message { name: "livekit.RemoveParticipantResponse", fields: &[] };

pub(crate) static UPDATE_PARTICIPANT_REQUEST: Message = Message {
    name: "livekit.UpdateParticipantRequest",
    fields: &[
        one("room", 1, Text),
        one("identity", 2, Text),
        one("metadata", 3, Text),
        one("permission", 4, Nested(&PARTICIPANT_PERMISSION)),
        one("name", 5, Text),
        map("attributes", 6),
    ],
};

pub(crate) static MUTE_ROOM_TRACK_REQUEST: Message = Message {
    name: "livekit.MuteRoomTrackRequest",
    fields: &[
        one("room", 1, Text),
        one("identity", 2, Text),
        one("track_sid", 3, Text),
        one("muted", 4, Bool),
    ],
};

pub(crate) static MUTE_ROOM_TRACK_RESPONSE: Message =
    Message { name: "livekit.MuteRoomTrackResponse", fields: &[one("track", 1, Nested(&TRACK_INFO))] };

pub(crate) static UPDATE_SUBSCRIPTIONS_REQUEST: Message = Message {
    name: "livekit.UpdateSubscriptionsRequest",
    fields: &[
        one("room", 1, Text),
        one("identity", 2, Text),
        many("track_sids", 3, Text),
        one("subscribe", 4, Bool),
        many("participant_tracks", 5, Nested(&PARTICIPANT_TRACKS)),
    ],
};

pub(crate) static PARTICIPANT_TRACKS: Message = Message {
    name: "livekit.ParticipantTracks",
    fields: &[one("participant_sid", 1, Text), many("track_sids", 2, Text)],
};

pub(crate) static UPDATE_SUBSCRIPTIONS_RESPONSE: Message =
    Message { name: "livekit.UpdateSubscriptionsResponse", fields: &[] };

pub(crate) static SEND_DATA_REQUEST: Message = Message {
    name: "livekit.SendDataRequest",
    fields: &[
        one("room", 1, Text),
        one("data", 2, Bytes),
        one("kind", 3, Enum(&DATA_PACKET_KIND)),
        many("destination_sids", 4, Text),
        many("destination_identities", 6, Text),
        optional("topic", 5, Text),
        one("nonce", 7, Bytes),
    ],
};

pub(crate) static SEND_DATA_RESPONSE: Message = Message { name: "livekit.SendDataResponse", fields: &[] };

pub(crate) static UPDATE_ROOM_METADATA_REQUEST: Message = Message {
    name: "livekit.UpdateRoomMetadataRequest",
    fields: &[one("room", 1, Text), one("metadata", 2, Text)],
};

pub(crate) static FORWARD_PARTICIPANT_REQUEST: Message = Message {
    name: "livekit.ForwardParticipantRequest",
    fields: &[one("room", 1, Text), one("identity", 2, Text), one("destination_room", 3, Text)],
};

pub(crate) static FORWARD_PARTICIPANT_RESPONSE: Message =
    Message { name: "livekit.ForwardParticipantResponse", fields: &[] };

pub(crate) static MOVE_PARTICIPANT_REQUEST: Message = Message {
    name: "livekit.MoveParticipantRequest",
    fields: &[one("room", 1, Text), one("identity", 2, Text), one("destination_room", 3, Text)],
};

pub(crate) static MOVE_PARTICIPANT_RESPONSE: Message =
    Message { name: "livekit.MoveParticipantResponse", fields: &[] };

pub(crate) static PERFORM_RPC_REQUEST: Message = Message {
    name: "livekit.PerformRpcRequest",
    fields: &[
        one("room", 1, Text),
        one("destination_identity", 2, Text),
        one("method", 3, Text),
        one("payload", 4, Text),
        one("response_timeout_ms", 5, Uint32),
    ],
};

pub(crate) static PERFORM_RPC_RESPONSE: Message =
    Message { name: "livekit.PerformRpcResponse", fields: &[one("payload", 1, Text)] };

/// Also the claim `roomConfig` of tokens.
pub(crate) static ROOM_CONFIGURATION: Message = Message {
    name: "livekit.RoomConfiguration",
    fields: &[
        one("name", 1, Text),
        one("empty_timeout", 2, Uint32),
        one("departure_timeout", 3, Uint32),
        one("max_participants", 4, Uint32),
        one("metadata", 11, Text),
        one("egress", 5, Opaque),
        one("min_playout_delay", 7, Uint32),
        one("max_playout_delay", 8, Uint32),
        one("sync_streams", 9, Bool),
        many("agents", 10, Nested(&ROOM_AGENT_DISPATCH)),
        map("tags", 12),
    ],
};
