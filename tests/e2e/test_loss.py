"""Signalling through a network that loses datagrams."""

import asyncio
import re

from livekit import api
from livekit.protocol.sip import CreateSIPParticipantRequest

from harness import digest
from harness.lossy import LossyPath
from harness.waiting import until

CALLS = 20


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
        placed = [place(livekit, trunk, f"phone-{number}") for number in range(CALLS)]
        failed = [error for error in await asyncio.gather(*placed, return_exceptions=True) if error]
        assert not failed, failed
        acknowledged = lambda: calls_of(phones, "ACK")  # noqa: E731
        await until(
            lambda: len(acknowledged()) == CALLS, lambda: f"every phone has its ACK; so far {acknowledged()}", 40
        )
        assert len(watcher.room.remote_participants) == CALLS

        removed = [remove(livekit, f"phone-{number}") for number in range(CALLS)]
        await asyncio.gather(*removed)
        ended = lambda: re.findall(r'"call ended","callID":"(\w+)"', server.log())  # noqa: E731
        await until(lambda: len(ended()) == CALLS, lambda: f"the server knows every end; so far {len(ended())}", 40)
        assert len(calls_of(phones, "BYE")) == CALLS, "every phone has its BYE"
        assert not watcher.room.remote_participants
        print(f"{path.lost} datagrams lost, {path.passed} passed on")
        assert path.lost > CALLS
    finally:
        path.stop()


async def place(livekit, trunk: str, identity: str) -> None:
    request = CreateSIPParticipantRequest(
        sip_trunk_id=trunk,
        sip_call_to="+15105550123",
        room_name="loss",
        participant_identity=identity,
        wait_until_answered=True,
    )
    await livekit.sip.create_sip_participant(request)


async def remove(livekit, identity: str) -> None:
    await livekit.room.remove_participant(api.RoomParticipantIdentity(room="loss", identity=identity))


def calls_of(phones, method: str) -> set[str]:
    """The calls of which the phones received this request."""
    return {digest.header(message, "Call-ID")[0] for message in phones.received(method)}
