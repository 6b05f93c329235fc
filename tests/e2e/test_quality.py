"""Who is told how good whose connection is: a client's path loses packets, and recovers."""

import pytest

from harness.calls import call
from harness.waiting import until

pytestmark = pytest.mark.timeout(150)

POOR, GOOD, EXCELLENT = 0, 1, 2  # livekit.ConnectionQuality
TICK = 5.0
"""Seconds between two looks at everybody's connection."""


async def test_a_lossy_path_is_told_as_poor_and_as_better_once_it_is(livekit, enter, path, baresip, trunk_to):
    phone = baresip()
    listener = await enter("python", "quality", "listener")
    talker = await enter("python", "quality", "talker", url=path.url)
    await talker.do("speak", hertz=1_100)
    await call(livekit, await trunk_to(phone.address), "quality")
    for identity in ("talker", "phone"):
        await listener.tells("quality", identity=identity, quality=EXCELLENT, seconds=4 * TICK)

    path.media.loss = 0.35
    for person in (listener, talker):
        await person.tells("quality", identity="talker", quality=POOR, seconds=6 * TICK)
    path.media.loss = 0.0
    for person in (listener, talker):
        what = f"{person.identity} is told better of the talker"
        await until(lambda person=person: qualities(person, "talker")[-1] > POOR, what, 6 * TICK)
    told = qualities(listener, "talker")
    assert told[0] == EXCELLENT and told[told.index(POOR) :][:2] == [POOR, GOOD], told
    assert set(qualities(listener, "phone")) == {EXCELLENT}


def qualities(person, identity: str) -> list[int]:
    """What it was told of somebody's connection, in its order."""
    return [told["quality"] for told in person.told("quality", identity=identity)]
