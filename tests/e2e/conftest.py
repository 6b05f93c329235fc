"""Fixtures of the end-to-end tests: a server, phones, participants, all ended when the test ends.

A test that needs a program which is not installed is skipped loudly; under CI=true a skip is a failure.
"""

import os
import shutil

import pytest
import pytest_asyncio
from livekit import api

from harness import goclient
from harness.baresip import Baresip
from harness.kamailio import Kamailio
from harness.room import Participant
from harness.server import API_KEY, API_SECRET, BINARY, Trunkline
from harness.sipp import Sipp


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing: cargo build --release", returncode=2)


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


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


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
def go_program(tmp_path_factory):
    """The Go participant, compiled once."""
    need("go")
    return goclient.build(tmp_path_factory.mktemp("go") / "goclient")


@pytest_asyncio.fixture
async def join_go(server, go_program, tmp_path):
    """Lets participants on the official Go SDK join; they leave when the test ends."""
    joined: list[goclient.GoParticipant] = []

    async def join_room(room_name: str, identity: str, **options) -> goclient.GoParticipant:
        folder = tmp_path / identity
        folder.mkdir()
        participant = goclient.GoParticipant(go_program, folder, server, room_name, identity, **options)
        joined.append(participant)
        return await participant.join()

    yield join_room
    for participant in joined:
        await participant.leave()


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

    def start(phones: list[str], algorithm: str | None = None) -> Kamailio:
        started.append(Kamailio(tmp_path, phones, algorithm))
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()


@pytest_asyncio.fixture
async def trunk_to(livekit):
    """Creates an outbound trunk that leads to an address and returns its id."""

    async def create(address: str, **fields) -> str:
        trunk = api.SIPOutboundTrunkInfo(name="e2e", address=address, numbers=["+15105550100"], **fields)
        made = await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
        return made.sip_trunk_id

    return create
