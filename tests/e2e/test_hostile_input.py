"""Garbage on every port and a scanner's storm: the call that is up is not disturbed, and it costs next to nothing."""

import asyncio
import contextlib
import re
import socket
import time
import urllib.request

import aiohttp
import pytest
from livekit import api

from harness.calls import call
from harness.garbage import Garbage, pour, shoot
from harness.ports import free_port
from harness.process import cpu_seconds, datagrams_dropped, memory_mb
from harness.room import RATE, access_token
from harness.server import API_KEY, API_SECRET
from harness.tones import hears
from harness.waiting import until

ROUNDS = 4
# Of each kind in each round.
PIECES = 1_500


@pytest.fixture
def server(make_server, authority):
    """With every port that a server can have: also for SIP over TLS, ICE over TCP, and metrics."""
    identity = authority.identity("127.0.0.1")
    secured, ice, metrics = free_port(), free_port(), free_port()
    tls = {"port": secured, "certs": [{"cert_file": str(identity.certificate), "key_file": str(identity.key)}]}
    made = make_server(sip={"tls": tls}, rtc={"tcp_port": ice}, prometheus_port=metrics)
    made.further_ports = (secured, ice, metrics)
    return made


async def test_garbage_on_every_port_does_not_disturb_a_call_nor_fill_memory(server, livekit, join, baresip, trunk_to):
    phone = baresip(hertz=700)
    agent = await join("garbage", "agent")
    await agent.speak(1_100)
    await call(livekit, await trunk_to(phone.address), "garbage")
    await until(lambda: hears(agent.recording("phone"), RATE, 700), "the agent hears the phone", 15)
    rtp = int(re.search(r"m=audio (\d+) ", phone.log())[1]) if "m=audio" in phone.log() else rtp_port(server)
    garbage = Garbage()

    memory = []
    for _ in range(ROUNDS):
        agent.forget("phone")
        await asyncio.gather(
            asyncio.to_thread(throw_datagrams, server, garbage, rtp),
            asyncio.to_thread(throw_streams, server, garbage),
            throw_signals(server, garbage),
        )
        memory.append(memory_mb(server.process.pid))
        await until(lambda: hears(agent.recording("phone", 1), RATE, 700), "the agent hears the phone", 10)
    await until(lambda: hears(phone.recording()[0][-8_000:], 8_000, 1_100), "the phone hears the agent", 10)

    print("resident memory after each round, MB:", [round(mb, 1) for mb in memory])
    assert memory[-1] - memory[0] < 6, "the first round may fill pools; after that nothing grows"
    assert "panicked" not in server.log()
    phone.command("hangup")
    await agent.sees_leave("phone")


def rtp_port(server) -> int:
    """The one pair of RTP ports that the server has open."""
    lines = open("/proc/net/udp").read().splitlines()[1:]
    ports = sorted(int(line.split()[1].split(":")[1], 16) for line in lines)
    return next(port for port in ports if 30_000 <= port < 32_000 and port % 2 == 0 and port + 1 in ports)


def throw_datagrams(server, garbage: Garbage, rtp: int) -> None:
    kinds = {
        server.sip_port: (garbage.noise, garbage.sip),
        rtp: (garbage.noise, garbage.rtp, garbage.rtcp, garbage.stun),
        rtp + 1: (garbage.noise, garbage.rtcp),
        server.rtc_port: (garbage.noise, garbage.stun, garbage.dtls, garbage.rtp, garbage.rtcp),
    }
    for port, makers in kinds.items():
        for make in makers:
            for _ in range(PIECES // 100):
                shoot(port, [make() for _ in range(100)])


def throw_streams(server, garbage: Garbage) -> None:
    for _ in range(PIECES // 50):
        pour(server.sip_port, *(garbage.sip() for _ in range(10)))
        pour(server.sip_port, garbage.noise())
        pour(server.http_port, garbage.http())
        pour(server.http_port, garbage.noise())
        for port in server.further_ports:
            pour(port, garbage.noise())
            pour(port, *(make() for make in (garbage.stun, garbage.dtls, garbage.sip, garbage.http)))


async def throw_signals(server, garbage: Garbage) -> None:
    """Participants of another room that say anything over their WebSocket."""
    async with aiohttp.ClientSession() as session:
        for number in range(10):
            token = access_token("other", f"eve-{number}")
            async with session.ws_connect(f"{server.url}/rtc?access_token={token}&protocol=15") as socket:
                for _ in range(PIECES // 10):
                    if socket.closed:
                        break
                    try:
                        await socket.send_bytes(garbage.signal())
                    except ConnectionError:
                        break


# Connections that say a little now and then, or nothing.
IDLERS = 400


async def test_slow_and_swollen_streams_hold_nothing_that_a_call_needs(make_server, sipp):
    """Slow heads, heads without an end, heads that are too large, on the HTTP and the SIP port, while calls are placed."""
    metrics = free_port()
    server = make_server(prometheus_port=metrics)
    memory = memory_mb(server.process.pid)
    idlers = []
    try:
        for number in range(IDLERS):
            for port, start in ((server.http_port, b"GET / HT"), (server.sip_port, b"OPTIONS sip:a")):
                stream = socket.create_connection(("127.0.0.1", port), 5)
                stream.setblocking(False)
                if number % 2:
                    stream.send(start)
                idlers.append(stream)
        swollen = b"X-Swollen: " + b"a" * 1_000_000 + b"\r\n"
        for _ in range(10):
            pour(server.http_port, b"GET / HTTP/1.1\r\n", swollen)
            pour(server.sip_port, b"OPTIONS sip:a SIP/2.0\r\n", swollen)
            pour(server.sip_port, b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 999999999\r\n\r\n", b"a" * 200_000)
        async with api.LiveKitAPI(server.url, API_KEY, API_SECRET) as client:
            for transport in (api.SIPTransport.SIP_TRANSPORT_UDP, api.SIPTransport.SIP_TRANSPORT_TCP):
                tcp = transport == api.SIPTransport.SIP_TRANSPORT_TCP
                phone = sipp("answer_until_bye", transport="t1" if tcp else "u1")
                trunk = api.SIPOutboundTrunkInfo(
                    name="t", address=phone.address, transport=transport, numbers=["+15105550100"]
                )
                made = await client.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
                await asyncio.wait_for(call(client, made.sip_trunk_id, "slow"), 5)
                for stream in idlers:
                    with contextlib.suppress(OSError):
                        stream.send(b"x")  # one more byte: they are in no hurry
                await client.room.delete_room(api.DeleteRoomRequest(room="slow"))
                await phone.ends_well()
        grown = memory_mb(server.process.pid) - memory
        print(f"memory grew by {grown:.1f} MB under {len(idlers)} idle connections and 30 swollen ones")
        assert grown < 60
        page = page_of(metrics)
        assert re.search(r'trunkline_held\{what="http_connections"[^}]*\} [1-9]', page), page
        assert re.search(r'trunkline_held_most\{what="http_connections"[^}]*\} [1-9]', page), page
    finally:
        for stream in idlers:
            stream.close()
    assert "panicked" not in server.log()


STORM = 20_000
# Placed and ended one after the other, to know what a call costs: the kernel counts in hundredths of a second.
CALLS = 60
SCAN = (
    "{method} sip:{number}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{number};rport\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:100@127.0.0.1>;tag={number}\r\nTo: <sip:{number}@127.0.0.1>\r\n"
    "Call-ID: {number}@127.0.0.1\r\nCSeq: 1 {method}\r\nContact: <sip:100@127.0.0.1:{port}>\r\n"
    "User-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n"
)


async def test_a_scanners_storm_is_dropped_cheaply_and_calls_go_on(make_server, sipp):
    metrics = free_port()
    server = make_server(prometheus_port=metrics, logging={"level": "info", "json": True})
    async with api.LiveKitAPI(server.url, API_KEY, API_SECRET) as client:
        phone = sipp("answer_until_bye", calls=CALLS + 1)
        trunk = api.SIPOutboundTrunkInfo(name="t", address=phone.address, numbers=["+15105550100"])
        made = await client.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
        trunk = made.sip_trunk_id
        pid = server.process.pid

        started = cpu_seconds(pid)
        for number in range(CALLS):
            await call(client, trunk, f"r{number}")
            await client.room.delete_room(api.DeleteRoomRequest(room=f"r{number}"))
        per_call = (cpu_seconds(pid) - started) / CALLS

        before, memory = counted(metrics), memory_mb(pid)
        started = cpu_seconds(pid)
        storm = asyncio.create_task(asyncio.to_thread(scan, server.sip_port))
        await asyncio.wait_for(call(client, trunk, "stormy"), 5)
        await storm
        seen = lambda: STORM - datagrams_dropped(server.sip_port)  # noqa: E731
        told = lambda: f"the storm is read: {counted(metrics) - before} of {seen()}"  # noqa: E731
        await until(lambda: counted(metrics) - before >= seen(), told, 20)
        per_scan = (cpu_seconds(pid) - started - per_call) / seen()

        print(
            f"CPU per call {per_call * 1e3:.2f} ms, per scan {per_scan * 1e6:.0f} us (1 : {per_call / per_scan:.0f}), "
            f"{seen()} of {STORM} scans read, memory {memory:.0f} -> {memory_mb(pid):.0f} MB"
        )
        assert per_scan * 10 < per_call, "ten scans cost less than one call"
        assert memory_mb(pid) - memory < 20, "nothing is kept of a scan"
        await client.room.delete_room(api.DeleteRoomRequest(room="stormy"))
    await phone.ends_well()


def scan(port: int) -> None:
    """As a scanner does it: as fast as it can, every request another number."""
    for start in range(0, STORM, 500):
        messages = (
            SCAN.format(method="INVITE" if number % 2 else "REGISTER", number=number, port=5_060).encode()
            for number in range(start, start + 500)
        )
        shoot(port, messages)
        time.sleep(0.04)  # some ten thousand a second: more would not pass the socket's buffer


def counted(port: int) -> int:
    """SIP messages that came in, whatever became of them."""
    found = re.findall(r'trunkline_sip_messages\{op="recv"[^}]*\} (\S+)', page_of(port))
    return sum(int(float(number)) for number in found)


def page_of(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()
