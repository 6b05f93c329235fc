"""A phone and clients of every kind in one room: who hears whom, by tone, before and after the network fails.

All stories but the last two are of one room, in this order. `LONG=1` also runs those that take minutes more; `CLIENTS=go,node` has
only these join.
"""

import asyncio
import os
import time

import pytest
import pytest_asyncio

from conftest import LONG, need
from harness.baresip import Baresip
from harness.path import Path
from harness.world import PHONE_HERTZ, World, gap

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

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
    return [name for name in names if LONG or name not in large]


KINDS = {name.split()[0] for name in chosen()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(module_server, clients, livekit_api, tmp_path_factory):
    need("baresip")
    phone = Baresip(tmp_path_factory.mktemp("phone"), hertz=PHONE_HERTZ)
    path = await Path(module_server.http_port, module_server.rtc_port).start()
    world = World(clients, path.url, phone, "everybody", EVERYBODY)
    world.path = path
    for name in chosen():
        await world.join(name)
    await world.call(livekit_api)
    yield world
    path.mend()
    for person in world.people.values():
        await person.leave()
    await path.stop()
    phone.stop()


async def test_everybody_hears_everybody(world, proves):
    with proves("hears and is heard by a phone, by tone", *KINDS):
        await world.everybody_hears_everybody(30)


async def test_a_lost_connection_goes_by_unnoticed(world, proves):
    before = await world.sessions()
    with proves("resumes after a cut WebSocket without a gap", *KINDS):
        await world.forget()
        counts = {name: len(person.told("reconnected")) for name, person in world.people.items()}
        world.path.cut_signalling(hold=False)
        for name, person in world.people.items():
            await person.tells("reconnected", seconds=30, times=counts[name] + 1)
        hearings = await world.hearings()
        print({pair: heard for pair, heard in hearings.items() if heard.gap > 0.1})
        broken = {pair: heard for pair, heard in hearings.items() if heard.gap >= 0.5 or heard.missing >= 0.5}
        assert not broken, broken
        assert await world.sessions() == before
        await world.everybody_hears_everybody()


async def test_a_new_address_goes_by_unnoticed(world, proves):
    before = await world.sessions()
    with proves("goes on from another address", *KINDS):
        world.path.move()
        await world.everybody_hears_everybody(40)
        assert await world.sessions() == before


async def test_no_packet_is_lost_over_a_short_outage(world, proves):
    """Two send, so that each of them is among the receivers too."""
    senders, counts = list(world.people.values())[:2], [f"{number}" for number in range(60)]
    pairs = [(name, person, sender) for name, person in world.people.items() for sender in senders if sender is not person]
    kinds = {name.split()[0] for name, _, _ in pairs}
    with proves("gets every reliable packet, once and in order, over a short outage", *kinds):
        for count in counts:
            if count == "20":
                world.path.cut_media()
            if count == "40":
                await asyncio.sleep(2)  # the outage itself
                world.path.mend()
            for sender in senders:
                await sender.do("send", text=count, topic="counting")
        for _, person, sender in pairs:
            await person.tells("data", identity=sender.identity, topic="counting", text=counts[-1], seconds=30)
            counted = [told["text"] for told in person.told("data", identity=sender.identity, topic="counting")]
            assert counted == counts, f"{person.identity} got {counted} from {sender.identity}"
    world.phone_is_up()


@pytest.mark.parametrize("what", [pytest.param("media and signalling", marks=pytest.mark.long), "media"])
async def test_an_outage_is_survived_by_everybody(world, proves, what):
    await world.everybody_hears_everybody(30)
    before = await world.sessions()
    with proves(f"survives {OUTAGE:.0f} s without {what}", *KINDS):
        begun, heard = time.monotonic(), len(world.phone.recording()[0])
        world.path.cut_media()
        if what == "media and signalling":
            world.path.cut_signalling()
        await asyncio.sleep(OUTAGE)  # the outage itself
        world.phone_is_up()
        world.path.mend()
        outage = time.monotonic() - begun
        await world.everybody_hears_everybody(45)
        world.phone_is_up()
        samples, rate = world.phone.recording()
        unheard = gap(samples[heard:], rate)
        assert unheard <= outage + BACK_WITHIN, f"the phone heard nothing for {unheard:.1f} s"
        after = await world.sessions()
        print(f"with a new session: {[name for name in after if after[name] != before[name]]}")
        lost = [name for name in RESUMES[what] if after.get(name) != before.get(name)]
        assert not lost, "these go on with their sessions"


@pytest.mark.long
async def test_a_large_stream_comes_whole_through_a_narrow_path(module_server, clients, proves):
    """The sender could send ten times as fast as the recipients can receive, and far more than the server keeps for them."""
    kinds = chosen(["python", "node", "chromium", "firefox", "go", "go-single"], large=())
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
