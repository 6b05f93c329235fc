"""Calls to a phone as most stories place and end them."""

from livekit import api
from livekit.protocol.sip import CreateSIPParticipantRequest

from .baresip import NUMBER


def call_to(trunk: str, room: str, **fields) -> CreateSIPParticipantRequest:
    """What is asked for: the phone at this trunk comes into the room as "phone", and whoever asks waits for its answer. `fields`
    are further ones, or take the place of these."""
    usual = {"sip_call_to": NUMBER, "participant_identity": "phone", "wait_until_answered": True}
    return CreateSIPParticipantRequest(sip_trunk_id=trunk, room_name=room, **usual | fields)


async def call(livekit: api.LiveKitAPI, trunk: str, room: str, **fields) -> None:
    """Places such a call."""
    await livekit.sip.create_sip_participant(call_to(trunk, room, **fields))


async def hang_up(livekit: api.LiveKitAPI, room: str, identity: str = "phone") -> None:
    await livekit.room.remove_participant(api.RoomParticipantIdentity(room=room, identity=identity))
