"""A phone's audio is passed on in the codec that the phone has chosen, to everybody who takes it."""

import pytest
from livekit.protocol.sip import SIPCodec, SIPMediaConfig

from harness import g711
from harness.calls import call, hang_up
from harness.waiting import until

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(120)]

HERTZ = 700
ENOUGH = 100
"""Packets."""
WIDE_HERTZ, WIDE = 4_700, 7_500
G722 = 9
HAVE_AN_ENGINE = ["python", "node", "chromium"]
"""Those that took redundant audio."""


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


@pytest.mark.parametrize("kind", ["python", "node", "chromium", "firefox", "go"])
async def test_a_phone_of_g722_is_passed_on_as_it_speaks_to_who_has_an_engine(
    kind, livekit, enter, path, baresip, trunk_to, proves
):
    client = await enter(kind, "wide", "client", url=path.url)
    phone = baresip(hertz=WIDE_HERTZ, codecs=("g722", "g711"))
    with proves("hears a phone's G.722 in wideband: as it is where it took RED, else as Opus", kind):
        media = SIPMediaConfig(codecs=[SIPCodec(name="G722")])
        await call(livekit, await trunk_to(phone.address), "wide", media=media)
        await client.hears("phone", WIDE_HERTZ, top=WIDE)
        sent = [payload_type for _, of_client, payload_type in path.media.rtp if not of_client]
        assert len(set(sent)) == 1 and (sent[0] == G722) == (kind in HAVE_AN_ENGINE), f"payload types {set(sent)}"
        await until(lambda: client.told("speakers") and "phone" in client.told("speakers")[-1]["identities"], "it is heard to speak")
    await client.leave()
