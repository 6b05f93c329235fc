"""SIP over TLS: trunks that prove who they are, with authorities and certificates of one's own, and those that do not."""

import contextlib
import socket
import subprocess
import threading
import time

import pytest
from livekit import api
from livekit.protocol.models import DisconnectReason
from livekit.protocol.sip import CreateSIPParticipantRequest, SIPRequestDest

from harness import digest
from harness.calls import call, hang_up
from harness.certificates import Authority
from harness.ports import free_port
from harness.room import RATE
from harness.server import Trunkline
from harness.tones import hears
from harness.waiting import until, wait_until

TLS = api.SIPTransport.SIP_TRANSPORT_TLS


@pytest.fixture(scope="session")
def stranger(tmp_path_factory) -> Authority:
    """An authority that nobody here trusts."""
    return Authority(tmp_path_factory.mktemp("certificates") / "stranger", "a stranger")


@pytest.fixture
def server(make_server, dnsmasq, authority) -> Trunkline:
    """Trusts the authority, takes TLS itself, and has a certificate for the trunk that asks for one."""
    dnsmasq.tell("address=/trunk.test/127.0.0.1")
    listener, client = authority.identity("127.0.0.1"), authority.identity("caller.example")
    showing = {"cert_file": str(client.certificate), "key_file": str(client.key), "alpn": ["sip"]}
    trunks = [
        {"hosts": ["guarded.trunk.test"], "tls": showing},
        {"hosts": ["inside.trunk.test"], "tls": {"server_name": "other.trunk.test"}},
    ]
    tls = {
        "port": free_port(),
        "ca_file": str(authority.certificate),
        "certs": [{"cert_file": str(listener.certificate), "key_file": str(listener.key)}],
    }
    return make_server(sip={"tls": tls, "trunks": trunks, "name_servers": [dnsmasq.address]})


async def refused(livekit, trunk: str, seconds: float = 6.0) -> api.ServerError:
    """What the SDK raises for a call that cannot be secured, in seconds."""
    started = time.monotonic()
    with pytest.raises(api.ServerError) as raised:
        await call(livekit, trunk, "secured")
    assert time.monotonic() - started < seconds
    assert raised.value.code == "failed_precondition", raised.value
    return raised.value


async def test_a_phone_over_tls_is_heard_and_hears_and_hangs_up(livekit, join, baresip, authority, trunk_to):
    phone = baresip(hertz=700, identity=authority.identity("localhost"))
    agent = await join("secured", "agent")
    await agent.speak(1_100)
    await call(livekit, await trunk_to(f"localhost:{phone.tls_port}", transport=TLS), "secured")
    await until(lambda: hears(agent.recording("phone"), RATE, 700), "the agent hears the phone", 15)
    await until(lambda: hears(*phone.recording(), 1_100), "the phone hears the agent", 15)
    phone.command("hangup")
    assert await agent.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED, "its BYE comes over TLS, too"


async def test_we_hang_up_over_tls(livekit, baresip, authority, trunk_to):
    phone = baresip(identity=authority.identity("phone.trunk.test"))
    trunk = await trunk_to(f"phone.trunk.test:{phone.tls_port}", transport=TLS)
    await call(livekit, trunk, "secured")
    await hang_up(livekit, "secured")
    phone.waits_for("CALL_CLOSED")


async def test_a_proxy_takes_a_call_from_tls_to_udp(livekit, sipp, kamailio, authority, trunk_to):
    phone = sipp("answer_until_bye")
    proxy = kamailio([f"sip:+15105550123@{phone.address}"], "SHA-256", identity=authority.identity("phone.trunk.test"))
    trunk = await trunk_to(
        f"phone.trunk.test:{proxy.tls_port}", transport=TLS, auth_username="caller", auth_password="correct horse"
    )
    await call(livekit, trunk, "secured")
    await until(lambda: proxy.inside("ACK"), "the ACK comes by the proxy")
    await hang_up(livekit, "secured")
    await phone.ends_well()
    (invite,), (bye,) = phone.received("INVITE"), phone.received("BYE")
    for message in (invite, bye):
        assert "SIP/2.0/TLS" in digest.header(message, "Via")[1], "it came to the proxy over TLS"
    (contact,) = digest.header(invite, "Contact")
    assert contact.endswith(";transport=tls>"), contact
    assert "by the route set" in proxy.inside("BYE")[0]


async def test_a_phone_behind_a_tls_proxy_hangs_up(livekit, join, baresip, kamailio, authority, trunk_to):
    phone = baresip()
    proxy = kamailio([f"sip:+15105550123@{phone.address}"], identity=authority.identity("phone.trunk.test"))
    watcher = await join("secured", "watcher")
    trunk = await trunk_to(f"phone.trunk.test:{proxy.tls_port}", transport=TLS)
    await call(livekit, trunk, "secured")
    await watcher.sees("phone", "active")
    phone.command("hangup")
    assert await watcher.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED, "the proxy calls back over TLS"


async def test_a_sips_address_goes_over_tls_and_says_so_in_contact(livekit, sipp, kamailio, authority, trunk_to):
    phone = sipp("answer_until_bye")
    proxy = kamailio([f"sip:+15105550123@{phone.address}"], identity=authority.identity("phone.trunk.test"))
    trunk = await trunk_to("unused.trunk.test")
    uri = SIPRequestDest(raw=f"sips:+15105550123@phone.trunk.test:{proxy.tls_port}")
    await call(livekit, trunk, "secured", sip_request_uri=uri)
    await hang_up(livekit, "secured")
    await phone.ends_well()
    (invite,) = phone.received("INVITE")
    assert "SIP/2.0/TLS" in digest.header(invite, "Via")[1]
    assert digest.header(invite, "Contact")[0].startswith("<sips:"), "RFC 3261 §8.1.1.8"


async def test_a_trunk_that_asks_for_a_certificate_gets_the_one_that_is_its_own(
    livekit, sipp, kamailio, authority, stranger, trunk_to
):
    phone = sipp("answer_until_bye")
    identity = authority.identity("guarded.trunk.test", "phone.trunk.test")
    proxy = kamailio([f"sip:+15105550123@{phone.address}"], identity=identity, asks_for=authority.certificate)
    trunk = await trunk_to(f"guarded.trunk.test:{proxy.tls_port}", transport=TLS)
    await call(livekit, trunk, "secured")
    await hang_up(livekit, "secured")
    await phone.ends_well()

    choosy = kamailio([f"sip:+15105550123@{phone.address}"], identity=identity, asks_for=stranger.certificate)
    trunk = await trunk_to(f"guarded.trunk.test:{choosy.tls_port}", transport=TLS)
    assert "does not accept our certificate" in (await refused(livekit, trunk)).message


async def test_a_certificate_of_an_unknown_authority_is_refused_in_a_sentence(livekit, baresip, stranger, trunk_to, join):
    phone = baresip(identity=stranger.identity("phone.trunk.test"))
    watcher = await join("secured", "watcher")
    trunk = await trunk_to(f"phone.trunk.test:{phone.tls_port}", transport=TLS)
    error = await refused(livekit, trunk)
    assert "its certificate is signed by no authority that is trusted here" in error.message
    assert await watcher.sees_leave("phone") == DisconnectReason.SIP_TRUNK_FAILURE
    assert not phone.happened("CALL_INCOMING"), "nothing was told to it"


async def test_a_certificate_for_another_name_is_refused_unless_its_trunk_is_known_by_that_name(
    livekit, baresip, authority, trunk_to
):
    phone = baresip(identity=authority.identity("other.trunk.test"))
    error = await refused(livekit, await trunk_to(f"phone.trunk.test:{phone.tls_port}", transport=TLS))
    assert "its certificate is not for phone.trunk.test but for other.trunk.test" in error.message
    trunk = await trunk_to(f"inside.trunk.test:{phone.tls_port}", transport=TLS)
    await call(livekit, trunk, "secured")
    await hang_up(livekit, "secured")
    phone.waits_for("CALL_CLOSED")


async def test_nobody_listens(livekit, trunk_to):
    error = await refused(livekit, await trunk_to(f"localhost:{free_port()}", transport=TLS))
    assert "connection refused" in error.message


async def test_what_listens_says_nothing(livekit, trunk_to):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = await refused(livekit, await trunk_to(f"127.0.0.1:{silent.getsockname()[1]}", transport=TLS))
    assert "no connection in time" in error.message


async def test_a_listener_that_answers_rubbish_is_told_apart(livekit, trunk_to):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble() -> None:
            with contextlib.suppress(OSError):
                taken, _ = listener.accept()
                taken.sendall(b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=babble, daemon=True).start()
        error = await refused(livekit, await trunk_to(f"127.0.0.1:{listener.getsockname()[1]}", transport=TLS))
    assert "what answers there speaks no TLS" in error.message


async def test_without_a_setting_the_systems_authorities_vouch(make_server, authority, baresip, monkeypatch):
    phone = baresip(identity=authority.identity("localhost"))
    server = make_server()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    knowing = make_server()
    for one, works in ((server, False), (knowing, True)):
        async with api.LiveKitAPI(one.url, *one.credentials) as livekit:
            trunk = api.SIPOutboundTrunkInfo(
                name="e2e", address=f"localhost:{phone.tls_port}", numbers=["+15105550100"], transport=TLS
            )
            made = await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
            if works:
                await call(livekit, made.sip_trunk_id, "secured")
                await hang_up(livekit, "secured")
                phone.waits_for("CALL_CLOSED")
            else:
                assert "no secure connection" in (await refused(livekit, made.sip_trunk_id)).message


async def test_files_that_cannot_be_used_end_the_start_with_their_place(make_server, authority, tmp_path):
    with pytest.raises(RuntimeError) as raised:
        make_server(sip={"tls": {"ca_file": str(tmp_path / "nothing.pem")}})
    assert "sip.tls: ca_file" in str(raised.value) and "nothing.pem" in str(raised.value)


# --- what is spoken ----------------------------------------------------------------------------------------------------


@pytest.fixture
def openssl_server(authority, tmp_path):
    """A TLS server that says which version and cipher suite each client agreed to, and no SIP."""
    started: list[subprocess.Popen] = []

    def start(*options: str):
        identity, port = authority.identity("localhost"), free_port()
        screen = tmp_path / f"openssl-{port}.log"
        command = ["openssl", "s_server", "-accept", str(port), "-cert", identity.certificate, "-key", identity.key, *options]
        with screen.open("wb") as output:
            started.append(subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.PIPE))
        wait_until(lambda: "ACCEPT" in screen.read_text(errors="replace"), "openssl listens")
        return port, lambda: screen.read_text(errors="replace")

    yield start
    for process in started:
        process.kill()
        process.wait()


SUITE = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"


@pytest.mark.parametrize(
    ("spoken", "theirs", "agreed"),
    [
        ({"max_version": "tls1.2", "cipher_suites": [SUITE]}, (), "CIPHER is ECDHE-ECDSA-AES128-GCM-SHA256"),
        ({"min_version": "tls1.3"}, (), "CIPHER is TLS_"),
        ({"min_version": "tls1.3"}, ("-tls1_2",), None),
        ({"cipher_suites": [SUITE]}, ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"), None),
    ],
    ids=["the-suite", "the-version", "an-older-version", "another-suite"],
)
async def test_versions_and_cipher_suites_are_those_of_the_configuration(
    make_server, authority, openssl_server, spoken, theirs, agreed
):
    port, says = openssl_server(*theirs)
    tls = {"ca_file": str(authority.certificate), **spoken}
    server = make_server(sip={"tls": tls, "no_response_timeout": "1s"})
    async with api.LiveKitAPI(server.url, *server.credentials) as livekit:
        trunk = api.SIPOutboundConfig(hostname=f"localhost:{port}", transport=TLS)
        with pytest.raises(api.ServerError) as raised:
            await livekit.sip.create_sip_participant(
                CreateSIPParticipantRequest(
                    trunk=trunk, sip_number="+15105550199", sip_call_to="+15105550123", room_name="r", wait_until_answered=True
                )
            )
    if agreed:
        await until(lambda: agreed in says(), lambda: f"they agree: {says()[-2000:]}")
    else:
        assert "CIPHER is" not in says() and "no secure connection" in raised.value.message, raised.value.message


async def test_the_servers_name_stands_in_contact_and_from_over_tls_alone(make_server, authority, kamailio, sipp):
    server = make_server(sip={"sip_hostname": "sip-${IP}.example.test", "tls": {"ca_file": str(authority.certificate)}})
    phone = sipp("answer_until_bye", calls=2)
    proxy = kamailio([f"sip:+15105550123@{phone.address}"], identity=authority.identity("localhost"))
    async with api.LiveKitAPI(server.url, *server.credentials) as livekit:
        for address, transport in ((f"localhost:{proxy.tls_port}", TLS), (phone.address, 0)):
            trunk = api.SIPOutboundTrunkInfo(name="t", address=address, transport=transport, numbers=["+15105550100"])
            made = await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
            await call(livekit, made.sip_trunk_id, "secured")
            await hang_up(livekit, "secured")
    await phone.ends_well()
    secured, plain = phone.received("INVITE")
    assert digest.header(secured, "Contact")[0].startswith("<sip:sip-127-0-0-1.example.test:")
    assert "@sip-127-0-0-1.example.test" in digest.header(secured, "From")[0]
    assert digest.header(plain, "Contact")[0].startswith("<sip:127.0.0.1:") and "@127.0.0.1" in digest.header(plain, "From")[0]
