"""Ways to a room other than plain UDP: ICE over TCP for those whose networks let no UDP through, and a TURN server."""

import asyncio

import pytest
import pytest_asyncio

from conftest import Clients, need
from harness.browsers import Chromium
from harness.camera import Camera, page_sees
from harness.client import PageClient
from harness.ports import free_port
from harness.room import RATE, Participant
from harness.tones import hears
from harness.turn import Turn
from harness.waiting import until

pytestmark = pytest.mark.timeout(300)

PAGE_HERTZ, PYTHON_HERTZ = 1_700, 1_100
SIZE, GREEN = (640, 360), (30, 200, 30)


class WithoutUdp(Chromium):
    """Chromium whose WebRTC may use TCP only."""

    def command(self) -> list:
        *command, page = super().command()
        return [*command, "--webrtc-ip-handling-policy=disable_non_proxied_udp", page]


@pytest_asyncio.fixture
async def leaving():
    """What is to be left or stopped when the test ends, the last first."""
    ends: list = []
    yield ends
    for end in reversed(ends):
        await end()


async def a_python(server, leaving) -> Participant:
    python = await Participant(server, "paths", "python").join()
    leaving.append(python.leave)
    await python.speak(PYTHON_HERTZ)
    return python


async def path_of(page: PageClient) -> dict:
    """The way its packets take, once one is chosen."""
    deadline = asyncio.get_running_loop().time() + 30
    while not (path := await page.do("path")).get("protocol"):
        assert asyncio.get_running_loop().time() < deadline, "a way is chosen"
        await asyncio.sleep(0.1)
    return path


async def both_hear_and_see(page: PageClient, python: Participant) -> None:
    camera = Camera(python)
    await camera.show(GREEN)
    await page.do("speak", hertz=PAGE_HERTZ)
    await page.do("camera", width=SIZE[0], height=SIZE[1])
    await page.hears("python", PYTHON_HERTZ, seconds=60)
    await until(lambda: hears(python.recording("page"), RATE, PAGE_HERTZ), "Python hears the page", 60)
    await page_sees(page, "python", SIZE)
    await camera.sees("page", SIZE)


async def test_a_browser_without_udp_talks_and_shows_over_tcp(make_server, leaving, tmp_path, go_builder):
    server = make_server(rtc={"tcp_port": free_port()})
    clients = Clients(server, tmp_path, go_builder)
    need("chromium")
    clients.browsers["chromium"] = await WithoutUdp(tmp_path).start()
    leaving.append(clients.stop)
    python = await a_python(server, leaving)
    page = await clients("chromium", "paths", "page")
    assert (await path_of(page))["protocol"] == "tcp"
    await both_hear_and_see(page, python)
    await page.leave()
    await python.sees_leave("page", seconds=60)


async def test_a_stranger_on_the_port_is_shown_out(make_server):
    port = free_port()
    make_server(rtc={"tcp_port": port})
    for words in (b"\x00\x04\x80\x00\x00\x00", b"\xff\xff", b"GET / HTTP/1.1\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(words)
        assert await asyncio.wait_for(reader.read(), 15) == b"", "closed without a word"
        writer.close()


async def test_without_the_port_such_a_browser_does_not_get_in(make_server, leaving, tmp_path, go_builder):
    """The other test's browser has no way around TCP."""
    clients = Clients(make_server(), tmp_path, go_builder)
    need("chromium")
    clients.browsers["chromium"] = await WithoutUdp(tmp_path).start()
    leaving.append(clients.stop)
    with pytest.raises((AssertionError, asyncio.TimeoutError)):
        await clients("chromium", "paths", "page")


async def test_a_browser_that_may_only_be_relayed_gets_in_through_the_configured_turn_server(
    make_server, leaving, tmp_path, go_builder
):
    need("turnserver")
    turn = Turn(tmp_path)
    try:
        server = make_server(rtc={"turn_servers": [turn.settings]})
        clients = Clients(server, tmp_path, go_builder)
        leaving.append(clients.stop)
        python = await a_python(server, leaving)
        browser = await clients.browser("chromium")
        page = PageClient(browser, tmp_path, server.ws_url, "paths", "page")
        page.page = await browser.open()
        page.watching = asyncio.ensure_future(page._watch())
        clients.joined.append(page)
        await page.do("joinRelayed", url=page.url, token=page.token, seconds=60)
        assert (await path_of(page))["type"] == "relay"
        await both_hear_and_see(page, python)
    finally:
        turn.stop()
