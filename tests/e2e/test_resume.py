"""A cut WebSocket is survived: the official SDKs go on with their session, and nobody hears anything of it."""

import time

import pytest
import pytest_asyncio
from livekit import api

from harness.relay import Relay
from harness.room import RATE
from harness.tones import hears, share
from harness.waiting import until
from harness.world import gap

HERTZ = {"here": 1_000, "away": 600}
WAYS = pytest.mark.parametrize("single", [True, False], ids=["one peer connection", "two"])


@pytest_asyncio.fixture
async def relay(server):
    """The only way to the server's signalling for those who are told of it; media goes past it."""
    made = await Relay(server.http_port).start()
    yield made
    await made.stop()


async def two_talkers(join, relay, single: bool):
    here = await join("resume", "here")
    away = await join("resume", "away", url=relay.url, single_peer_connection=single)
    for person in (here, away):
        await person.speak(HERTZ[person.identity])
    await until(lambda: hears(here.recording("away"), RATE, HERTZ["away"]), "away is heard", 15)
    await until(lambda: hears(away.recording("here"), RATE, HERTZ["here"]), "away hears", 15)
    return here, away


@WAYS
async def test_a_cut_connection_is_resumed_without_a_gap(join, relay, single):
    here, away = await two_talkers(join, relay, single)
    sid = away.room.local_participant.sid
    here.forget()
    away.forget()
    begun = time.monotonic()
    relay.cut()
    await until(lambda: away.reconnections == ["reconnecting", "reconnected"], "it resumes", 20)

    assert away.room.local_participant.sid == sid, "it is the same session"
    assert relay.accepted == 2
    assert "away" not in here.left and "here" not in away.left
    for listener, talker in ((here, "away"), (away, "here")):
        passed = time.monotonic() - begun
        recording = listener.recording(talker)
        assert len(recording) / RATE > passed - 0.5, f"{listener.identity} has {len(recording) / RATE:.2f} of {passed:.2f} s"
        silence = gap(recording, RATE)
        assert silence <= 0.2, f"{listener.identity} hears a gap of {silence} s"
        assert share(recording, RATE, HERTZ[talker]) > 0.95
    await away.room.local_participant.publish_data(b"after it", reliable=True)
    await until(lambda: ("away", b"after it") in here.data, "data goes on")
    await here.room.local_participant.publish_data(b"to you", reliable=True)
    await until(lambda: ("here", b"to you") in away.data, "data goes on, the other way")


@WAYS
async def test_what_happens_meanwhile_is_told_afterwards(join, relay, single):
    """The connection hangs for a second: somebody leaves, somebody comes and speaks."""
    here, away = await two_talkers(join, relay, single)
    third = await join("resume", "third")
    await until(lambda: "third" in away.room.remote_participants, "away sees the third")
    relay.hold()
    relay.cut()
    await third.leave()
    fourth = await join("resume", "fourth")
    await fourth.speak(1_500)
    await until(lambda: hears(here.recording("fourth"), RATE, 1_500), "the fourth is heard", 15)
    relay.mend()
    await until(lambda: "reconnected" in away.reconnections, "it resumes", 20)
    await away.sees_leave("third")
    await until(lambda: hears(away.recording("fourth"), RATE, 1_500), "away hears the fourth", 15)
    assert away.reconnections == ["reconnecting", "reconnected"]


async def test_a_session_that_is_over_is_begun_anew(livekit, join, relay):
    here, away = await two_talkers(join, relay, True)
    relay.hold()
    relay.cut()
    await livekit.room.remove_participant(api.RoomParticipantIdentity(room="resume", identity="away"))
    await here.sees_leave("away")
    here.forget()
    relay.mend()
    await until(lambda: "reconnected" in away.reconnections, "it joins anew", 20)
    await until(lambda: hears(here.recording("away"), RATE, HERTZ["away"]), "away is heard again", 15)
