"""A phone and clients of every kind in one room: who hears whom, by tone, before and after the network fails."""

import asyncio
import os

import numpy as np
import pytest
import pytest_asyncio
from livekit import api
from livekit.protocol.sip import CreateSIPParticipantRequest

from conftest import Clients
from harness.baresip import Baresip
from harness.client import Client
from harness.path import Path
from harness.tones import hears, loudness
from harness.waiting import until

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(240)]

PHONE_HERTZ = 700
SIP = 3  # ParticipantKind
# Who is there, and with which tone: far enough apart for half a second's resolution.
EVERYBODY = {"python": 1_100, "node": 1_350, "chromium": 1_600, "chromium again": 1_850, "go": 2_350, "go-single": 2_600}
OUTAGE = 20.0
"""Seconds."""
# Who goes on with its session after the outage: the Rust core (Python, Node) gives up after one attempt without an answer, Go after 5 s.
RESUMES = {"media": ("python", "node", "chromium", "chromium again"), "media and signalling": ("chromium", "chromium again")}


class World:
    """A room, the one path to it, and who is in it."""

    def __init__(self, server, path: Path, clients: Clients, livekit, phone: Baresip, room: str):
        self.server, self.path, self.clients, self.livekit, self.phone, self.room = server, path, clients, livekit, phone, room
        self.people: dict[str, Client] = {}

    async def join(self, name: str) -> Client:
        kind = name.split()[0]
        person = self.people[name] = await self.clients(kind, self.room, name.replace(" ", "-"), url=self.path.url)
        await person.do("speak", hertz=EVERYBODY[name])
        return person

    async def call(self, trunk: str) -> None:
        await self.livekit.sip.create_sip_participant(
            CreateSIPParticipantRequest(
                sip_trunk_id=trunk, sip_call_to="+15105550123", room_name=self.room, participant_identity="phone",
                wait_until_answered=True,
            )
        )  # fmt: skip

    async def everybody_hears_everybody(self, seconds: float = 20.0) -> None:
        """From now on."""
        heard = len(self.phone.recording()[0])
        for person in self.people.values():
            await person.forget()
        await asyncio.gather(*(self.hears_all(person, seconds) for person in self.people.values()))
        for name, hertz in EVERYBODY.items():
            if name in self.people:
                await until(lambda: self.phone_hears(hertz, heard), f"the phone hears {name}", seconds)

    async def hears_all(self, listener: Client, seconds: float) -> None:
        for name, talker in self.people.items():
            if talker is not listener:
                await listener.hears(talker.identity, EVERYBODY[name], 0.7, seconds)
        await listener.hears("phone", PHONE_HERTZ, 0.7, seconds)

    def phone_hears(self, hertz: float, since: int) -> bool:
        samples, rate = self.phone.recording()
        return hears(samples[since:][-3 * rate :], rate, hertz, 0.4 / max(1, len(self.people)))

    def phone_is_up(self) -> None:
        assert not self.phone.happened("CALL_CLOSED"), self.phone.events[-3:]


@pytest_asyncio.fixture
async def world(server, livekit, baresip, tmp_path, go_builder):
    path = await Path(server.http_port, server.rtc_port).start()
    clients = Clients(server, tmp_path, go_builder)
    yield World(server, path, clients, livekit, baresip(hertz=PHONE_HERTZ), "everybody")
    path.mend()
    await clients.stop()
    await path.stop()


def chosen() -> list[str]:
    """All, or those named in the environment: for a closer look at one."""
    names = os.environ.get("CLIENTS")
    return [name for name in EVERYBODY if names is None or name in names.split(",")]


def gap(samples: np.ndarray, rate: int) -> float:
    """The longest silence, in seconds, found in steps of 20 ms."""
    step = rate // 50
    longest = current = 0
    for start in range(0, len(samples) - step, step):
        current = current + 1 if loudness(samples[start : start + step]) < -50 else 0
        longest = max(longest, current)
    return longest / 50


@pytest.mark.parametrize("what", ["media", "media and signalling"])
async def test_an_outage_is_survived_by_everybody(world, trunk_to, proves, what):
    names = chosen()
    kinds = {name.split()[0] for name in names}
    for name in names:
        await world.join(name)
    await world.call(await trunk_to(world.phone.address))
    with proves("hears and is heard by a phone, by tone", *kinds):
        await world.everybody_hears_everybody()
    sids = {name: (await person.do("me"))["sid"] for name, person in world.people.items()}

    with proves(f"survives 20 s without {what}", *kinds):
        begun = len(world.phone.recording()[0])
        world.path.cut_media()
        if what == "media and signalling":
            world.path.cut_signalling()
        await asyncio.sleep(OUTAGE)  # the outage itself
        world.phone_is_up()
        world.path.mend()
        await world.everybody_hears_everybody(45)
        world.phone_is_up()
        samples, rate = world.phone.recording()
        print(f"the phone heard nothing for {gap(samples[begun:], rate):.1f} s")
        for name, person in world.people.items():
            kept = (await person.do("me"))["sid"] == sids[name]
            print(f"{name}: {'the same session' if kept else 'a new session'}")
            assert kept or name not in RESUMES[what], f"{name} resumes"


async def test_a_lost_connection_and_a_new_address_go_by_unnoticed(world, trunk_to, proves):
    names = chosen()
    kinds = {name.split()[0] for name in names}
    for name in names:
        await world.join(name)
    await world.call(await trunk_to(world.phone.address))
    await world.everybody_hears_everybody()
    sids = {name: (await person.do("me"))["sid"] for name, person in world.people.items()}

    with proves("resumes after a cut WebSocket without a gap", *kinds):
        for person in world.people.values():
            await person.forget()
        world.path.cut_signalling(hold=False)
        for person in world.people.values():
            await person.tells("reconnected", seconds=30)
        for listener in world.people.values():
            for name, talker in world.people.items():
                if talker is not listener:
                    heard = gap(*await listener.recording(talker.identity, 10))
                    assert heard < 0.5, f"{listener.identity} hears nothing of {name} for {heard} s"
        for name, person in world.people.items():
            assert (await person.do("me"))["sid"] == sids[name], f"{name} has the same session"

    with proves("goes on from another address", *kinds):
        world.path.move()
        await world.everybody_hears_everybody(40)

    with proves("gets every reliable packet, once and in order, over a short outage", *kinds):
        sender = world.people[names[0]]
        for number in range(60):
            if number == 20:
                world.path.cut_media()
            if number == 40:
                await asyncio.sleep(2)  # the outage itself
                world.path.mend()
            await sender.do("send", text=f"{number}", topic="counting")
        for person in world.people.values():
            if person is not sender:
                await person.tells("data", topic="counting", text="59", seconds=30)
                counted = [told["text"] for told in person.told("data", topic="counting")]
                assert counted == [f"{number}" for number in range(60)], f"{person.identity} got {counted}"
    world.phone_is_up()


@pytest.mark.parametrize("name", ["node", "chromium"])
async def test_a_large_stream_comes_whole_through_a_narrow_path(world, proves, name):
    """The sender could send ten times as fast as the recipient can receive, and far more than the server keeps for it."""
    if name not in chosen():
        pytest.skip("not chosen")
    length = 24_000_000
    with proves("receives 24 MB over a path of 16 Mbit/s from who has a wide one", name):
        receiver = await world.join(name)
        sender = await world.clients("python", world.room, "sender")
        await receiver.do("listen", topic="large")
        world.path.media.rate = 2_000_000.0
        sent = asyncio.ensure_future(sender.do("file", seconds=100, length=length, topic="large"))
        told = await receiver.tells("file", seconds=100, identity="sender", length=length)
        assert told["digest"] == (await sent)["digest"]


# Node is told of such a track and does not show it: not mended yet.
@pytest.mark.parametrize("name", ["python", "chromium"])
async def test_what_comes_while_signalling_stalls_is_there_afterwards(world, proves, name):
    """The client takes its connection for lost, resumes, and finds the track that was published meanwhile."""
    if name not in chosen():
        pytest.skip("not chosen")
    with proves("hears what was published while its signalling stalled", name):
        listener = await world.join(name)
        talker = await world.clients("python", world.room, "talker")
        await listener.tells("participant", identity="talker")
        world.path.stall_signalling()
        await talker.do("speak", hertz=930)
        await listener.tells("reconnecting", seconds=40)
        world.path.mend()
        await listener.tells("reconnected", seconds=30)
        await listener.hears("talker", 930)
