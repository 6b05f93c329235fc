"""The server's end, by each signal: who is refused, who is cancelled, who may go on, and that every phone is told in time."""

import asyncio
import signal
import time

import pytest
from livekit import api
from livekit.protocol.models import DisconnectReason

from harness.calls import call
from harness.room import Participant
from harness.server import API_KEY, API_SECRET
from harness.waiting import until

# From the signal to the end of the process.
LIMIT = 5


class World:
    """A server that drains for so long, and calls on it to phones of any scenario."""

    def __init__(self, server, sipp):
        self.server = server
        self.sipp = sipp
        self.client = api.LiveKitAPI(server.url, API_KEY, API_SECRET)

    async def call(self, scenario: str, wait: bool = True):
        """A phone and the call to it, which is being placed."""
        phone = self.sipp(scenario)
        trunk = api.SIPOutboundTrunkInfo(name="t", address=phone.address, numbers=["+15105550100"])
        made = await self.client.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
        fields = {"participant_identity": f"{scenario}-{phone.port}", "wait_until_answered": wait}
        return phone, asyncio.ensure_future(call(self.client, made.sip_trunk_id, "shutdown", **fields))

    async def up(self, scenario: str = "answer_until_bye"):
        phone, placed = await self.call(scenario)
        await placed
        return phone

    async def ringing(self, scenario: str = "ring_until_cancelled"):
        phone, placed = await self.call(scenario)
        await until(lambda: "SIP/2.0 180" in phone.trace(), "the phone rings")
        return phone, placed

    async def ends(self, started: float) -> None:
        code = await asyncio.to_thread(self.server.process.wait, LIMIT)
        assert code == 0
        assert time.monotonic() - started < LIMIT


@pytest.fixture
def world(make_server, sipp):
    return lambda drain: World(make_server(shutdown={"drain": drain}), sipp)


async def test_sigterm_refuses_new_calls_cancels_what_rings_and_drains_what_runs(world):
    world = world("60s")
    watcher = await Participant(world.server, "shutdown", "watcher").join()
    talking = await world.up()
    ringing, placed = await world.ringing()
    world.server.signal(signal.SIGTERM)

    with pytest.raises(api.ServerError) as told:
        await asyncio.wait_for(placed, LIMIT)
    assert (told.value.code, told.value.message) == ("canceled", "twirp error unknown: service shutting down")
    await ringing.ends_well(LIMIT)  # it had its CANCEL, and its 487 an ACK
    assert await watcher.sees_leave(f"ring_until_cancelled-{ringing.port}") == DisconnectReason.SERVER_SHUTDOWN

    with pytest.raises(api.ServerError) as refused:
        await (await world.call("answer_until_bye"))[1]
    assert (refused.value.code, refused.value.status) == ("unavailable", 503)
    assert refused.value.message == "twirp error unknown: service shutting down"

    assert not talking.received("BYE") and world.server.process.poll() is None, "what is answered goes on"
    # The last call ends by itself, and the server with it.
    started = time.monotonic()
    identity = api.RoomParticipantIdentity(room="shutdown", identity=f"answer_until_bye-{talking.port}")
    await world.client.room.remove_participant(identity)
    await talking.ends_well(LIMIT)
    await world.ends(started)
    await until(lambda: watcher.disconnected == DisconnectReason.SERVER_SHUTDOWN, lambda: f"told why: {watcher.disconnected}")
    await watcher.leave()
    await world.client.aclose()


async def test_a_call_that_outlasts_the_drain_is_ended_with_bye(world):
    world = world("2s")
    talking = await world.up()
    started = time.monotonic()
    world.server.signal(signal.SIGTERM)
    await until(lambda: talking.received("BYE"), "the BYE", 2 + LIMIT)
    assert time.monotonic() - started >= 2, "not before the drain is over"
    assert await asyncio.to_thread(world.server.process.wait, LIMIT) == 0
    await talking.ends_well()
    await world.client.aclose()


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM], [signal.SIGTERM, signal.SIGINT]])
async def test_every_phone_is_told_and_the_process_is_gone_within_five_seconds(world, signals):
    """Among them one that takes no BYE, one that takes no CANCEL, and one that never said anything."""
    world = world("60s")
    up = [await world.up(), await world.up("answer_and_ignore_bye")]
    ringing = [await world.ringing(), await world.ringing("ring_and_ignore_cancel")]
    silent, placed = await world.call("silent_then_cancelled")
    await until(lambda: silent.received("INVITE"), "the INVITE reaches the silent phone")

    started = time.monotonic()
    for number, name in enumerate(signals):
        if number > 0:
            await until(lambda: "draining" in world.server.log(), "the server drains")
        world.server.signal(name)
    await world.ends(started)
    for phone in up:
        assert phone.received("BYE")
        await phone.ends_well()
    for phone, caller in ringing:
        assert phone.received("CANCEL")
        await phone.ends_well()
        assert isinstance((await asyncio.gather(caller, return_exceptions=True))[0], Exception)
    assert isinstance((await asyncio.gather(placed, return_exceptions=True))[0], Exception)

    # RFC 3261 forbids CANCEL before the phone has said anything: it has it from the next run, or as soon as it rings.
    world.server.start()
    await silent.ends_well()
    await world.client.aclose()
