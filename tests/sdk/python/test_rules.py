"""What a request and a trunk may say: every rule that can be broken, broken, and what just keeps to the rules.

The files beside this folder are read by the suites of Node and Go too.
"""

import pytest
from conftest import CALLEE, ask, call, rooms, stories
from google.protobuf.json_format import ParseDict
from livekit import api
from livekit.protocol.sip import (
    CreateSIPParticipantRequest,
    DeleteSIPTrunkRequest,
    GetSIPOutboundTrunkRequest,
    GetSIPOutboundTrunkResponse,
    SIPOutboundTrunkInfo,
    UpdateSIPOutboundTrunkRequest,
)

PLAIN_TRUNK = {"address": "sip.example.com", "numbers": ["+15105550100"]}
STATUS = {"invalid_argument": 400, "not_found": 404, "failed_precondition": 412}


def told(story) -> str:
    return story["story"]


def is_refused(error: api.ServerError, story) -> None:
    assert not isinstance(error, api.SipCallError)
    code = story.get("code", "invalid_argument")
    assert (error.code, error.status) == (code, STATUS[code]), error.message
    assert story["text"] in error.message


@pytest.mark.parametrize("story", stories("refused.json"), ids=told)
async def test_a_call_that_breaks_a_rule_is_refused_with_the_rule(livekit, trunk_to, story):
    plain = {"sip_trunk_id": await trunk_to("127.0.0.1:9"), "sip_call_to": CALLEE, "room_name": "refused"}
    request = ParseDict({**plain, **story["request"]}, CreateSIPParticipantRequest())
    with pytest.raises(api.ServerError) as raised:
        await livekit.sip.create_sip_participant(request)
    is_refused(raised.value, story)


@pytest.mark.parametrize("story", stories("accepted.json"), ids=told)
async def test_a_call_that_just_keeps_to_the_rules_is_placed(livekit, trunk_to, story):
    plain = {"sip_trunk_id": await trunk_to("127.0.0.1:9"), "sip_call_to": CALLEE, "room_name": next(rooms)}
    request = ParseDict({**plain, **story["request"]}, CreateSIPParticipantRequest())
    info = await livekit.sip.create_sip_participant(request)
    identity = request.participant_identity or f"sip_{CALLEE}"
    assert (info.room_name, info.participant_identity) == (request.room_name, identity)
    assert info.sip_call_id.startswith("SCL_")
    await livekit.room.delete_room(api.DeleteRoomRequest(room=request.room_name))


async def created(livekit, fields: dict | None) -> SIPOutboundTrunkInfo:
    trunk = None if fields is None else ParseDict({**PLAIN_TRUNK, **fields}, SIPOutboundTrunkInfo())
    return await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))


async def told_of_a_trunk(livekit, trunk_to, story) -> None:
    """Does what a story of refused_trunks.json does."""
    if "create" in story:
        await created(livekit, story["create"])
    elif "get" in story:
        request = GetSIPOutboundTrunkRequest(sip_trunk_id=story["get"])
        await ask(livekit, "GetSIPOutboundTrunk", request, GetSIPOutboundTrunkResponse)
    elif "delete" in story:
        await livekit.sip.delete_trunk(DeleteSIPTrunkRequest(sip_trunk_id=story["delete"]))
    else:
        change = {"sip_trunk_id": await trunk_to("sip.example.com"), **story["change"]}
        # The SDK's own calls cannot leave the action out.
        await ask(livekit, "UpdateSIPOutboundTrunk", ParseDict(change, UpdateSIPOutboundTrunkRequest()), SIPOutboundTrunkInfo)


@pytest.mark.parametrize("story", stories("refused_trunks.json"), ids=told)
async def test_a_trunk_that_breaks_a_rule_is_refused_with_the_rule(livekit, trunk_to, story):
    with pytest.raises(api.ServerError) as raised:
        await told_of_a_trunk(livekit, trunk_to, story)
    is_refused(raised.value, story)


@pytest.mark.parametrize("story", stories("accepted_trunks.json"), ids=told)
async def test_a_trunk_that_just_keeps_to_the_rules_comes_back_as_it_was_created(livekit, story):
    made = await created(livekit, story["trunk"])
    for given in ("sip_trunk_id", "created_at", "updated_at"):
        made.ClearField(given)
    assert made == ParseDict({**PLAIN_TRUNK, **story["trunk"]}, SIPOutboundTrunkInfo())


@pytest.mark.parametrize("name", stories("reserved_headers.json"))
async def test_a_header_that_the_protocol_writes_is_set_by_no_trunk_and_no_call(livekit, trunk_to, name):
    refused = {"story": name, "text": f"invalid header name: header name {name} not supported"}
    with pytest.raises(api.ServerError) as raised:
        await created(livekit, {"headers": {name: "x"}})
    is_refused(raised.value, refused)
    with pytest.raises(api.ServerError) as raised:
        await livekit.sip.create_sip_participant(call(await trunk_to("127.0.0.1:9"), headers={name: "x"}))
    is_refused(raised.value, refused)


NO_DURATIONS = {
    "longer than ten thousand years": {"seconds": 315_576_000_001},
    "further below zero": {"seconds": -315_576_000_001},
    "of too many nanoseconds": {"nanos": 1_000_000_000},
    "of two signs": {"seconds": 1, "nanos": -1},
}


@pytest.mark.parametrize("field", ["ringing_timeout", "max_call_duration", "media.media_timeout"])
@pytest.mark.parametrize("duration", NO_DURATIONS.values(), ids=NO_DURATIONS)
async def test_a_duration_that_protobuf_does_not_know_is_refused(livekit, trunk_to, field, duration):
    request = call(await trunk_to("127.0.0.1:9"))
    message = request.media if field == "media.media_timeout" else request
    name = field.split(".")[-1]
    for part, value in duration.items():
        setattr(getattr(message, name), part, value)
    with pytest.raises(api.ServerError) as raised:
        await livekit.sip.create_sip_participant(request)
    assert (raised.value.code, raised.value.status) == ("invalid_argument", 400)
    assert name in raised.value.message


@pytest.mark.parametrize("seconds", [-1, 0, 25 * 3600], ids=["below zero", "zero", "more than a day"])
async def test_a_duration_out_of_its_range_is_the_default(livekit, world, trunk_to, seconds):
    phone = await world.phone("ring_until_cancelled")
    request = call(await trunk_to(phone.address))
    request.ringing_timeout.FromSeconds(seconds)
    request.max_call_duration.FromSeconds(seconds)
    watcher = await world.listener(request.room_name)
    await livekit.sip.create_sip_participant(request)
    assert (await watcher.statuses("callee", "ringing"))[-1] == "ringing"
    who = api.RoomParticipantIdentity(room=request.room_name, identity="callee")
    assert (await livekit.room.get_participant(who)).attributes["sip.callStatus"] == "ringing", "nobody gave up"
    await livekit.room.remove_participant(who)
    assert len(await phone.requests("CANCEL")) == 1
    await phone.story()
