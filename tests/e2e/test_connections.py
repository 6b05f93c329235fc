"""TCP and TLS connections to a trunk: kept, kept alive, and lost at the worst moments."""

import asyncio
import contextlib
from pathlib import Path

import pytest
import pytest_asyncio
from livekit import api
from livekit.protocol.models import DisconnectReason

from harness.calls import call, hang_up
from harness.waiting import until

TCP = api.SIPTransport.SIP_TRANSPORT_TCP
TLS = api.SIPTransport.SIP_TRANSPORT_TLS
PING = b"\r\n\r\n"
PONG = b"\r\n"


@pytest.fixture
def server(make_server, authority):
    return make_server(sip={"keep_alive": "1s", "tls": {"ca_file": str(authority.certificate)}})


class Wire:
    """A path to a trunk over TCP that can be cut, or lose the next thing that the server says with its connection."""

    def __init__(self):
        self.port = self.target = 0
        self.taken = 0
        self.treacherous = False
        self.said, self.heard = bytearray(), bytearray()
        self.writers: list[asyncio.StreamWriter] = []
        self.listener = None

    async def start(self) -> "Wire":
        self.listener = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]
        return self

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def _take(self, reader, writer) -> None:
        self.taken += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self.writers += [writer, far_writer]
        await asyncio.gather(self._copy(reader, far_writer, self.said), self._copy(far_reader, writer, self.heard))

    async def _copy(self, reader, writer, kept: bytearray) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                if self.treacherous and kept is self.said and chunk != PING:
                    self.treacherous = False
                    self.cut()
                    return
                kept += chunk
                writer.write(chunk)
                await writer.drain()
        with contextlib.suppress(ConnectionError, RuntimeError):
            writer.close()

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    def stop(self) -> None:
        self.cut()
        self.listener.close()


@pytest_asyncio.fixture
async def wire():
    made = await Wire().start()
    yield made
    made.stop()


def connections_to(port: int) -> int:
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[2].endswith(f":{port:04X}") and fields[3] == "01" for fields in lines)


async def test_calls_over_tls_share_one_connection(livekit, sipp, kamailio, authority, trunk_to):
    phone = sipp("answer_until_bye", calls=3)
    proxy = kamailio([f"sip:+15105550123@{phone.address}"], identity=authority.identity("localhost"))
    trunk = await trunk_to(f"localhost:{proxy.tls_port}", transport=TLS)
    for _ in range(3):
        await call(livekit, trunk, "wired")
        assert connections_to(proxy.tls_port) == 1
        await hang_up(livekit, "wired")
    await phone.ends_well()


async def test_a_quiet_connection_is_kept_alive_and_the_peer_answers(livekit, sipp, kamailio, wire, trunk_to):
    phone = sipp("answer_until_bye")
    proxy = kamailio([f"sip:+15105550123@{phone.address}"])
    wire.target = proxy.port
    await call(livekit, await trunk_to(wire.address, transport=TCP), "wired")
    await until(lambda: wire.said.count(PING + PING) >= 1, "two pings with nothing in between")
    await until(lambda: wire.heard.endswith(PONG + PONG), "Kamailio answers each")
    await hang_up(livekit, "wired")
    await phone.ends_well()
    assert wire.taken == 1


async def test_a_connection_that_closed_between_calls_is_opened_again(livekit, sipp, wire, trunk_to):
    phone = sipp("answer_until_bye", calls=2, transport="t1")
    wire.target = phone.port
    trunk = await trunk_to(wire.address, transport=TCP)
    for number in range(2):
        await asyncio.wait_for(call(livekit, trunk, "wired"), 5)
        await hang_up(livekit, "wired")
        await until(lambda: len(phone.received("BYE")) == number + 1, "the phone is hung up")  # noqa: B023
        await until(lambda: wire.heard.count(b" BYE\r\n") == number + 1, "and has said so")  # noqa: B023
        wire.cut()
    assert wire.taken == 2
    await phone.ends_well()


async def test_an_invite_that_is_lost_with_its_connection_goes_again(livekit, sipp, wire, trunk_to):
    phone = sipp("answer_until_bye", calls=2, transport="t1")
    wire.target = phone.port
    trunk = await trunk_to(wire.address, transport=TCP)
    for number in range(2):
        await asyncio.wait_for(call(livekit, trunk, "wired"), 5)
        await hang_up(livekit, "wired")
        await until(lambda: len(phone.received("BYE")) == number + 1, "the phone is hung up")  # noqa: B023
        # The trunk closes its idle connection at the very moment at which the next call begins.
        wire.treacherous = True
    assert wire.taken == 2
    await phone.ends_well()


async def call_that_loses_its_connection(livekit, join, baresip, wire, trunk_to):
    """A phone in a call whose connection was cut, and who watches it."""
    phone = baresip()
    wire.target = phone.port
    watcher = await join("wired", "watcher")
    await call(livekit, await trunk_to(wire.address, transport=TCP), "wired")
    await watcher.sees("phone", "active")
    await until(lambda: b"ACK sip" in wire.said, "the call is up")
    wire.cut()
    return phone, watcher


async def test_a_connection_lost_in_a_call_ends_nothing_and_we_hang_up_over_another(
    livekit, join, baresip, wire, trunk_to
):
    phone, watcher = await call_that_loses_its_connection(livekit, join, baresip, wire, trunk_to)
    assert "phone" in watcher.room.remote_participants
    await hang_up(livekit, "wired")
    phone.waits_for("CALL_CLOSED")


async def test_a_connection_lost_in_a_call_ends_nothing_and_the_phone_hangs_up_over_another(
    livekit, join, baresip, wire, trunk_to
):
    phone, watcher = await call_that_loses_its_connection(livekit, join, baresip, wire, trunk_to)
    phone.command("hangup")
    assert await watcher.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED
