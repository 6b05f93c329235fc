"""Fixtures of the end-to-end tests: a server, phones, participants, all ended when the test ends.

A test that needs a program which is not installed is skipped loudly; under CI=true a skip is a failure.
"""

import asyncio
import os
import shutil
from collections.abc import Callable

import pytest
import pytest_asyncio
from livekit import api

from harness import goclient
from harness.baresip import Baresip
from harness.browsers import LIVEKIT_CLIENT, Browser, Chromium, Firefox
from harness.certificates import Authority
from harness.client import Client, GoClient, NodeClient, PageClient, PythonClient
from harness.dnsmasq import Dnsmasq
from harness.ear import Ear
from harness.kamailio import Kamailio
from harness.matrix import Matrix
from harness.path import Path
from harness.room import Participant
from harness.server import API_KEY, API_SECRET, BINARY, Trunkline
from harness.sipp import Sipp

LONG = os.environ.get("LONG") == "1"
"""Whether what takes minutes is wanted too."""


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing: cargo build --release", returncode=2)


def pytest_collection_modifyitems(config, items):
    """Leaves out what takes long, unless it is asked for."""
    if LONG:
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped under CI=true: {report.longrepr}"
    if report.failed:
        for server in getattr(item, "servers", []):
            report.sections.append(("trunkline's log, its end", server.log()[-8000:]))


def pytest_terminal_summary(terminalreporter):
    if MATRIX.cells:
        terminalreporter.write_line("\nclient by feature:\n" + MATRIX.table())
        MATRIX.write()


MATRIX = Matrix()


@pytest.fixture(scope="session")
def proves() -> Matrix:
    """Notes which client was shown to do what."""
    return MATRIX


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


class Clients:
    """Lets clients of every kind join; those who are still there at the end leave. A browser is started when it is needed."""

    def __init__(self, server: Trunkline, folder, go_program: Callable):
        self.server, self.folder, self.go_program = server, folder, go_program
        self.browsers: dict[str, Browser] = {}
        self.joined: list[Client] = []

    async def __call__(self, kind: str, room: str, identity: str, url: str = "", folder: str = "", **options) -> Client:
        where = self.folder / folder if folder else self.folder
        where.mkdir(exist_ok=True)
        rest = (where, url or self.server.ws_url, room, identity)
        match kind:
            case "python" | "python-dual":
                made = PythonClient(dict(os.environ), *rest, single=kind == "python", **options)
            case "node":
                need("node")
                need_node_packages()
                made = NodeClient(dict(os.environ), *rest, **options)
            case "go" | "go-single":
                made = GoClient(await asyncio.to_thread(self.go_program), dict(os.environ), *rest, single=kind == "go-single", **options)
            case _:
                made = PageClient(await self.browser(kind), *rest, **options)
        self.joined.append(made)
        return await made.join()

    async def browser(self, kind: str) -> Browser:
        if kind not in self.browsers:
            need_node_packages()
            browser = {"chromium": Chromium, "firefox": Firefox}[kind](self.folder)
            need(browser.program)
            if kind == "firefox":
                need("pulseaudio")
            self.browsers[kind] = await browser.start()
        return self.browsers[kind]

    async def stop(self) -> None:
        """Whatever goes wrong with one, the others end as well; all clients at once, for there may be dozens; the browsers last."""
        left = await asyncio.gather(*(client.leave() for client in self.joined), return_exceptions=True)
        ended = await asyncio.gather(*(browser.stop() for browser in self.browsers.values()), return_exceptions=True)
        for wrong in left + ended:
            if wrong is not None:
                raise wrong


@pytest_asyncio.fixture
async def enter(server, go_builder, tmp_path):
    """Lets clients of every kind join this test's server."""
    made = Clients(server, tmp_path, go_builder)
    yield made
    await made.stop()


@pytest_asyncio.fixture
async def path(server):
    """The only path to this test's server for those who join by its URL."""
    made = await Path(server.http_port, server.rtc_port).start()
    yield made
    await made.stop()


def need_node_packages() -> None:
    if not LIVEKIT_CLIENT.exists():
        pytest.skip("the npm packages are not installed: npm ci in tests/e2e/node")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients(module_server, tmp_path_factory, go_builder):
    """Clients of the module's one server, of every kind: `await clients(kind, room, identity)`."""
    made = Clients(module_server, tmp_path_factory.mktemp("clients"), go_builder)
    yield made
    await made.stop()


@pytest.fixture
def ears(tmp_path):
    """Makes audio ends of phones, each with a tone of its own."""
    made: list[Ear] = []

    def make(hertz: float = 700) -> Ear:
        made.append(Ear(tmp_path, hertz))
        return made[-1]

    yield make
    for ear in made:
        ear.stop()


@pytest.fixture
def make_server(tmp_path, request):
    """Makes servers with settings of their own; `server` is the plain one."""
    made: list[Trunkline] = []
    request.node.servers = made

    def make(**settings) -> Trunkline:
        folder = tmp_path / f"server{len(made)}"
        folder.mkdir()
        made.append(Trunkline(folder, **settings).start())
        return made[-1]

    yield make
    codes = [server.stop() for server in made]
    assert all(code in (0, -9) for code in codes), f"servers ended with {codes}"


@pytest.fixture
def server(make_server) -> Trunkline:
    return make_server()


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def server_of_workers(make_server, request) -> Trunkline:
    """A server with one media worker, and one with two."""
    server = make_server(rtc={"workers": request.param, "udp_port": 0})
    server.workers = request.param
    return server


@pytest.fixture(scope="module")
def module_server(tmp_path_factory):
    """One server for all tests of a module that get along with each other."""
    server = Trunkline(tmp_path_factory.mktemp("server")).start()
    yield server
    assert server.stop() == 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def livekit_api(module_server):
    """The official server SDK, pointed at the module's server."""
    client = api.LiveKitAPI(module_server.url, API_KEY, API_SECRET)
    yield client
    await client.aclose()


@pytest_asyncio.fixture
async def livekit(server):
    """The official server SDK, pointed at the server."""
    client = api.LiveKitAPI(server.url, API_KEY, API_SECRET)
    yield client
    await client.aclose()


@pytest_asyncio.fixture
async def join(server):
    """Lets official participants join; they leave when the test ends."""
    joined: list[Participant] = []

    async def join_room(room_name: str, identity: str, **options) -> Participant:
        participant = Participant(server, room_name, identity)
        joined.append(participant)
        return await participant.join(**options)

    yield join_room
    for participant in joined:
        await participant.leave()


@pytest.fixture(scope="session")
def go_builder(tmp_path_factory):
    """Compiles the Go participant, once, when it is asked for."""
    program = tmp_path_factory.mktemp("go") / "goclient"

    def build():
        need("go")
        return program if program.exists() else goclient.build(program)

    return build


@pytest_asyncio.fixture
async def join_go(server, go_builder, tmp_path):
    """Lets participants on the official Go SDK join; they leave when the test ends."""
    made = Clients(server, tmp_path, go_builder)

    async def join_room(room_name: str, identity: str, single: bool = False, **options) -> Client:
        return await made("go-single" if single else "go", room_name, identity, **options)

    yield join_room
    await made.stop()


@pytest.fixture
def sipp(tmp_path):
    """Starts SIPp scenarios of tests/sipp."""
    need("sipp")
    started: list[Sipp] = []

    def start(scenario: str, **options) -> Sipp:
        started.append(Sipp(tmp_path, scenario, **options))
        return started[-1]

    yield start
    for phone in started:
        phone.stop()


@pytest.fixture
def baresip(tmp_path):
    """Starts baresip phones."""
    need("baresip")
    started: list[Baresip] = []

    def start(**options) -> Baresip:
        started.append(Baresip(tmp_path, **options))
        return started[-1]

    yield start
    for phone in started:
        phone.stop()


@pytest.fixture
def kamailio(tmp_path):
    """Starts proxies before phones."""
    need("kamailio")
    started: list[Kamailio] = []

    def start(phones: list[str], algorithm: str | None = None, **options) -> Kamailio:
        started.append(Kamailio(tmp_path, phones, algorithm, **options))
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()


@pytest.fixture
def dnsmasq(tmp_path):
    """A name server."""
    need("dnsmasq")
    server = Dnsmasq(tmp_path)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    """Signs the certificates of one run."""
    need("openssl")
    return Authority(tmp_path_factory.mktemp("certificates") / "authority")


@pytest_asyncio.fixture
async def trunk_to(livekit):
    """Creates an outbound trunk that leads to an address and returns its id."""

    async def create(address: str, **fields) -> str:
        trunk = api.SIPOutboundTrunkInfo(name="e2e", address=address, numbers=["+15105550100"], **fields)
        made = await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
        return made.sip_trunk_id

    return create
