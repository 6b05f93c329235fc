"""What is special about the official Go SDK: it gets and gives packets as they are."""

import asyncio


from harness import opus
from harness.calls import call
from harness.room import RATE
from harness.tones import hears, tone
from harness.waiting import until
from harness.world import gap

GO_HERTZ = 600
PYTHON_HERTZ = 1_100
PHONE_HERTZ = 700


async def test_opus_that_go_hears_and_publishes_is_whole(join, join_go):
    """Go repeats the Opus packets that it hears: Python hears its own tone from Go."""
    gopher = await join_go("echo", "gopher")
    await gopher.do("speak", codec="echo")
    agent = await join("echo", "agent")
    await agent.speak(PYTHON_HERTZ)
    await until(lambda: hears(agent.recording("gopher"), RATE, PYTHON_HERTZ), "Python hears its own tone", 15)


async def test_a_phone_hears_the_opus_samples_that_go_publishes(livekit, join_go, baresip, trunk_to):
    gopher = await join_go("samples", "gopher")
    packets = opus.encode(tone(GO_HERTZ, 1), RATE)
    await gopher.do("speak", codec="opus", packets=opus.in_text(packets))
    phone = baresip(hertz=PHONE_HERTZ)
    await call(livekit, await trunk_to(phone.address), "samples")
    await until(lambda: hears(*phone.recording(), GO_HERTZ, 0.6), "the phone hears Go", 15)


async def test_the_phones_packets_reach_go_as_they_are(livekit, join_go, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ)
    gopher = await join_go("again", "gopher")
    await call(livekit, await trunk_to(phone.address), "again")
    subscribed = await gopher.tells("subscribed", identity="phone")
    assert subscribed["codec"].lower() == "audio/pcmu"
    await gopher.hears("phone", PHONE_HERTZ)
    await gopher.do("subscribe", identity="phone", wanted=False)
    await gopher.tells("ended", identity="phone")
    await gopher.forget()
    await gopher.do("subscribe", identity="phone", wanted=True)
    await gopher.tells("subscribed", identity="phone", times=2)
    await gopher.hears("phone", PHONE_HERTZ)


async def test_what_go_does_not_get_is_a_hole_in_what_it_hears(livekit, join, join_go, baresip, trunk_to, path):
    """Of Opus and of G.711: other stories take a recording without a hole for one of which nothing was lost."""
    gopher = await join_go("holes", "gopher", url=path.url)
    agent = await join("holes", "agent")
    await agent.speak(PYTHON_HERTZ)
    phone = baresip(hertz=PHONE_HERTZ)
    await call(livekit, await trunk_to(phone.address), "holes")
    talkers = {"agent": PYTHON_HERTZ, "phone": PHONE_HERTZ}
    for identity, hertz in talkers.items():
        await gopher.hears(identity, hertz)
    before = {identity: await gopher.recording(identity, 60) for identity in talkers}
    path.cut_media()
    await asyncio.sleep(1)  # the outage itself
    path.mend()
    for identity, (samples, rate) in before.items():
        assert gap(samples, rate) < 0.5, f"{identity} before the outage"

        async def longer(identity=identity, least=len(samples) / rate + 2) -> bool:
            heard, rate = await gopher.recording(identity, 60)
            return len(heard) / rate > least

        await happens(longer, f"{identity} is heard after the outage")
        assert 0.9 < gap(*await gopher.recording(identity, 60)) < 1.5, identity


async def happens(condition, what: str, seconds: float = 15.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, what
        await asyncio.sleep(0.1)
