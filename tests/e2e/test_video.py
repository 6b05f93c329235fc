"""People on camera: livekit-client in headless Chromium, the Python SDK and the Go SDK see one another; a phone shares the room."""

import pytest
import pytest_asyncio
from livekit import api, rtc
from livekit.protocol.sip import CreateSIPParticipantRequest

from conftest import Clients
from harness.camera import PATIENCE, Camera, page_sees
from harness.tones import hears
from harness.waiting import until

pytestmark = pytest.mark.timeout(300)

PHONE_HERTZ, PYTHON_HERTZ = 700, 1_100
SMALL, LARGE = (320, 180), (640, 360)
RED, BLUE = (220, 30, 30), (30, 30, 220)


@pytest_asyncio.fixture
async def enter(server, go_builder, tmp_path):
    """Lets clients of every kind join this test's server."""
    made = Clients(server, tmp_path, go_builder)
    yield made
    await made.stop()


def close_to(seen, colour) -> bool:
    return all(abs(a - b) < 40 for a, b in zip(seen, colour, strict=True))


async def test_two_browsers_and_python_see_each_other_while_a_phone_talks(livekit, join, enter, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ)
    python = await join("cameras", "python")
    eyes = Camera(python)
    await python.speak(PYTHON_HERTZ)
    await eyes.show(RED)
    alice = await enter("chromium", "cameras", "alice")
    await livekit.sip.create_sip_participant(
        CreateSIPParticipantRequest(
            sip_trunk_id=await trunk_to(phone.address),
            sip_call_to="+15105550123",
            room_name="cameras",
            participant_identity="phone",
            wait_until_answered=True,
        )
    )
    await alice.do("camera", width=LARGE[0], height=LARGE[1])
    bob = await enter("chromium", "cameras", "bob")  # comes late: two cameras are on already
    await bob.do("camera", width=LARGE[0], height=LARGE[1])

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
async def test_what_python_shows_is_seen_by_python_the_browser_and_go(join, enter, codec):
    shows = Camera(await join("codec", "shows"))
    await shows.show(BLUE, video_codec=rtc.VideoCodec.Value(codec), simulcast=codec == "VP8")
    eyes = Camera(await join("codec", "eyes"))
    page = await enter("chromium", "codec", "page")
    gopher = await enter("go", "codec", "gopher")
    await eyes.sees("shows", LARGE)
    assert close_to(eyes.colours["shows"], BLUE), eyes.colours
    assert close_to(await page_sees(page, "shows", LARGE), BLUE)
    assert (await page.do("cameraOf", identity="shows"))["mimeType"] == f"video/{codec}"
    await gopher.tells("subscribed", identity="shows", seconds=PATIENCE)


async def test_a_browser_publishes_h264(join, enter):
    alice = await enter("chromium", "h264", "alice")
    await alice.do("camera", width=LARGE[0], height=LARGE[1], options={"videoCodec": "h264"})
    eyes = Camera(await join("h264", "eyes"))
    bob = await enter("chromium", "h264", "bob")
    await page_sees(bob, "alice", LARGE)
    await eyes.sees("alice", LARGE)
    assert (await bob.do("cameraOf", identity="alice"))["mimeType"] == "video/H264"
