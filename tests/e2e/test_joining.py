"""Who may not join a room is told so with the status that the SDKs expect, and they give up or try again accordingly."""

import asyncio
import datetime

import pytest
from livekit import api, rtc

from harness.server import API_KEY, API_SECRET


def token(key=API_KEY, secret=API_SECRET, room="a-room", join=True, lifetime=datetime.timedelta(minutes=5)) -> str:
    made = api.AccessToken(key, secret).with_identity("alice").with_ttl(lifetime)
    return made.with_grants(api.VideoGrants(room_join=join, room=room)).to_jwt()


REFUSED = {
    "signed with another secret": (dict(secret="another-secret-that-is-long-enough-for-hs256"), "401"),
    "of an unknown key": (dict(key="nobody"), "401"),
    "expired": (dict(lifetime=datetime.timedelta(minutes=-10)), "401"),
    "without the right to join": (dict(join=False), "401"),
}


async def connect(server, access_token: str) -> rtc.Room:
    room = rtc.Room()
    await asyncio.wait_for(room.connect(server.ws_url, access_token), 30)
    return room


@pytest.mark.parametrize("case", REFUSED)
async def test_a_token_that_does_not_do_is_refused(server, case):
    settings, status = REFUSED[case]
    bad = token(**settings)
    with pytest.raises(rtc.ConnectError) as raised:
        await connect(server, bad)
    assert status in str(raised.value), f"{case}: {raised.value}"
    assert bad not in server.log()


async def test_a_room_that_nobody_made_does_not_exist_when_joining_makes_none(make_server):
    server = make_server(room={"auto_create": False})
    with pytest.raises(rtc.ConnectError) as raised:
        await connect(server, token(room="not-there"))
    assert "404" in str(raised.value), raised.value
    async with api.LiveKitAPI(server.url, API_KEY, API_SECRET) as client:
        await client.room.create_room(api.CreateRoomRequest(name="not-there"))
    room = await connect(server, token(room="not-there"))
    await room.disconnect()


async def test_the_token_opens_its_own_room_and_no_other(server):
    one = await connect(server, token(room="one"))
    assert one.name == "one"
    async with api.LiveKitAPI(server.url, API_KEY, API_SECRET) as client:
        rooms = await client.room.list_rooms(api.ListRoomsRequest())
    assert [room.name for room in rooms.rooms] == ["one"]
    await one.disconnect()
