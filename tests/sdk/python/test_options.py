"""What the SDK takes beside a request, and the deprecated names of what is in one."""

import re

import pytest
from conftest import body, call
from livekit import api
from livekit.protocol.sip import SIPMediaConfig, SIPMediaEncryption

RINGS_FOR = {"ring": 1500, "contact": "[local_ip]:[local_port]"}


async def test_a_timeout_below_the_ringing_timeout_cuts_off_no_phone_that_rings(livekit, world, trunk_to):
    phone = await world.phone("until_the_end", RINGS_FOR)
    request = call(await trunk_to(phone.address), wait_until_answered=True)
    info = await livekit.sip.create_sip_participant(request, timeout=0.5)
    who = api.RoomParticipantIdentity(room=request.room_name, identity="callee")
    seen = await livekit.room.get_participant(who)
    assert (seen.sid, seen.attributes["sip.callStatus"]) == (info.participant_id, "active")
    await livekit.room.remove_participant(who)
    await phone.story()


async def test_a_call_that_is_not_waited_for_outlives_the_timeout_of_its_request(livekit, world, trunk_to):
    phone = await world.phone("until_the_end", RINGS_FOR)
    request = call(await trunk_to(phone.address))
    watcher = await world.listener(request.room_name)
    await livekit.sip.create_sip_participant(request, timeout=1.0)
    assert (await watcher.statuses("callee", "active"))[-2:] == ["ringing", "active"]
    await livekit.room.delete_room(api.DeleteRoomRequest(room=request.room_name))
    await phone.story()


async def test_the_trunk_can_be_named_beside_the_request(livekit, world, trunk_to):
    phone = await world.phone("refuse", {"code": 486, "reason": "Busy Here"})
    request = call("ST_nothere", wait_until_answered=True)
    with pytest.raises(api.SipCallError) as raised:
        await livekit.sip.create_sip_participant(request, trunk_id=await trunk_to(phone.address))
    assert raised.value.sip_status_code == 486


REQUIRE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE
ENCRYPTED = {
    "the request": ({}, {"media": SIPMediaConfig(encryption=REQUIRE)}),
    "the request, deprecated": ({}, {"media_encryption": REQUIRE}),
    "the trunk": ({"media": SIPMediaConfig(encryption=REQUIRE)}, {}),
    "the trunk, deprecated": ({"media_encryption": REQUIRE}, {}),
    "the trunk, deprecated, beside its media": ({"media_encryption": REQUIRE, "media": SIPMediaConfig()}, {}),
    "the trunk, deprecated, over a request that does not care": (
        {"media_encryption": REQUIRE},
        {"media": SIPMediaConfig(encryption=SIPMediaEncryption.SIP_MEDIA_ENCRYPT_DISABLE)},
    ),
}


@pytest.mark.parametrize("trunk, fields", ENCRYPTED.values(), ids=ENCRYPTED)
async def test_required_encryption_is_offered_whoever_asks_by_whichever_name(livekit, world, trunk_to, trunk, fields):
    phone = await world.phone("refuse", {"code": 488, "reason": "Not Acceptable Here"})
    request = call(await trunk_to(phone.address, **trunk), wait_until_answered=True, **fields)
    with pytest.raises(api.SipCallError):
        await livekit.sip.create_sip_participant(request)
    offer = body(await phone.invite())
    assert re.search(r"m=audio \d+ RTP/SAVP ", offer)
    assert "a=crypto:1 " in offer
    assert "RTP/AVP " not in offer
