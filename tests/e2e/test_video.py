"""People on camera: livekit-client in headless Chromium, the Python SDK and the Go SDK see one another; a phone shares the room."""

import asyncio

import pytest
from livekit import api, rtc

from harness.calls import call
from harness.camera import PATIENCE, Camera, page_sees
from harness.tones import hears
from harness.waiting import until

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(300)]

PHONE_HERTZ, PYTHON_HERTZ = 700, 1_100
SMALL, LARGE = (320, 180), (640, 360)
RED, BLUE = (220, 30, 30), (30, 30, 220)
SHOWS, SEES = "shows {}, which others see", "sees what others show in {}"


def close_to(seen, colour) -> bool:
    return all(abs(a - b) < 40 for a, b in zip(seen, colour, strict=True))


async def test_two_browsers_and_python_see_each_other_while_a_phone_talks(livekit, join, enter, baresip, trunk_to, proves):
    phone = baresip(hertz=PHONE_HERTZ)
    python = await join("cameras", "python")
    eyes = Camera(python)
    await python.speak(PYTHON_HERTZ)
    await eyes.show(RED)
    alice = await enter("chromium", "cameras", "alice")
    await call(livekit, await trunk_to(phone.address), "cameras")
    await alice.do("camera", width=LARGE[0], height=LARGE[1])
    bob = await enter("chromium", "cameras", "bob")  # comes late: two cameras are on already
    await bob.do("camera", width=LARGE[0], height=LARGE[1])

    with proves(SHOWS.format("VP8"), "python", "chromium"), proves(SEES.format("VP8"), "python", "chromium"):
        for viewer, identity in ((alice, "bob"), (bob, "alice"), (alice, "python"), (bob, "python")):
            colour = await page_sees(viewer, identity, LARGE)
            assert identity != "python" or close_to(colour, RED), colour
        for identity in ("alice", "bob"):
            await eyes.sees(identity, LARGE)
    told = await bob.do("cameraOf", identity="alice")
    assert (told["mimeType"], told["simulcasted"]) == ("video/VP8", True)
    assert told["dimensions"] == {"width": 640, "height": 360}

    # A smaller picture is another layer of the same stream; and back, by the size it is shown in.
    for viewer, other in ((bob, "alice"), (alice, "bob")):
        await viewer.do("quality", identity=other, quality="LOW")
        await page_sees(viewer, other, SMALL)
        await viewer.do("dimensions", identity=other, width=LARGE[0], height=LARGE[1])
        await page_sees(viewer, other, LARGE)

    await alice.do("muteCamera", muted=True)
    await bob.tells("muted", identity="alice")
    await alice.do("muteCamera", muted=False)
    await bob.tells("unmuted", identity="alice")
    await page_sees(bob, "alice", LARGE)
    await bob.do("enabled", identity="alice", enabled=False)
    await bob.do("enabled", identity="alice", enabled=True)
    await page_sees(bob, "alice", LARGE)

    # The phone talked and heard all along; it is sent no video.
    await until(lambda: hears(*phone.recording(), PYTHON_HERTZ), "the phone hears Python", PATIENCE)
    await bob.hears("phone", PHONE_HERTZ, seconds=PATIENCE)
    people = await livekit.room.list_participants(api.ListParticipantsRequest(room="cameras"))
    types = {person.identity: [track.mime_type for track in person.tracks] for person in people.participants}
    assert types["bob"] == ["video/VP8"] and "video/VP8" in types["python"]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_what_python_shows_is_seen_by_python_the_browser_and_go(join, enter, proves, codec):
    shows = Camera(await join("codec", "shows"))
    await shows.show(BLUE, video_codec=rtc.VideoCodec.Value(codec), simulcast=codec == "VP8")
    eyes = Camera(await join("codec", "eyes"))
    page = await enter("chromium", "codec", "page")
    gopher = await enter("go", "codec", "gopher")
    with proves(SHOWS.format(codec), "python"), proves(SEES.format(codec), "python", "chromium"):
        await eyes.sees("shows", LARGE)
        assert close_to(eyes.colours["shows"], BLUE), eyes.colours
        assert close_to(await page_sees(page, "shows", LARGE), BLUE)
    assert (await page.do("cameraOf", identity="shows"))["mimeType"] == f"video/{codec}"
    await gopher.tells("subscribed", identity="shows", seconds=PATIENCE)


async def test_a_browser_publishes_h264(join, enter, proves):
    alice = await enter("chromium", "h264", "alice")
    await alice.do("camera", width=LARGE[0], height=LARGE[1], options={"videoCodec": "h264"})
    eyes = Camera(await join("h264", "eyes"))
    bob = await enter("chromium", "h264", "bob")
    with proves(SHOWS.format("H264"), "chromium"):
        await page_sees(bob, "alice", LARGE)
        await eyes.sees("alice", LARGE)
    assert (await bob.do("cameraOf", identity="alice"))["mimeType"] == "video/H264"


@pytest.mark.parametrize("kind", ["node", "go"])
async def test_other_clients_show_and_see(join, enter, proves, kind):
    """Go has neither encoder nor decoder: it puts together what it sees, and shows that."""
    python = Camera(await join("others", "python"))
    page = await enter("chromium", "others", "page")
    client = await enter(kind, "others", "client")
    for codec in ("VP8", "H264"):
        await python.show(BLUE, video_codec=rtc.VideoCodec.Value(codec), simulcast=False)
        with proves(SEES.format(codec), kind):
            if kind == "go":
                await client.tells("saw", identity="python", codec=f"video/{codec}", seconds=PATIENCE)
            else:
                assert close_to(await page_sees(client, "python", LARGE), BLUE)
        with proves(SHOWS.format(codec), kind):
            await client.do("camera", width=LARGE[0], height=LARGE[1], colour=RED, codec=codec)
            await python.sees("client", LARGE)
            await page_sees(page, "client", LARGE)
            assert (await page.do("cameraOf", identity="client"))["mimeType"] == f"video/{codec}"
        if kind == "node":
            assert close_to(python.colours["client"], RED), python.colours
        await client.do("unpublish")
        await python.hide()
        await page.tells("unpublished", identity="client")
        await client.tells("unpublished", identity="python")


async def test_a_browser_stops_the_layers_that_nobody_watches(enter):
    """With dynacast, as livekit-client has it; a viewer who wants more gets it again."""
    alice = await enter("chromium", "dynacast", "alice", deed="joinDynacast")
    await alice.do("camera", width=LARGE[0], height=LARGE[1])
    bob = await enter("chromium", "dynacast", "bob")
    await page_sees(bob, "alice", LARGE)
    assert await active_layers(alice) == ALL_LAYERS

    await bob.do("quality", identity="alice", quality="LOW")
    await page_sees(bob, "alice", SMALL)
    await sends(alice, {"q"})
    await bob.do("quality", identity="alice", quality="HIGH")
    await page_sees(bob, "alice", LARGE)
    assert await active_layers(alice) == ALL_LAYERS

    await bob.leave()
    await sends(alice, set())
    carol = await enter("chromium", "dynacast", "carol")
    await page_sees(carol, "alice", LARGE)


ALL_LAYERS = {"q", "h"}
"""A camera of 640x360 has two."""


async def active_layers(page) -> set[str]:
    return {rid for rid, layer in (await page.do("layers"))["layers"].items() if layer["active"]}


async def sends(page, wanted: set[str]) -> None:
    """These layers and no other, told by the pictures that it counted in a second."""
    looks = []
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        looks.append((await page.do("layers"))["layers"])
        before, now = looks[-10:][0], looks[-1]
        grown = {rid for rid in now if now[rid]["framesSent"] > before.get(rid, now[rid])["framesSent"]}
        if len(looks) >= 10 and grown == wanted == await active_layers(page):
            return
        assert asyncio.get_running_loop().time() < deadline, (before, now)
        await asyncio.sleep(0.1)
