"""Participants that are seen and heard in two rooms, on one media worker and on two: a phone and a client on camera."""

import pytest
from livekit import api

from harness.calls import call
from harness.camera import Camera
from harness.room import RATE
from harness.tones import hears
from harness.waiting import until
from harness.workers import make_rooms

pytestmark = pytest.mark.timeout(180)

FORWARDED = api.ParticipantInfo.KindDetail.FORWARDED
PHONE, OTHER, ALICE, LISTENER = 700, 500, 1_100, 1_700
SIZE = (320, 180)


@pytest.fixture
def server(server_of_workers):
    return server_of_workers


async def forward(livekit, identity: str) -> None:
    request = api.ForwardParticipantRequest(room="here", identity=identity, destination_room="there")
    await livekit.room.forward_participant(request)


async def test_a_phone_and_a_client_are_seen_and_heard_in_another_room(server, livekit, join, baresip, trunk_to):
    await make_rooms(server, livekit, "here", "there")
    phone, other = baresip(hertz=PHONE), baresip(hertz=OTHER)
    alice, listener = await join("here", "alice"), await join("there", "listener")
    await alice.speak(ALICE)
    await listener.speak(LISTENER)
    await call(livekit, await trunk_to(phone.address), "here")
    await call(livekit, await trunk_to(other.address), "there", participant_identity="other")
    for identity in ("phone", "alice"):
        await forward(livekit, identity)

    await until(lambda: hears(listener.recording("alice"), RATE, ALICE), "alice is heard there", 20)
    await until(lambda: hears(listener.recording("phone"), RATE, PHONE), "and the phone", 20)
    guest = await livekit.room.get_participant(api.RoomParticipantIdentity(room="there", identity="phone"))
    assert (list(guest.kind_details), guest.kind) == ([FORWARDED], api.ParticipantInfo.Kind.SIP)
    assert listener.room.remote_participants["phone"].attributes["sip.callStatus"] == "active"

    # A phone there hears them, too: alice alone, while everybody else is muted there.
    for identity in ("listener", "phone"):
        info = await livekit.room.get_participant(api.RoomParticipantIdentity(room="there", identity=identity))
        mute = api.MuteRoomTrackRequest(room="there", identity=identity, track_sid=info.tracks[0].sid, muted=True)
        await livekit.room.mute_published_track(mute)
    await until(lambda: hears(*other.recording(), ALICE), "the other phone hears alice", 20)

    # They hear their own room only, where nobody is muted.
    await until(lambda: hears(alice.recording("phone"), RATE, PHONE), "alice hears the phone", 20)
    await until(lambda: hears(*phone.recording(), ALICE), "the phone hears alice", 20)
    assert set(alice.heard) == {"phone"} and sorted(alice.room.remote_participants) == ["phone"]

    # Whatever changes is seen there: attributes, a camera that is put on, the end.
    eyes = Camera(listener)
    await alice.room.local_participant.set_attributes({"mood": "calm"})
    mood = lambda: listener.room.remote_participants["alice"].attributes.get("mood")  # noqa: E731
    await until(lambda: mood() == "calm", "what alice says of herself")
    await Camera(alice).show((220, 30, 30), *SIZE, simulcast=False)
    await eyes.sees("alice", SIZE)
    await livekit.room.remove_participant(api.RoomParticipantIdentity(room="there", identity="alice"))
    assert await listener.sees_leave("alice") == api.DisconnectReason.PARTICIPANT_REMOVED
    assert alice.disconnected is None and "alice" not in listener.room.remote_participants
    phone.command("hangup")
    await listener.sees_leave("phone")
    await alice.sees_leave("phone")
