//! Messages of `livekit.SIP`.

use super::{enums::*, *};

pub(crate) static CREATE_SIP_OUTBOUND_TRUNK_REQUEST: Message = Message {
    name: "livekit.CreateSIPOutboundTrunkRequest",
    fields: &[one("trunk", 1, Nested(&SIP_OUTBOUND_TRUNK_INFO))],
};

pub(crate) static SIP_OUTBOUND_TRUNK_INFO: Message = Message {
    name: "livekit.SIPOutboundTrunkInfo",
    fields: &[
        one("sip_trunk_id", 1, Text),
        one("name", 2, Text),
        one("metadata", 3, Text),
        one("address", 4, Text),
        one("destination_country", 14, Text),
        one("transport", 5, Enum(&SIP_TRANSPORT)),
        many("numbers", 6, Text),
        one("auth_username", 7, Text),
        one("auth_password", 8, Text),
        map("headers", 9),
        map("headers_to_attributes", 10),
        map("attributes_to_headers", 11),
        one("include_headers", 12, Enum(&SIP_HEADER_OPTIONS)),
        one("media_encryption", 13, Enum(&SIP_MEDIA_ENCRYPTION)),
        one("media", 18, Nested(&SIP_MEDIA_CONFIG)),
        one("from_host", 15, Text),
        one("created_at", 16, Timestamp),
        one("updated_at", 17, Timestamp),
    ],
};

pub(crate) static SIP_MEDIA_CONFIG: Message = Message {
    name: "livekit.SIPMediaConfig",
    fields: &[
        one("only_listed_codecs", 1, Bool),
        many("codecs", 2, Nested(&SIP_CODEC)),
        optional("encryption", 3, Enum(&SIP_MEDIA_ENCRYPTION)),
        one("media_timeout", 4, Duration),
    ],
};

pub(crate) static SIP_CODEC: Message =
    Message { name: "livekit.SIPCodec", fields: &[one("name", 1, Text), one("rate", 2, Uint32)] };

pub(crate) static UPDATE_SIP_OUTBOUND_TRUNK_REQUEST: Message = Message {
    name: "livekit.UpdateSIPOutboundTrunkRequest",
    fields: &[
        one("sip_trunk_id", 1, Text),
        one_of("action", "replace", 2, Nested(&SIP_OUTBOUND_TRUNK_INFO)),
        one_of("action", "update", 3, Nested(&SIP_OUTBOUND_TRUNK_UPDATE)),
    ],
};

pub(crate) static SIP_OUTBOUND_TRUNK_UPDATE: Message = Message {
    name: "livekit.SIPOutboundTrunkUpdate",
    fields: &[
        optional("address", 1, Text),
        optional("transport", 2, Enum(&SIP_TRANSPORT)),
        optional("destination_country", 9, Text),
        one("numbers", 3, Nested(&LIST_UPDATE)),
        optional("auth_username", 4, Text),
        optional("auth_password", 5, Text),
        optional("name", 6, Text),
        optional("metadata", 7, Text),
        optional("media_encryption", 8, Enum(&SIP_MEDIA_ENCRYPTION)),
        one("media", 11, Nested(&SIP_MEDIA_CONFIG)),
        optional("from_host", 10, Text),
    ],
};

pub(crate) static LIST_UPDATE: Message = Message {
    name: "livekit.ListUpdate",
    fields: &[many("set", 1, Text), many("add", 2, Text), many("remove", 3, Text), one("clear", 4, Bool)],
};

pub(crate) static GET_SIP_OUTBOUND_TRUNK_REQUEST: Message =
    Message { name: "livekit.GetSIPOutboundTrunkRequest", fields: &[one("sip_trunk_id", 1, Text)] };

pub(crate) static GET_SIP_OUTBOUND_TRUNK_RESPONSE: Message = Message {
    name: "livekit.GetSIPOutboundTrunkResponse",
    fields: &[one("trunk", 1, Nested(&SIP_OUTBOUND_TRUNK_INFO))],
};

pub(crate) static LIST_SIP_OUTBOUND_TRUNK_REQUEST: Message = Message {
    name: "livekit.ListSIPOutboundTrunkRequest",
    fields: &[one("page", 3, Nested(&PAGINATION)), many("trunk_ids", 1, Text), many("numbers", 2, Text)],
};

pub(crate) static PAGINATION: Message =
    Message { name: "livekit.Pagination", fields: &[one("after_id", 1, Text), one("limit", 2, Int32)] };

pub(crate) static LIST_SIP_OUTBOUND_TRUNK_RESPONSE: Message = Message {
    name: "livekit.ListSIPOutboundTrunkResponse",
    fields: &[many("items", 1, Nested(&SIP_OUTBOUND_TRUNK_INFO))],
};

pub(crate) static LIST_SIP_TRUNK_REQUEST: Message =
    Message { name: "livekit.ListSIPTrunkRequest", fields: &[one("page", 1, Nested(&PAGINATION))] };

pub(crate) static LIST_SIP_TRUNK_RESPONSE: Message =
    Message { name: "livekit.ListSIPTrunkResponse", fields: &[many("items", 1, Nested(&SIP_TRUNK_INFO))] };

pub(crate) static SIP_TRUNK_INFO: Message = Message {
    name: "livekit.SIPTrunkInfo",
    fields: &[
        one("sip_trunk_id", 1, Text),
        one("kind", 14, Enum(&TRUNK_KIND)),
        many("inbound_addresses", 2, Text),
        one("outbound_address", 3, Text),
        one("outbound_number", 4, Text),
        one("transport", 13, Enum(&SIP_TRANSPORT)),
        many("inbound_numbers_regex", 5, Text),
        many("inbound_numbers", 10, Text),
        one("inbound_username", 6, Text),
        one("inbound_password", 7, Text),
        one("outbound_username", 8, Text),
        one("outbound_password", 9, Text),
        one("name", 11, Text),
        one("metadata", 12, Text),
    ],
};

pub(crate) static DELETE_SIP_TRUNK_REQUEST: Message =
    Message { name: "livekit.DeleteSIPTrunkRequest", fields: &[one("sip_trunk_id", 1, Text)] };

pub(crate) static CREATE_SIP_PARTICIPANT_REQUEST: Message = Message {
    name: "livekit.CreateSIPParticipantRequest",
    fields: &[
        one("sip_trunk_id", 1, Text),
        one("trunk", 20, Nested(&SIP_OUTBOUND_CONFIG)),
        one("sip_request_uri", 24, Nested(&SIP_REQUEST_DEST)),
        one("sip_to_header", 25, Nested(&SIP_NAMED_DEST)),
        one("sip_from_header", 26, Nested(&SIP_NAMED_DEST)),
        one("sip_call_to", 2, Text),
        one("to_user_override", 27, Text),
        one("sip_number", 15, Text),
        one("room_name", 3, Text),
        one("participant_identity", 4, Text),
        one("participant_name", 7, Text),
        one("participant_metadata", 8, Text),
        map("participant_attributes", 9),
        one("dtmf", 5, Text),
        one("play_ringtone", 6, Bool),
        one("play_dialtone", 13, Bool),
        one("hide_phone_number", 10, Bool),
        map("headers", 16),
        one("include_headers", 17, Enum(&SIP_HEADER_OPTIONS)),
        one("ringing_timeout", 11, Duration),
        one("max_call_duration", 12, Duration),
        one("krisp_enabled", 14, Bool),
        one("media_encryption", 18, Enum(&SIP_MEDIA_ENCRYPTION)),
        one("media", 23, Nested(&SIP_MEDIA_CONFIG)),
        one("wait_until_answered", 19, Bool),
        optional("display_name", 21, Text),
        one("destination", 22, Nested(&DESTINATION)),
    ],
};

pub(crate) static SIP_OUTBOUND_CONFIG: Message = Message {
    name: "livekit.SIPOutboundConfig",
    fields: &[
        one("hostname", 1, Text),
        one("destination_country", 7, Text),
        one("transport", 2, Enum(&SIP_TRANSPORT)),
        one("auth_username", 3, Text),
        one("auth_password", 4, Text),
        map("headers_to_attributes", 5),
        map("attributes_to_headers", 6),
        one("from_host", 8, Text),
    ],
};

pub(crate) static SIP_REQUEST_DEST: Message = Message {
    name: "livekit.SIPRequestDest",
    fields: &[one_of("uri", "raw", 1, Text), one_of("uri", "values", 2, Nested(&SIP_URI))],
};

pub(crate) static SIP_URI: Message = Message {
    name: "livekit.SIPUri",
    fields: &[
        one("user", 1, Text),
        one("host", 2, Text),
        one("ip", 3, Text),
        one("port", 4, Uint32),
        one("transport", 5, Enum(&SIP_TRANSPORT)),
    ],
};

pub(crate) static SIP_NAMED_DEST: Message = Message {
    name: "livekit.SIPNamedDest",
    fields: &[
        one("display_name", 3, Text),
        one_of("uri", "raw", 1, Text),
        one_of("uri", "values", 2, Nested(&SIP_URI)),
    ],
};

pub(crate) static DESTINATION: Message = Message {
    name: "livekit.Destination",
    fields: &[one("city", 1, Text), one("country", 2, Text), one("region", 3, Text)],
};

pub(crate) static SIP_PARTICIPANT_INFO: Message = Message {
    name: "livekit.SIPParticipantInfo",
    fields: &[
        one("participant_id", 1, Text),
        one("participant_identity", 2, Text),
        one("room_name", 3, Text),
        one("sip_call_id", 4, Text),
    ],
};
