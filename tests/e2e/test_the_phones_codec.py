"""A phone's audio is passed on in the codec that the phone has chosen, to everybody who takes it; it was PCMU that was offered first."""

import pytest

from harness import g711
from harness.calls import call, hang_up
from harness.waiting import until

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(120)]

HERTZ = 700
ENOUGH = 100
"""Packets."""


@pytest.mark.parametrize("kind", ["python", "node", "chromium", "firefox", "go"])
async def test_a_phone_of_a_law_is_passed_on_as_it_speaks(kind, livekit, enter, path, sipp, trunk_to, ears, proves):
    client = await enter(kind, "law", "client", url=path.url)
    ear = ears(HERTZ)
    ear.payload_type = g711.PCMA
    phone = sipp("answer_in_formats", ear=ear.port, formats="8 101", about="rtpmap:101 telephone-event/8000")
    with proves("is sent what a phone says in A-law as it is", kind):
        await call(livekit, await trunk_to(phone.address), "law")
        await client.hears("phone", HERTZ)
        sent = lambda: [payload_type for _, of_client, payload_type in path.media.rtp if not of_client]  # noqa: E731
        await until(lambda: sent().count(g711.PCMA) > ENOUGH, lambda: f"a second of A-law: {set(sent())}")
        assert g711.PCMU not in sent(), "nor was it anything else before"
    await client.leave()
    await hang_up(livekit, "law")
    await phone.ends_well()
