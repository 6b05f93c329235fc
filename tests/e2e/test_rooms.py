"""A phone and clients of every kind in one room: who hears whom, by tone, before and after the network fails.

All stories but the last two are of one room, in this order. `LONG=1` also runs those that take minutes more; `CLIENTS=go,node` has
only these join.
"""

import asyncio
import os

import numpy as np
import pytest
import pytest_asyncio
from livekit import api
from livekit.protocol.sip import CreateSIPParticipantRequest

from conftest import Clients, need
from harness.baresip import Baresip
from harness.client import Client
from harness.path import Path
from harness.tones import hears, loudness
from harness.waiting import until

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

PHONE_HERTZ = 700
# Who is there, and with which tone: far enough apart for half a second's resolution.
EVERYBODY = {
    "python": 1_100, "node": 1_350, "chromium": 1_600, "chromium again": 1_850, "firefox": 2_100, "go": 2_350, "go-single": 2_600,
}  # fmt: skip
OUTAGE = 20.0
"""Seconds."""
BACK_WITHIN = 10.0
"""Seconds after it within which the phone hears somebody again."""
CHROMIUM = ("chromium", "chromium again")
# Who goes on with its session after the outage: the Rust core (Python, Node) gives up after one attempt without an answer, Go after 5 s,
# Firefox without both.
RESUMES = {"media": ("python", "node", "firefox", *CHROMIUM), "media and signalling": CHROMIUM}


def chosen(names=EVERYBODY, large=("node", "firefox")) -> list[str]:
    """All with LONG=1, otherwise without the `large`: all at once are more than a slow machine with two cores carries. Or
    those named in the environment: for a closer look at one."""
    wanted = os.environ.get("CLIENTS")
    if wanted is not None:
        return [name for name in names if name.split()[0] in wanted.split(",")]
    return [name for name in names if os.environ.get("LONG") == "1" or name not in large]


KINDS = {name.split()[0] for name in chosen()}


class World:
    """A room, the one path to it, and who is in it."""

    def __init__(self, path: Path, clients: Clients, phone: Baresip, room: str):
        self.path, self.clients, self.phone, self.room = path, clients, phone, room
        self.people: dict[str, Client] = {}

    async def join(self, name: str) -> None:
        person = await self.clients(name.split()[0], self.room, name.replace(" ", "-"), url=self.path.url)
        self.people[name] = person
        await person.do("speak", hertz=EVERYBODY[name])

    async def call(self, livekit: api.LiveKitAPI) -> None:
        trunk = api.SIPOutboundTrunkInfo(name="rooms", address=self.phone.address, numbers=["+15105550100"])
        made = await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
        await livekit.sip.create_sip_participant(
            CreateSIPParticipantRequest(
                sip_trunk_id=made.sip_trunk_id, sip_call_to="+15105550123", room_name=self.room, participant_identity="phone",
                wait_until_answered=True,
            )
        )  # fmt: skip

    async def everybody_hears_everybody(self, seconds: float = 20.0) -> None:
        """From now on."""
        heard = len(self.phone.recording()[0])
        for person in self.people.values():
            await person.forget()
        await asyncio.gather(*(self.hears_all(person, seconds) for person in self.people.values()))
        for name in self.people:
            await until(lambda: self.phone_hears(EVERYBODY[name], heard), f"the phone hears {name}", seconds)

    async def hears_all(self, listener: Client, seconds: float) -> None:
        for name, talker in self.people.items():
            if talker is not listener:
                await listener.hears(talker.identity, EVERYBODY[name], 0.7, seconds)
        await listener.hears("phone", PHONE_HERTZ, 0.7, seconds)

    async def longest_silences(self) -> dict[tuple[str, str], float]:
        """Who hears nothing of whom for how long, of the last ten seconds at most."""
        silences = {}
        for listener in self.people.values():
            for talker in self.people.values():
                if talker is not listener:
                    heard = await listener.recording(talker.identity, 10)
                    silences[listener.identity, talker.identity] = gap(*heard)
        return silences

    async def sessions(self) -> dict[str, str]:
        return {name: (await person.do("me"))["sid"] for name, person in self.people.items()}

    def phone_hears(self, hertz: float, since: int) -> bool:
        samples, rate = self.phone.recording()
        return hears(samples[since:][-3 * rate :], rate, hertz, 0.4 / max(1, len(self.people)))

    def phone_is_up(self) -> None:
        assert not self.phone.happened("CALL_CLOSED"), self.phone.events[-3:]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(module_server, clients, livekit_api, tmp_path_factory):
    need("baresip")
    phone = Baresip(tmp_path_factory.mktemp("phone"), hertz=PHONE_HERTZ)
    path = await Path(module_server.http_port, module_server.rtc_port).start()
    world = World(path, clients, phone, "everybody")
    for name in chosen():
        await world.join(name)
    await world.call(livekit_api)
    yield world
    path.mend()
    for person in world.people.values():
        await person.leave()
    await path.stop()
    phone.stop()


def gap(samples: np.ndarray, rate: int) -> float:
    """The longest silence, in seconds, found in steps of 20 ms."""
    step = rate // 50
    longest = current = 0
    for start in range(0, len(samples) - step, step):
        current = current + 1 if loudness(samples[start : start + step]) < -50 else 0
        longest = max(longest, current)
    return longest / 50


async def test_everybody_hears_everybody(world, proves):
    with proves("hears and is heard by a phone, by tone", *KINDS):
        await world.everybody_hears_everybody(30)


async def test_a_lost_connection_goes_by_unnoticed(world, proves):
    before = await world.sessions()
    with proves("resumes after a cut WebSocket without a gap", *KINDS):
        for person in world.people.values():
            await person.forget()
        counts = {name: len(person.told("reconnected")) for name, person in world.people.items()}
        world.path.cut_signalling(hold=False)
        for name, person in world.people.items():
            await person.tells("reconnected", seconds=30, times=counts[name] + 1)
        longest = {pair: silence for pair, silence in (await world.longest_silences()).items() if silence >= 0.5}
        assert not longest, longest
        assert await world.sessions() == before
        await world.everybody_hears_everybody()


async def test_a_new_address_goes_by_unnoticed(world, proves):
    before = await world.sessions()
    with proves("goes on from another address", *KINDS):
        world.path.move()
        await world.everybody_hears_everybody(40)
        assert await world.sessions() == before


async def test_no_packet_is_lost_over_a_short_outage(world, proves):
    with proves("gets every reliable packet, once and in order, over a short outage", *KINDS):
        sender, *others = world.people.values()
        for number in range(60):
            if number == 20:
                world.path.cut_media()
            if number == 40:
                await asyncio.sleep(2)  # the outage itself
                world.path.mend()
            await sender.do("send", text=f"{number}", topic="counting")
        for person in others:
            await person.tells("data", topic="counting", text="59", seconds=30)
            counted = [told["text"] for told in person.told("data", topic="counting")]
            assert counted == [f"{number}" for number in range(60)], f"{person.identity} got {counted}"
    world.phone_is_up()


@pytest.mark.long
@pytest.mark.parametrize("what", ["media and signalling", "media"])
async def test_an_outage_is_survived_by_everybody(world, proves, what):
    await world.everybody_hears_everybody(30)
    before = await world.sessions()
    with proves(f"survives {OUTAGE:.0f} s without {what}", *KINDS):
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
        unheard = gap(samples[begun:], rate)
        assert unheard <= OUTAGE + BACK_WITHIN, f"the phone heard nothing for {unheard:.1f} s"
        after = await world.sessions()
        print(f"with a new session: {[name for name in after if after[name] != before[name]]}")
        lost = [name for name in RESUMES[what] if after.get(name) != before.get(name)]
        assert not lost, "these go on with their sessions"


@pytest.mark.long
async def test_a_large_stream_comes_whole_through_a_narrow_path(module_server, clients, proves):
    """The sender could send ten times as fast as the recipients can receive, and far more than the server keeps for them."""
    kinds = chosen(["node", "chromium"], large=())
    length, room = 12_000_000, "narrow"
    path = await Path(module_server.http_port, module_server.rtc_port).start()
    with proves("receives 12 MB over a path of 16 Mbit/s from who has a wide one", *kinds):
        receivers = [await clients(kind, room, kind, url=path.url) for kind in kinds]
        sender = await clients("python", room, "sender")
        for receiver in receivers:
            await receiver.do("listen", topic="large")
        path.media.rate = 2_000_000.0
        sent = asyncio.ensure_future(sender.do("file", seconds=100, length=length, topic="large"))
        for receiver in receivers:
            told = await receiver.tells("file", seconds=100, identity="sender", length=length)
            assert told["digest"] == (await sent)["digest"]
    for person in (sender, *receivers):
        await person.leave()
    await path.stop()


async def test_what_comes_while_signalling_stalls_is_there_afterwards(module_server, clients, proves):
    """The clients take their connections for lost, resume, and find the track that was published meanwhile."""
    kinds, room = chosen(["python", "node", "chromium", "firefox"], large=("firefox",)), "stalled"
    path = await Path(module_server.http_port, module_server.rtc_port).start()
    with proves("hears what was published while its signalling stalled", *kinds):
        listeners = [await clients(kind, room, kind, url=path.url) for kind in kinds]
        talker = await clients("python", room, "talker")
        for listener in listeners:
            await listener.tells("participant", identity="talker")
        path.stall_signalling()
        await talker.do("speak", hertz=930)
        for listener in listeners:
            await listener.tells("reconnecting", seconds=40)
        path.mend()
        for listener in listeners:
            await listener.tells("reconnected", seconds=30)
            await listener.hears("talker", 930)
    for person in (talker, *listeners):
        await person.leave()
    await path.stop()
