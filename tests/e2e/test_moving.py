"""Participants that are moved to another room, on their media worker or on another one: the phone notices nothing but other voices,
packet by packet, and a client's connection goes on.
"""

import itertools

import numpy as np
import pytest
from livekit import api

from conftest import need
from harness import g711
from harness.calls import call, hang_up
from harness.ear import Ear
from harness.room import RATE
from harness.tones import hears, tone
from harness.waiting import until
from harness.workers import make_rooms

PHONE_HERTZ = 700
# Low tones, which have no steps as large as those of a cut.
FIRST_HERTZ, SECOND_HERTZ = 300, 450


@pytest.fixture
def server(server_of_workers):
    return server_of_workers


@pytest.fixture
def ear(tmp_path):
    need("tshark")
    made = Ear(tmp_path)
    yield made
    made.stop()


async def move(livekit, room: str, identity: str, destination: str) -> None:
    request = api.MoveParticipantRequest(room=room, identity=identity, destination_room=destination)
    await livekit.room.move_participant(request)


def is_unbroken(packets: list[dict[str, str]]) -> None:
    assert len({packet["rtp.ssrc"] for packet in packets}) == 1, "one source all the way"
    numbers = [int(packet["rtp.seq"]) for packet in packets]
    assert all((after - before) % 65_536 == 1 for before, after in itertools.pairwise(numbers)), "an unbroken sequence"
    ticks = [int(packet["rtp.timestamp"]) for packet in packets]
    assert {(after - before) % 2**32 for before, after in itertools.pairwise(ticks)} == {160}, "not a frame too few"
    moments = [float(packet["frame.time_epoch"]) for packet in packets]
    rate = (len(moments) - 1) / (moments[-1] - moments[0])
    assert 49 < rate < 51, f"{rate:.2f} frames a second"


def steepest(samples: np.ndarray) -> int:
    """The largest step from one sample to the next."""
    return int(np.abs(np.diff(samples.astype(np.int32))).max())


def is_without_a_click(ear: Ear, begin: float) -> None:
    """What was heard since is never steeper than the tones themselves: a cut in a tone is a step of up to its whole height."""
    frames = [frame for moment, frame in ear.frames() if moment >= begin]
    own = max(steepest(ulaw(tone(hertz, 1, g711.RATE))) for hertz in (FIRST_HERTZ, SECOND_HERTZ))
    seen = steepest(np.concatenate(frames))
    assert seen < 1.3 * own, f"a step of {seen} among tones whose own steps are {own}"


def ulaw(samples: np.ndarray) -> np.ndarray:
    return g711.decode(g711.PCMU, g711.encode(g711.PCMU, samples))


async def test_a_phone_is_moved_and_its_stream_is_not_broken(server, livekit, join, sipp, trunk_to, ear):
    await make_rooms(server, livekit, "first", "second")
    phone = sipp("answer_for_an_ear", ear=ear.port)
    first, second = await join("first", "first agent"), await join("second", "second agent")
    await first.speak(FIRST_HERTZ)
    await second.speak(SECOND_HERTZ)
    await call(livekit, await trunk_to(phone.address), "first")
    await until(lambda: hears(first.recording("phone"), RATE, PHONE_HERTZ), "the first agent hears the phone", 30)
    await until(lambda: len(ear.times_of(FIRST_HERTZ)) > 100, "two seconds of audio", 20)
    begin = ear.times_of(FIRST_HERTZ)[50]

    for room, destination, agent in (("first", "second", second), ("second", "first", first)):
        agent.forget()
        await move(livekit, room, "phone", destination)
        await until(lambda: hears(agent.recording("phone"), RATE, PHONE_HERTZ), f"{agent.identity} hears the phone", 30)
        length = len(ear.packets)
        await until(lambda: len(ear.packets) > length + 75, "a second and a half more", 10)

    await hang_up(livekit, "first")
    await phone.ends_well()
    is_unbroken(ear.rtp())
    is_without_a_click(ear, begin)


async def test_a_client_is_moved_on_the_connection_that_it_has(server, livekit, join, baresip, trunk_to):
    await make_rooms(server, livekit, "here", "there")
    phone = baresip(hertz=PHONE_HERTZ)
    mover, stays = await join("here", "mover"), await join("here", "stays")
    there = await join("there", "there")
    await mover.speak(1_100)
    await there.speak(1_700)
    await call(livekit, await trunk_to(phone.address), "there")
    await until(lambda: hears(stays.recording("mover"), RATE, 1_100), "it is heard where it is", 30)
    moved = []
    mover.room.on("moved", lambda: moved.append(mover.room.name))

    await move(livekit, "here", "mover", "there")

    await until(lambda: moved == ["there"], f"it is told; so far {moved}")
    assert sorted(mover.room.remote_participants) == ["phone", "there"]
    await until(lambda: hears(there.recording("mover"), RATE, 1_100), "it is heard where it is now", 30)
    await until(lambda: {"phone", "there"} <= set(mover.heard), f"it gets their tracks; so far {set(mover.heard)}", 30)
    await until(lambda: hears(mover.recording("there"), RATE, 1_700), "it hears who is there", 30)
    await until(lambda: hears(mover.recording("phone"), RATE, PHONE_HERTZ), "and the phone", 30)
    await mover.room.local_participant.set_attributes({"mood": "calm"})
    mood = lambda: there.room.remote_participants["mover"].attributes.get("mood")  # noqa: E731
    await until(lambda: mood() == "calm", "what it says reaches the room it is in")
    assert mover.reconnections == [] and mover.disconnected is None
    assert await stays.sees_leave("mover") == api.DisconnectReason.MIGRATION
    assert (await livekit.room.list_participants(api.ListParticipantsRequest(room="here"))).participants[0].identity == "stays"
