"""Where a trunk's name leads (RFC 3263): NAPTR, SRV by priority and weight, addresses; and the next target when one fails."""

import asyncio
import contextlib
import socket
import time

import pytest
from livekit import api
from livekit.protocol.models import DisconnectReason
from livekit.protocol.sip import CreateSIPParticipantRequest

from harness import digest
from harness.calls import call, call_to, hang_up
from harness.ports import free_port
from harness.server import API_KEY, API_SECRET
from harness.waiting import until

UDP = api.SIPTransport.SIP_TRANSPORT_UDP
TCP = api.SIPTransport.SIP_TRANSPORT_TCP
TLS = api.SIPTransport.SIP_TRANSPORT_TLS
HERE = "host-record=one.trunk.test,two.trunk.test,127.0.0.1"


@pytest.fixture
def server(make_server, dnsmasq, authority):
    """Asks dnsmasq, and gives a trunk that says nothing three seconds."""
    tls = {"ca_file": str(authority.certificate)}
    return make_server(sip={"name_servers": [dnsmasq.address], "no_response_timeout": "3s", "tls": tls})


def srv(service: str, port: int, priority: int, weight: int = 1, host: str = "one.trunk.test") -> str:
    return f"srv-host={service}.trunk.test,{host},{port},{priority},{weight}"


def naptr(service: str, preference: int, name: str) -> str:
    return f"naptr-record=trunk.test,10,{preference},s,{service},,{name}.trunk.test"


async def answered_within(livekit, trunk: str, seconds: float) -> None:
    started = time.monotonic()
    await asyncio.wait_for(call(livekit, trunk, "targets"), 10)
    assert time.monotonic() - started < seconds


@pytest.fixture
def silent():
    """A UDP port that takes everything and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        yield made


def received(silent):
    """What has come to the silent socket: a keep-alive for the port's earlier owner may be among it."""
    silent.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            yield silent.recv(4_096)


@pytest.mark.parametrize("transport", [UDP, TCP], ids=["udp", "tcp"])
async def test_a_target_that_refuses_is_followed_by_the_next(livekit, dnsmasq, sipp, trunk_to, transport):
    service = "_sip._udp" if transport == UDP else "_sip._tcp"
    phone = sipp("answer_until_bye", calls=2, transport="u1" if transport == UDP else "t1")
    dnsmasq.tell(HERE, srv(service, free_port(), 10), srv(service, phone.port, 20, host="two.trunk.test"))
    trunk = await trunk_to("trunk.test", transport=transport)
    for _ in range(2):
        await answered_within(livekit, trunk, 2)
        await hang_up(livekit, "targets")
    await phone.ends_well()


async def test_a_target_that_says_nothing_is_followed_by_the_next_within_a_second(
    livekit, dnsmasq, sipp, trunk_to, silent
):
    phone = sipp("answer_until_bye")
    dnsmasq.tell(HERE, srv("_sip._udp", silent.getsockname()[1], 10), srv("_sip._udp", phone.port, 20))
    await answered_within(livekit, await trunk_to("trunk.test"), 2.5)
    assert any(packet.startswith(b"INVITE ") for packet in received(silent))
    await hang_up(livekit, "targets")
    await phone.ends_well()


async def test_a_target_out_of_service_is_followed_by_the_next(livekit, dnsmasq, sipp, trunk_to):
    busy, phone = sipp("out_of_service"), sipp("answer_until_bye", calls=2)
    dnsmasq.tell(HERE, srv("_sip._udp", busy.port, 10), srv("_sip._udp", phone.port, 20))
    trunk = await trunk_to("trunk.test")
    for _ in range(2):  # the second time the first is in its two minutes
        await answered_within(livekit, trunk, 2)
        await hang_up(livekit, "targets")
    await busy.ends_well()
    await phone.ends_well()
    assert len(busy.received("INVITE")) == 1


async def test_where_every_target_is_out_of_service_the_code_is_told(livekit, dnsmasq, sipp, trunk_to):
    phones = [sipp("out_of_service"), sipp("out_of_service")]
    dnsmasq.tell(HERE, *(srv("_sip._udp", phone.port, 10) for phone in phones))
    with pytest.raises(api.SipCallError) as raised:
        await call(livekit, await trunk_to("trunk.test"), "targets")
    assert raised.value.sip_status_code == 503
    for phone in phones:
        await phone.ends_well()


async def test_weights_share_the_calls(livekit, dnsmasq, sipp, trunk_to):
    heavy, light = (sipp("refuse", calls=100, code=486, reason="Busy Here") for _ in range(2))
    dnsmasq.tell(HERE, srv("_sip._udp", heavy.port, 10, 80), srv("_sip._udp", light.port, 10, 20))
    trunk = await trunk_to("trunk.test")
    for _ in range(60):
        with pytest.raises(api.SipCallError):
            await call(livekit, trunk, "targets")
    shares = [len(phone.received("INVITE")) for phone in (heavy, light)]
    # 48 and 12 are expected; what is refused here happens once in millions of runs.
    assert sum(shares) == 60 and 1 <= shares[1] <= 29, shares


async def test_the_domains_naptr_records_choose_the_transport(livekit, dnsmasq, sipp, trunk_to):
    phone = sipp("answer_until_bye", transport="t1")
    dnsmasq.tell(
        HERE, naptr("SIP+D2U", 20, "_sip._udp"), naptr("SIP+D2T", 10, "_sip._tcp"),
        srv("_sip._udp", free_port(), 1), srv("_sip._tcp", phone.port, 1),
    )  # fmt: skip
    await answered_within(livekit, await trunk_to("trunk.test"), 2)
    (invite,) = phone.received("INVITE")
    assert "SIP/2.0/TCP" in digest.header(invite, "Via")[0]
    await hang_up(livekit, "targets")
    await phone.ends_well()
    assert ("NAPTR", "trunk.test") in dnsmasq.questions()


@pytest.mark.parametrize("transport", [None, TLS], ids=["by-naptr", "by-the-trunk"])
async def test_a_secured_domain_is_found_and_proves_its_own_name(
    livekit, dnsmasq, sipp, kamailio, authority, trunk_to, transport
):
    phone = sipp("answer_until_bye")
    proxy = kamailio([f"sip:+15105550123@{phone.address}"], identity=authority.identity("trunk.test"))
    records = [HERE, srv("_sips._tcp", proxy.tls_port, 1)]
    dnsmasq.tell(*records, *([] if transport else [naptr("SIPS+D2T", 1, "_sips._tcp")]))
    await answered_within(livekit, await trunk_to("trunk.test", transport=transport or 0), 3)
    (invite,) = phone.received("INVITE")
    assert "SIP/2.0/TLS" in digest.header(invite, "Via")[1]
    await hang_up(livekit, "targets")
    await phone.ends_well()


async def test_without_records_for_services_the_names_address_is_called(livekit, dnsmasq, sipp, trunk_to):
    phone = sipp("answer_until_bye")
    dnsmasq.tell("host-record=plain.test,127.0.0.1")
    await answered_within(livekit, await trunk_to(f"plain.test:{phone.port}"), 2)
    await hang_up(livekit, "targets")
    await phone.ends_well()
    assert {kind for kind, _ in dnsmasq.questions()} <= {"A"}, "a port that is named leaves nothing else to ask"


async def test_a_name_that_does_not_exist_fails_at_once_and_a_silent_name_server_in_seconds(livekit, dnsmasq, trunk_to):
    trunk = await trunk_to("nowhere.test")
    for text in ("looking up host nowhere.test took too long", "no address for host nowhere.test"):
        started = time.monotonic()
        with pytest.raises(api.ServerError) as raised:
            await call(livekit, trunk, "targets")
        assert raised.value.code == "invalid_argument" and text in raised.value.message, raised.value
        assert time.monotonic() - started < 6
        if dnsmasq.process is None:
            dnsmasq.tell(HERE)


async def test_a_trunk_that_says_nothing_fails_in_seconds_with_the_reason(livekit, join, trunk_to, silent):
    watcher = await join("targets", "watcher")
    started = time.monotonic()
    with pytest.raises(api.ServerError) as raised:
        await call(livekit, await trunk_to("127.0.0.1:%d" % silent.getsockname()[1]), "targets")
    assert "the trunk does not answer" in raised.value.message
    assert 2.5 < time.monotonic() - started < 6
    assert await watcher.sees_leave("phone") == DisconnectReason.SIP_TRUNK_FAILURE


async def test_without_any_setting_such_a_trunk_fails_in_ten_seconds_not_in_thirty_two(make_server, silent):
    server = make_server()
    started = time.monotonic()
    async with api.LiveKitAPI(server.url, API_KEY, API_SECRET) as client:
        asked = call_to("", "targets")
        asked.trunk.CopyFrom(api.SIPOutboundConfig(hostname="127.0.0.1:%d" % silent.getsockname()[1]))
        asked.sip_number = "+15105550199"
        with pytest.raises(api.ServerError) as raised:
            await client.sip.create_sip_participant(asked)
    assert "the trunk does not answer" in raised.value.message
    assert time.monotonic() - started < 12


async def test_a_target_that_said_nothing_is_passed_over_by_the_next_call(livekit, dnsmasq, sipp, trunk_to, silent):
    phone = sipp("answer_until_bye", calls=2)
    dnsmasq.tell(HERE, srv("_sip._udp", silent.getsockname()[1], 10), srv("_sip._udp", phone.port, 20))
    trunk = await trunk_to("trunk.test")
    await answered_within(livekit, trunk, 2.5)
    await hang_up(livekit, "targets")
    await answered_within(livekit, trunk, 0.5)
    await hang_up(livekit, "targets")
    await phone.ends_well()


async def test_a_udp_port_without_a_listener_fails_at_once(livekit, trunk_to):
    started = time.monotonic()
    with pytest.raises(api.ServerError) as raised:
        await call(livekit, await trunk_to(f"127.0.0.1:{free_port()}"), "targets")
    assert "connection refused" in raised.value.message
    assert time.monotonic() - started < 2


# --- requests that are too large for a datagram (RFC 3261 §18.1.1) ---------------------------------------------------


def large(trunk: str) -> CreateSIPParticipantRequest:
    asked = call_to(trunk, "targets")
    for n in range(4):
        asked.headers[f"X-Large-{n}"] = "x" * 300
    return asked


async def test_a_large_invite_goes_over_tcp_where_the_peer_takes_it(livekit, sipp, kamailio, trunk_to):
    phone = sipp("answer_until_bye", transport="t1")
    proxy = kamailio([f"sip:+15105550123@{phone.address};transport=tcp"])  # it listens on UDP and TCP
    await livekit.sip.create_sip_participant(large(await trunk_to(proxy.address)))
    (invite,) = phone.received("INVITE")
    assert "SIP/2.0/TCP" in digest.header(invite, "Via")[1], "to the proxy it came over TCP"
    await until(lambda: proxy.inside("ACK"), "the ACK comes by the proxy")
    await hang_up(livekit, "targets")
    await phone.ends_well()


async def test_a_large_invite_goes_as_a_datagram_where_it_does_not(livekit, sipp, trunk_to):
    phone = sipp("answer_until_bye")
    started = time.monotonic()
    await livekit.sip.create_sip_participant(large(await trunk_to(phone.address)))
    assert time.monotonic() - started < 2
    (invite,) = phone.received("INVITE")
    assert "SIP/2.0/UDP" in digest.header(invite, "Via")[0] and len(invite) > 1_300
    await hang_up(livekit, "targets")
    await phone.ends_well()
