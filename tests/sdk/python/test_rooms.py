"""Rooms and moderation: what RoomService answers, and what those in the room and on the phone notice."""

import base64
import json

import aiohttp
import pytest
from conftest import call, eventually, header, rooms
from livekit import api
from livekit.protocol.models import DataPacket, ParticipantPermission

NOBODY = "twirp error unknown: participant does not exist"
NO_ROOM = "twirp error unknown: requested room does not exist"


async def refused(request) -> tuple[str, int, str]:
    with pytest.raises(api.ServerError) as raised:
        await request
    return raised.value.code, raised.value.status, raised.value.message


def who(request) -> dict:
    return {"room": request.room_name, "identity": request.participant_identity}


async def talking(livekit, world, trunk_to, **fields):
    """A phone that hums 700 Hz in a room where somebody listens: the request of its call, the phone, the listener."""
    phone = await world.phone("baresip")
    request = call(await trunk_to(phone.address), wait_until_answered=True, **fields)
    watcher = await world.listener(request.room_name)
    await livekit.sip.create_sip_participant(request)
    await watcher.hears("callee", 700)
    return request, phone, watcher


async def only_track(livekit, request) -> str:
    [track] = (await livekit.room.get_participant(api.RoomParticipantIdentity(**who(request)))).tracks
    return track.sid


async def twirp(livekit, method: str, body: dict, room: str) -> tuple[int, dict]:
    """A request of our own making, in JSON, by an administrator of that room: what the SDK cannot send."""
    token = api.AccessToken().with_grants(api.VideoGrants(room_admin=True, room=room)).to_jwt()
    url = f"{livekit.room._client.host}/twirp/livekit.RoomService/{method}"
    async with aiohttp.ClientSession() as session:
        async with session.post(url, json=body, headers={"Authorization": f"Bearer {token}"}) as answer:
            return answer.status, await answer.json()


async def test_a_room_is_made_as_asked_found_again_and_deleted(livekit, world):
    name = next(rooms)
    asked = api.CreateRoomRequest(name=name, empty_timeout=77, departure_timeout=7, max_participants=2, metadata="m")
    made = await livekit.room.create_room(asked)
    assert made.sid.startswith("RM_")
    assert (made.empty_timeout, made.departure_timeout, made.max_participants, made.metadata) == (77, 7, 2, "m")
    again = await livekit.room.create_room(api.CreateRoomRequest(name=name, metadata="other"))
    assert (again.sid, again.metadata) == (made.sid, "m"), "the room there is, as it is"
    watcher = await world.listener(name)
    assert (await watcher.room(name=name))["metadata"] == "m"
    [found] = (await livekit.room.list_rooms(api.ListRoomsRequest(names=[name, "nope"]))).rooms
    assert (found.sid, found.num_participants) == (made.sid, 1)
    await livekit.room.delete_room(api.DeleteRoomRequest(room=name))
    assert list((await livekit.room.list_rooms(api.ListRoomsRequest(names=[name]))).rooms) == []
    gone = await refused(livekit.room.delete_room(api.DeleteRoomRequest(room=name)))
    assert gone == ("not_found", 404, NO_ROOM)


async def test_a_full_room_takes_no_phone(livekit, world, trunk_to):
    phone = await world.phone("refuse", {"code": 486, "reason": "Busy Here"})
    request = call(await trunk_to(phone.address), wait_until_answered=True)
    await livekit.room.create_room(api.CreateRoomRequest(name=request.room_name, max_participants=1))
    await world.listener(request.room_name)
    _, status, message = await refused(livekit.sip.create_sip_participant(request))
    assert status >= 400 and "max_participants" in message


async def test_a_room_everybody_left_ends_after_its_departure_timeout(livekit, world, trunk_to):
    phone = await world.phone("answer_then_hang_up")
    request = call(await trunk_to(phone.address), wait_until_answered=True)
    made = await livekit.room.create_room(api.CreateRoomRequest(name=request.room_name, departure_timeout=1))
    await livekit.sip.create_sip_participant(request)
    await phone.story()

    async def ended() -> bool:
        return not (await livekit.room.list_rooms(api.ListRoomsRequest(names=[request.room_name]))).rooms

    await eventually(ended, "the room ends")
    again = await livekit.room.create_room(api.CreateRoomRequest(name=request.room_name))
    assert again.sid != made.sid, "the first one has ended"


async def test_names_and_metadata_that_are_too_long_are_refused(livekit, trunk_to):
    name = next(rooms)
    long_name = await refused(livekit.room.create_room(api.CreateRoomRequest(name="x" * 257)))
    assert long_name == ("invalid_argument", 400, "room name length exceeds limits: max length 256")
    big = "x" * (512 * 1024 + 1)
    for request in (
        livekit.room.create_room(api.CreateRoomRequest(name=name, metadata=big)),
        livekit.room.update_room_metadata(api.UpdateRoomMetadataRequest(room=name, metadata=big)),
    ):
        code, _, message = await refused(request)
        if code == "invalid_argument":
            assert message == "metadata size exceeds limits 524288"
        else:
            assert message == NO_ROOM


async def test_the_metadata_of_a_room_reaches_everybody_in_it(livekit, world):
    name = next(rooms)
    watcher = await world.listener(name)
    changed = await livekit.room.update_room_metadata(api.UpdateRoomMetadataRequest(room=name, metadata="hello"))
    assert (changed.name, changed.metadata) == (name, "hello")
    assert (await watcher.room(metadata="hello"))["name"] == name
    absent = livekit.room.update_room_metadata(api.UpdateRoomMetadataRequest(room=next(rooms), metadata="x"))
    assert await refused(absent) == ("not_found", 404, NO_ROOM)


async def test_a_phone_is_renamed_and_its_attributes_show_and_go_out_with_the_bye(livekit, world, trunk_to):
    phone = await world.phone("answer_until_bye")
    trunk = await trunk_to(phone.address, attributes_to_headers={"ticket": "X-Ticket"})
    request = call(trunk, wait_until_answered=True, participant_attributes={"ticket": "1", "plain": "x"})
    watcher = await world.listener(request.room_name)
    await livekit.sip.create_sip_participant(request)
    wanted = api.UpdateParticipantRequest(
        **who(request), name="Caller", metadata="m", attributes={"ticket": "42", "plain": "", "mood": "calm"}
    )
    updated = await livekit.room.update_participant(wanted)
    assert (updated.name, updated.metadata, updated.attributes["mood"]) == ("Caller", "m", "calm")
    assert "plain" not in updated.attributes, "an empty value deletes"
    assert updated.attributes["sip.callStatus"] == "active"
    seen = await watcher.sees("callee", name="Caller", metadata="m", ticket="42", mood="calm")
    assert seen["sip.callStatus"] == "active"
    await livekit.room.remove_participant(api.RoomParticipantIdentity(**who(request)))
    [bye] = await phone.requests("BYE")
    assert header(bye, "X-Ticket") == "42", "as the API has set it, not as the call was placed"
    assert await watcher.left("callee") == api.DisconnectReason.PARTICIPANT_REMOVED
    await phone.story()


async def test_what_is_too_long_for_a_participant_is_refused_with_the_limit(livekit, world):
    watcher = await world.listener(next(rooms))
    name = (await watcher.room())["name"]
    for fields, text in (
        ({"name": "x" * 257}, "name length exceeds limits 256"),
        ({"metadata": "x" * (512 * 1024 + 1)}, "metadata size exceeds limits 524288"),
        ({"attributes": {"a": "x" * 65_536}}, "attribute size exceeds limits 65536"),
    ):
        wanted = api.UpdateParticipantRequest(room=name, identity=watcher.identity, **fields)
        assert await refused(livekit.room.update_participant(wanted)) == ("invalid_argument", 400, text)


async def test_a_muted_phone_is_silent_in_the_room_and_cannot_be_unmuted_from_afar(livekit, world, trunk_to):
    request, _, watcher = await talking(livekit, world, trunk_to)
    track = await only_track(livekit, request)
    muted = await livekit.room.mute_published_track(api.MuteRoomTrackRequest(**who(request), track_sid=track, muted=True))
    assert (muted.track.sid, muted.track.muted) == (track, True)
    await watcher.sees("callee", muted="true")
    await watcher.silence("callee")
    back = livekit.room.mute_published_track(api.MuteRoomTrackRequest(**who(request), track_sid=track, muted=False))
    assert await refused(back) == ("failed_precondition", 412, "twirp error unknown: remote unmute not enabled")
    none = livekit.room.mute_published_track(api.MuteRoomTrackRequest(**who(request), track_sid="TR_none", muted=True))
    assert await refused(none) == ("not_found", 404, "twirp error unknown: track is not found")
    await livekit.room.delete_room(api.DeleteRoomRequest(room=request.room_name))


async def test_a_phone_that_may_not_publish_falls_silent_and_is_heard_again_when_it_may(livekit, world, trunk_to):
    request, _, watcher = await talking(livekit, world, trunk_to)
    may_not = ParticipantPermission(can_subscribe=True, can_publish=False, can_publish_data=True)
    updated = await livekit.room.update_participant(api.UpdateParticipantRequest(**who(request), permission=may_not))
    assert list(updated.tracks) == [] and not updated.permission.can_publish
    may = ParticipantPermission(can_subscribe=True, can_publish=True, can_publish_data=True)
    updated = await livekit.room.update_participant(api.UpdateParticipantRequest(**who(request), permission=may))
    assert len(updated.tracks) == 1
    other = await world.listener(request.room_name)
    await other.hears("callee", 700)
    await livekit.room.delete_room(api.DeleteRoomRequest(room=request.room_name))


async def test_a_phone_hears_whom_it_is_subscribed_to(livekit, world, trunk_to):
    request, phone, watcher = await talking(livekit, world, trunk_to)
    track = await watcher.speaks(1_100)
    await phone.hears(1_100)
    update = {**who(request), "track_sids": [track, "TR_none"]}
    await livekit.room.update_subscriptions(api.UpdateSubscriptionsRequest(**update, subscribe=False))
    other = await world.listener(request.room_name)
    await other.speaks(1_700)
    await phone.hears(1_700)  # alone: the two together would be neither's tone
    await livekit.room.delete_room(api.DeleteRoomRequest(room=request.room_name))


async def test_data_goes_to_all_to_some_and_once(livekit, world):
    name = next(rooms)
    one, two = await world.listener(name), await world.listener(name)
    for fields in (
        {"data": b"all", "topic": "t"},
        {"data": b"two", "destination_identities": [two.identity]},
        {"data": b"lossy", "kind": DataPacket.Kind.LOSSY},
    ):
        await livekit.room.send_data(api.SendDataRequest(room=name, **{"kind": DataPacket.Kind.RELIABLE, **fields}))
    for text in ("once", "twice"):  # the SDK makes a nonce of its own for each message
        message = {"room": name, "data": base64.b64encode(text.encode()).decode(), "nonce": "AAECAwQFBgcICQoLDA0ODw=="}
        assert await twirp(livekit, "SendData", message, name) == (200, {})
    await livekit.room.send_data(api.SendDataRequest(room=name, data=b"last", kind=DataPacket.Kind.RELIABLE))
    got = await two.data(5)
    assert {"from": "", "text": "all", "topic": "t"} in got
    assert sorted(message["text"] for message in got) == ["all", "last", "lossy", "once", "two"]
    assert sorted(message["text"] for message in await one.data(4)) == ["all", "last", "lossy", "once"]
    status, answer = await twirp(livekit, "SendData", {"room": name, "nonce": "c2hvcnQ="}, name)
    assert (status, answer["msg"]) == (400, "nonce should be 16-bytes or not present, got: 5 bytes")
    absent = livekit.room.send_data(api.SendDataRequest(room=next(rooms), data=b"x"))
    assert await refused(absent) == ("not_found", 404, NO_ROOM)


async def test_a_phone_is_moved_to_a_room_and_its_call_goes_on(livekit, world, trunk_to):
    request, phone, watcher = await talking(livekit, world, trunk_to)
    await watcher.speaks(1_100)
    await phone.hears(1_100)
    destination = next(rooms)
    agent = await world.listener(destination)
    await agent.speaks(1_700)
    await livekit.room.move_participant(api.MoveParticipantRequest(**who(request), destination_room=destination))
    await agent.hears("callee", 700)
    await phone.hears(1_700)
    assert (await agent.sees("callee"))["sip.callStatus"] == "active"
    assert await watcher.left("callee") == api.DisconnectReason.MIGRATION
    await livekit.room.remove_participant(api.RoomParticipantIdentity(room=destination, identity="callee"))
    assert await agent.left("callee") == api.DisconnectReason.PARTICIPANT_REMOVED


async def test_a_participant_is_moved_into_a_room_that_is_made_for_it(livekit, world):
    here, there = next(rooms), next(rooms)
    mover = await world.listener(here)
    await mover.speaks(1_100)
    move = api.MoveParticipantRequest(room=here, identity=mover.identity, destination_room=there)
    await livekit.room.move_participant(move)
    await mover.room(name=there)
    waiting = await world.listener(there)
    await waiting.hears(mover.identity, 1_100)
    assert await refused(livekit.room.move_participant(move)) == ("not_found", 404, NOBODY)
    same = api.MoveParticipantRequest(room=there, identity=mover.identity, destination_room=there)
    code, status, message = await refused(livekit.room.move_participant(same))
    assert (code, status) == ("invalid_argument", 400)
    assert message.startswith("destination room cannot be the same as source room")
    same = api.ForwardParticipantRequest(room=there, identity=mover.identity, destination_room=there)
    assert (await refused(livekit.room.forward_participant(same)))[:2] == ("invalid_argument", 400)


async def test_a_phone_is_forwarded_to_a_room_and_stays_in_its_own(livekit, world, trunk_to):
    request, _, watcher = await talking(livekit, world, trunk_to)
    destination = next(rooms)
    agent = await world.listener(destination)
    forward = api.ForwardParticipantRequest(**who(request), destination_room=destination)
    await livekit.room.forward_participant(forward)
    await livekit.room.forward_participant(forward)
    await agent.hears("callee", 700)
    guest = api.RoomParticipantIdentity(room=destination, identity="callee")
    seen = await livekit.room.get_participant(guest)
    assert list(seen.kind_details) == [api.ParticipantInfo.KindDetail.FORWARDED]
    assert seen.attributes["sip.callStatus"] == "active"
    change = api.UpdateParticipantRequest(room=destination, identity="callee", metadata="x")
    code, status, message = await refused(livekit.room.update_participant(change))
    assert (code, status) == ("failed_precondition", 412)
    assert message.endswith("participant is forwarded from another room: change it there")
    for again in (livekit.room.move_participant, livekit.room.forward_participant):
        name = "MoveParticipantRequest" if again == livekit.room.move_participant else "ForwardParticipantRequest"
        onward = getattr(api, name)(room=destination, identity="callee", destination_room=next(rooms))
        assert (await refused(again(onward)))[:2] == ("failed_precondition", 412)
    await livekit.room.remove_participant(guest)
    assert await agent.left("callee") == api.DisconnectReason.PARTICIPANT_REMOVED
    assert (await watcher.sees("callee"))["sip.callStatus"] == "active"
    await livekit.room.forward_participant(forward)
    await agent.hears("callee", 700)
    await livekit.room.remove_participant(api.RoomParticipantIdentity(**who(request)))
    assert await agent.left("callee") == api.DisconnectReason.PARTICIPANT_REMOVED


async def test_methods_of_participants_and_of_phones_are_called(livekit, world, trunk_to):
    phone = await world.phone("answer_until_bye")
    request = call(await trunk_to(phone.address), wait_until_answered=True)
    watcher = await world.listener(request.room_name)
    await watcher.answers("shout")
    await livekit.sip.create_sip_participant(request)
    room = request.room_name

    async def perform(identity: str, method: str, payload: str = "") -> tuple[int, dict]:
        asked = {"room": room, "destination_identity": identity, "method": method, "payload": payload}
        return await twirp(livekit, "PerformRpc", asked, room)

    assert await perform(watcher.identity, "shout", "hello") == (200, {"payload": "HELLO"})
    status, answer = await perform(watcher.identity, "whisper", "hello")
    assert (status, answer["code"]) == (400, "invalid_argument")
    assert answer["msg"].startswith("twirp error unknown: RpcError 1400: Method not supported at destination")
    assert (await perform("nobody", "x")) == (404, {"code": "not_found", "msg": NOBODY})
    status, answer = await perform("callee", "lk.sip.GetRemoteHeaders", '{"include":["X-Carrier"]}')
    assert (status, json.loads(answer["payload"])) == (200, {"headers": {"X-Carrier": "stranger"}})
    assert await perform("callee", "lk.sip.EndCall", '{"headers":{"X-Why":"done"}}') == (200, {"payload": "{}"})
    [bye] = await phone.requests("BYE")
    assert header(bye, "X-Why") == "done"
    await phone.story()


async def test_nobody_is_found_nowhere_and_a_token_for_another_room_opens_none(livekit):
    room = next(rooms)
    who = {"room": room, "identity": "nobody"}
    for request in (
        livekit.room.get_participant(api.RoomParticipantIdentity(**who)),
        livekit.room.remove_participant(api.RoomParticipantIdentity(**who)),
        livekit.room.update_participant(api.UpdateParticipantRequest(**who, metadata="x")),
        livekit.room.mute_published_track(api.MuteRoomTrackRequest(**who, track_sid="TR_x", muted=True)),
        livekit.room.update_subscriptions(api.UpdateSubscriptionsRequest(**who, track_sids=["TR_x"])),
        livekit.room.move_participant(api.MoveParticipantRequest(**who, destination_room=next(rooms))),
        livekit.room.forward_participant(api.ForwardParticipantRequest(**who, destination_room=next(rooms))),
    ):
        assert await refused(request) == ("not_found", 404, NOBODY)
    assert list((await livekit.room.list_participants(api.ListParticipantsRequest(room=room))).participants) == []
    for method, body in (
        ("SendData", {"room": room}),
        ("UpdateRoomMetadata", {"room": room}),
        ("UpdateParticipant", {"room": room}),
        ("PerformRpc", {"room": room}),
        ("MoveParticipant", {"room": "another", "destination_room": room}),
        ("ForwardParticipant", {"room": "another", "destination_room": room}),
    ):
        status, answer = await twirp(livekit, method, body, "another")
        assert (status, answer["msg"]) == (401, "permissions denied"), method
