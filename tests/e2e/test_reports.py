"""What clients' engines are told by reports (RTCP, RFC 3550 §6.4): how much of their audio arrives, and how much they are sent."""

import asyncio

import pytest

from harness.calls import call

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(120)]

HERTZ, SPOKEN = 700, 1_100
LOSS = 0.1
ENOUGH = 900
"""Packets of each, 18 s: three or four reports."""
BETWEEN_REPORTS = 300
"""Packets that are sent until the next report, with one report that gets lost as well."""


@pytest.mark.parametrize("kind", ["python", "chromium", "firefox"])
async def test_each_side_is_told_of_what_the_other_one_counts(kind, livekit, enter, path, sipp, trunk_to, ears, proves):
    phone = sipp("answer_for_an_ear", ear=ears(HERTZ).port)
    client = await enter(kind, "reports", "client", url=path.url)
    await client.do("speak", hertz=SPOKEN)
    await call(livekit, await trunk_to(phone.address), "reports")
    await client.hears("phone", HERTZ)
    with proves("is told by reports how much of its audio arrives, and how much it is sent", kind):
        path.media.loss = LOSS
        told = await reported(client)
        print(f"{kind}: {told}")
        assert LOSS / 2 < told["lost"] / told["sent"] < 2 * LOSS
        assert 0 < told["roundTrip"] < 1
        assert abs(told["isSent"] - told["got"]) < BETWEEN_REPORTS
    await client.leave()


async def reported(client) -> dict[str, float]:
    """What it is told when enough has gone either way."""
    deadline = asyncio.get_running_loop().time() + 60
    while True:
        told = await client.do("reported", identity="phone", source="microphone")
        if min(told["sent"], told["got"]) > ENOUGH and told["isSent"]:
            return told
        assert asyncio.get_running_loop().time() < deadline, told
        await asyncio.sleep(0.5)
