//! Enumerations, by the generated types.

use livekit_protocol as proto;

use super::Enumeration;

/// A table entry for a generated enumeration.
macro_rules! enumeration {
    ($name:ident, $type:ty) => {
        pub(super) static $name: Enumeration = Enumeration {
            name_of: |number| <$type>::try_from(number).ok().map(|value| value.as_str_name()),
            number_of: |name| <$type>::from_str_name(name).map(i32::from),
        };
    };
}

enumeration!(SIP_TRANSPORT, proto::SipTransport);
enumeration!(SIP_HEADER_OPTIONS, proto::SipHeaderOptions);
enumeration!(SIP_MEDIA_ENCRYPTION, proto::SipMediaEncryption);
enumeration!(TRUNK_KIND, proto::sip_trunk_info::TrunkKind);
enumeration!(AUDIO_TRACK_FEATURE, proto::AudioTrackFeature);
enumeration!(BACKUP_CODEC_POLICY, proto::BackupCodecPolicy);
enumeration!(DATA_PACKET_KIND, proto::data_packet::Kind);
enumeration!(DISCONNECT_REASON, proto::DisconnectReason);
enumeration!(JOB_RESTART_POLICY, proto::JobRestartPolicy);
enumeration!(PACKET_TRAILER_FEATURE, proto::PacketTrailerFeature);
enumeration!(TRACK_SOURCE, proto::TrackSource);
enumeration!(TRACK_TYPE, proto::TrackType);
enumeration!(VIDEO_QUALITY, proto::VideoQuality);
enumeration!(WELL_KNOWN_FRAME_ENCODING, proto::data_track_frame_encoding::WellKnownFrameEncoding);
enumeration!(WELL_KNOWN_SCHEMA_ENCODING, proto::data_track_schema_encoding::WellKnownSchemaEncoding);
enumeration!(CAPABILITY, proto::client_info::Capability);
enumeration!(ENCRYPTION_TYPE, proto::encryption::Type);
enumeration!(PARTICIPANT_KIND, proto::participant_info::Kind);
enumeration!(PARTICIPANT_KIND_DETAIL, proto::participant_info::KindDetail);
enumeration!(PARTICIPANT_STATE, proto::participant_info::State);
enumeration!(VIDEO_LAYER_MODE, proto::video_layer::Mode);
