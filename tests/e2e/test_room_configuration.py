"""What a room is like: from the token of whoever makes it by joining, or from the server's configuration."""

import asyncio

import pytest
from livekit import api, rtc
from livekit.protocol.room import RoomConfiguration

from harness.calls import call
from harness.server import API_KEY, API_SECRET


def token(room: str, identity: str, config: RoomConfiguration | None = None) -> str:
    made = api.AccessToken(API_KEY, API_SECRET).with_identity(identity)
    made = made.with_grants(api.VideoGrants(room_join=True, room=room))
    return (made.with_room_config(config) if config else made).to_jwt()


async def found(livekit, room: str) -> api.Room | None:
    rooms = (await livekit.room.list_rooms(api.ListRoomsRequest(names=[room]))).rooms
    return rooms[0] if rooms else None


async def ends(livekit, room: str, seconds: float = 15.0) -> None:
    """Waits until there is no such room any more."""
    async with asyncio.timeout(seconds):
        while await found(livekit, room) is not None:
            await asyncio.sleep(0.05)


async def test_the_token_that_makes_a_room_says_what_it_is_like(server, livekit):
    config = RoomConfiguration(empty_timeout=66, departure_timeout=1, max_participants=1, metadata="from the token")
    first = rtc.Room()
    await asyncio.wait_for(first.connect(server.ws_url, token("configured", "first", config)), 15)
    made = await found(livekit, "configured")
    told = (made.empty_timeout, made.departure_timeout, made.max_participants, made.metadata)
    assert told == (66, 1, 1, "from the token")
    assert first.metadata == "from the token"

    second = rtc.Room()
    with pytest.raises(rtc.ConnectError):
        await asyncio.wait_for(second.connect(server.ws_url, token("configured", "second")), 30)

    again = RoomConfiguration(metadata="of somebody who comes later")
    await asyncio.wait_for(rtc.Room().connect(server.ws_url, token("configured", "first", again)), 15)
    assert (await found(livekit, "configured")).metadata == "from the token", "the room is there already"
    await livekit.room.remove_participant(api.RoomParticipantIdentity(room="configured", identity="first"))
    await ends(livekit, "configured")


async def test_a_room_that_nobody_joins_ends_after_its_empty_timeout(make_server):
    server = make_server(room={"empty_timeout": "1s", "max_participants": 3})
    client = api.LiveKitAPI(server.url, API_KEY, API_SECRET)
    made = await client.room.create_room(api.CreateRoomRequest(name="empty"))
    assert (made.empty_timeout, made.max_participants) == (1, 3)
    own = await client.room.create_room(api.CreateRoomRequest(name="own", empty_timeout=300, max_participants=7))
    assert (own.empty_timeout, own.max_participants) == (300, 7), "what is asked for wins over the configuration"
    await ends(client, "empty")
    assert await found(client, "own") is not None
    await client.aclose()


async def test_who_may_unmute_from_afar_is_configured(make_server, sipp):
    server = make_server(room={"enable_remote_unmute": True})
    client = api.LiveKitAPI(server.url, API_KEY, API_SECRET)
    phone = sipp("answer_until_bye")
    trunk = api.SIPOutboundTrunkInfo(name="e2e", address=phone.address, numbers=["+15105550100"])
    made = await client.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
    await call(client, made.sip_trunk_id, "muted")
    who = {"room": "muted", "identity": "phone"}
    [track] = (await client.room.get_participant(api.RoomParticipantIdentity(**who))).tracks
    for muted in (True, False):
        told = await client.room.mute_published_track(api.MuteRoomTrackRequest(**who, track_sid=track.sid, muted=muted))
        assert told.track.muted == muted
    await client.room.delete_room(api.DeleteRoomRequest(room="muted"))
    await phone.ends_well()
    await client.aclose()
