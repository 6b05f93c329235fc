"""What gets lost on the way to a browser: audio is in the next packet too (RED), video is sent again (NACK, RTX).

Judged by the browsers' own counters.
"""

import asyncio

import pytest

from harness.calls import call
from harness.camera import PATIENCE, page_sees
from harness.client import Client, PageClient
from harness.counts import concealed, growth
from harness.waiting import until

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(240)]

HERTZ = 1_100
SIZE = (640, 360)


async def growth_while(listener: Client, source: str, counter: str, more: int) -> dict[str, float]:
    """By how much all counters of what comes of the talker grow while this one grows by so much."""
    before = now = await listener.do("received", identity="talker", source=source)
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while now[counter] < before[counter] + more:
        assert asyncio.get_running_loop().time() < deadline, f"{counter} grows by {more}: {before}, {now}"
        await asyncio.sleep(0.1)
        now = await listener.do("received", identity="talker", source=source)
    return growth(before, now)


async def shown(talker: PageClient) -> int:
    """How many pictures the talker has sent."""
    return max(stream["framesSent"] for stream in (await talker.do("sent", source="camera"))["streams"])


async def test_audio_that_is_lost_is_taken_from_the_next_packet(enter, path, proves):
    """Without redundancy a listener conceals what is lost: a tenth. Two in a row, a hundredth, are lost in any case."""
    talker = await enter("chromium", "red", "talker")
    await talker.do("speak", hertz=HERTZ)
    listener = await enter("chromium", "red", "listener", url=path.url)
    await listener.hears("talker", HERTZ)
    with proves("fills holes in audio from the packets after them (RED), at a loss of 10 %", "chromium"):
        path.media.loss, before = 0.1, len(path.media.rtp)
        grown = await growth_while(listener, "microphone", "packetsReceived", 900)
        came = [payload_type for _, of_client, payload_type in path.media.rtp[before:] if not of_client]
        red = (await listener.do("payloadTypes", identity="talker"))["audio/red"]
        lost = grown["packetsLost"] / (grown["packetsLost"] + grown["packetsReceived"])
        made_up = concealed(grown)
        print(f"{lost:.1%} lost, {made_up:.1%} concealed; {came.count(red)} of {len(came)} packets are RED")
        assert came.count(red) > 0.99 * len(came)
        assert lost > 0.06 and made_up < 0.03


@pytest.mark.parametrize("kind", ["python", "chromium"])
async def test_a_phone_is_heard_over_a_lossy_path(kind, enter, path, livekit, trunk_to, sipp, ears, proves):
    """Of G.711 what is lost is made up; after two bad reports it comes as Opus, each packet twice."""
    ear = ears(HERTZ)
    phone = sipp("answer_for_an_ear", ear=ear.port)
    listener = await enter(kind, "lossy", "listener", url=path.url)
    await call(livekit, await trunk_to(phone.address), "lossy", participant_identity="talker")
    await listener.hears("talker", HERTZ)
    with proves("is sent a phone's audio as Opus, redundantly, where a tenth of it is lost", kind):
        path.media.loss = 0.1
        as_it_is = concealed(await growth_while(listener, "microphone", "packetsReceived", 150))
        sent = lambda: {kind for _, of_client, kind in path.media.rtp[-20:] if not of_client}  # noqa: E731
        await until(lambda: 0 not in sent(), lambda: f"another codec than PCMU: {sent()}", 60)
        await listener.hears("talker", HERTZ)
        twice = concealed(await growth_while(listener, "microphone", "packetsReceived", 600))
        print(f"{kind}: {as_it_is:.1%} concealed of G.711, {twice:.1%} of Opus that is sent twice; payload types {sent()}")
        assert as_it_is > 0.05 and twice < 0.03
        await listener.hears("talker", HERTZ)
        assert "talker" in listener.told("speakers")[-1]["identities"], "it is still shown as speaking"


async def test_video_that_is_lost_is_sent_again(enter, path, proves):
    talker = await enter("chromium", "again", "talker")
    await talker.do("camera", width=SIZE[0], height=SIZE[1])
    viewer = await enter("chromium", "again", "viewer", url=path.url)
    await page_sees(viewer, "talker", SIZE)
    with proves("gets lost packets of video again (NACK, RTX), at a loss of 5 %", "chromium"):
        path.media.loss, before = 0.05, await shown(talker)
        grown = await growth_while(viewer, "camera", "framesReceived", 150)
        sent = await shown(talker) - before
        counters = ("framesDecoded", "packetsReceived", "packetsLost", "nackCount", "retransmittedPacketsReceived")
        print(f"{sent} pictures sent, {[(counter, grown[counter]) for counter in counters]}")
        assert grown["retransmittedPacketsReceived"] > 0
        assert grown["framesDecoded"] > 0.85 * sent
        await page_sees(viewer, "talker", SIZE)
