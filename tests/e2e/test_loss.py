"""Signalling and audio through networks that lose datagrams."""

import asyncio
import re

import numpy as np
from livekit import api

from harness import digest, g711
from harness.calls import call, hang_up
from harness.lossy import LossyPath
from harness.tones import is_tone, loudness
from harness.waiting import until

CALLS = 20
AGENT_HERTZ = 1_100


async def test_twenty_calls_through_30_percent_loss_are_answered_and_ended_on_both_sides(
    server, livekit, join, sipp, trunk_to
):
    path = LossyPath("127.0.0.1:9", 0.3).start()
    try:
        phones = sipp(
            "answer_through_loss", calls=CALLS, seconds=150, options=("-nr",), path=path.address
        )
        path.aim(phones.address)
        watcher = await join("loss", "watcher")
        trunk = await trunk_to(path.address)
        placed = [call(livekit, trunk, "loss", participant_identity=f"phone-{number}") for number in range(CALLS)]
        failed = [error for error in await asyncio.gather(*placed, return_exceptions=True) if error]
        assert not failed, failed
        acknowledged = lambda: calls_of(phones, "ACK")  # noqa: E731
        await until(
            lambda: len(acknowledged()) == CALLS, lambda: f"every phone has its ACK; so far {acknowledged()}", 40
        )
        assert len(watcher.room.remote_participants) == CALLS

        removed = [hang_up(livekit, "loss", f"phone-{number}") for number in range(CALLS)]
        await asyncio.gather(*removed)
        ended = lambda: re.findall(r'"call ended","callID":"(\w+)"', server.log())  # noqa: E731
        await until(lambda: len(ended()) == CALLS, lambda: f"the server knows every end; so far {len(ended())}", 40)
        assert len(calls_of(phones, "BYE")) == CALLS, "every phone has its BYE"
        assert not watcher.room.remote_participants
        print(f"{path.lost} datagrams lost, {path.passed} passed on")
        assert path.lost > CALLS
    finally:
        path.stop()


def calls_of(phones, method: str) -> set[str]:
    """The calls of which the phones received this request."""
    return {digest.header(message, "Call-ID")[0] for message in phones.received(method)}


async def test_a_participant_whose_network_loses_every_tenth_packet_is_heard_by_a_phone_without_a_hole(
    livekit, join, sipp, trunk_to, path, ears
):
    """What is lost is asked for again, or made up: a phone's own frames come whole in any case."""
    ear = ears()
    phone = sipp("answer_for_an_ear", ear=ear.port)
    agent = await join("lossy", "agent", url=path.url)
    await agent.speak(AGENT_HERTZ)
    await call(livekit, await trunk_to(phone.address), "lossy")
    await until(lambda: ear.hears(AGENT_HERTZ), "the phone hears the agent", 20)
    path.media.loss = 0.1
    begun = len(ear.packets)
    await until(lambda: len(ear.packets) > begun + 500, "ten seconds more", 20)
    frames = [frame for _, frame in ear.frames()][-450:]
    spoken = np.mean([is_tone(frame, g711.RATE, AGENT_HERTZ) for frame in frames])
    silent = sum(loudness(frame) < -50 for frame in frames)
    print(f"{spoken:.1%} of the frames hold the tone, {silent} of {len(frames)} are silent")
    assert spoken > 0.95 and silent == 0
    await livekit.room.delete_room(api.DeleteRoomRequest(room="lossy"))
    await phone.ends_well()
