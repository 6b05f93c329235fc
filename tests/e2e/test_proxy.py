"""A carrier's proxy (Kamailio) before the phones: it challenges, forks, record-routes, changes transport."""

import pytest
from livekit import api
from livekit.protocol.models import DisconnectReason

from harness import digest
from harness.calls import call, hang_up
from harness.room import RATE
from harness.tones import hears
from harness.waiting import until

UDP = api.SIPTransport.SIP_TRANSPORT_UDP
TCP = api.SIPTransport.SIP_TRANSPORT_TCP
CALLER = {"auth_username": "caller", "auth_password": "correct horse"}
BY_ROUTE = "by the route set"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("transport", [UDP, TCP], ids=["udp", "tcp-to-udp"])
async def test_a_proxy_that_challenges_and_record_routes(livekit, sipp, kamailio, trunk_to, transport, algorithm):
    phone = sipp("answer_until_bye")
    proxy = kamailio([f"sip:+15105550123@{phone.address}"], algorithm)
    trunk = await trunk_to(proxy.address, transport=transport, **CALLER)
    await call(livekit, trunk, "proxied")
    await until(lambda: proxy.inside("ACK"), "the ACK comes by the proxy")
    await hang_up(livekit, "proxied")
    await phone.ends_well()

    (invite,), (bye,) = phone.received("INVITE"), phone.received("BYE")
    routes = digest.header(invite, "Record-Route")
    assert len(routes) == (1 if transport == UDP else 2), routes
    assert len(digest.header(bye, "Via")) == 2, "the BYE came by the proxy"
    assert not digest.header(bye, "Route"), "which took its own entries of the route set off"
    assert BY_ROUTE in proxy.inside("ACK")[0] and BY_ROUTE in proxy.inside("BYE")[0]


async def test_a_wrong_password_is_refused_by_the_proxy(livekit, sipp, kamailio, trunk_to):
    phone = sipp("answer_until_bye")
    proxy = kamailio([f"sip:+15105550123@{phone.address}"], "MD5")
    trunk = await trunk_to(proxy.address, auth_username="caller", auth_password="wrong")
    with pytest.raises(api.SipCallError) as raised:
        await call(livekit, trunk, "proxied")
    assert raised.value.sip_status_code == 407
    assert not phone.received("INVITE")


@pytest.mark.parametrize("transport", [UDP, TCP], ids=["udp", "tcp-to-udp"])
async def test_a_phone_behind_the_proxy_hangs_up(livekit, join, sipp, kamailio, trunk_to, transport):
    phone = sipp("proxied_then_hang_up")
    proxy = kamailio([f"sip:+15105550123@{phone.address}"])
    watcher = await join("proxied", "watcher")
    await call(livekit, await trunk_to(proxy.address, transport=transport), "proxied")
    assert await watcher.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED
    await phone.ends_well()
    assert BY_ROUTE in proxy.inside("BYE")[0]


async def test_of_two_phones_one_answers_and_the_other_is_cancelled(livekit, join, sipp, kamailio, trunk_to):
    silent, quick = sipp("ring_until_cancelled"), sipp("answer_until_bye")
    proxy = kamailio([f"sip:+15105550123@{phone.address}" for phone in (silent, quick)])
    watcher = await join("proxied", "watcher")
    await call(livekit, await trunk_to(proxy.address), "proxied")
    await silent.ends_well()
    await watcher.sees("phone", "active")
    await hang_up(livekit, "proxied")
    await quick.ends_well()


async def test_of_two_phones_both_answer_and_the_second_is_ended(livekit, join, sipp, kamailio, trunk_to):
    slow, quick = sipp("answer_crosses_cancel"), sipp("answer_until_bye")
    proxy = kamailio([f"sip:+15105550123@{phone.address}" for phone in (slow, quick)])
    watcher = await join("proxied", "watcher")
    await call(livekit, await trunk_to(proxy.address), "proxied")
    await slow.ends_well()  # it got ACK and BYE
    assert not quick.received("BYE") and "phone" in watcher.room.remote_participants, "the first keeps the call"
    await hang_up(livekit, "proxied")
    await quick.ends_well()


async def test_nobody_wants_the_call_any_more_while_both_phones_ring(livekit, join, sipp, kamailio, trunk_to):
    phones = [sipp("ring_until_cancelled"), sipp("ring_until_cancelled")]
    proxy = kamailio([f"sip:+15105550123@{phone.address}" for phone in phones])
    watcher = await join("proxied", "watcher")
    await call(livekit, await trunk_to(proxy.address), "proxied", wait_until_answered=False)
    await watcher.sees("phone", "ringing")
    await hang_up(livekit, "proxied")
    for phone in phones:
        await phone.ends_well()


@pytest.mark.parametrize("transport", [UDP, TCP], ids=["udp", "tcp-to-udp"])
async def test_a_phone_behind_the_proxy_is_heard_and_hears(livekit, join, baresip, kamailio, trunk_to, transport):
    phone = baresip(hertz=700)
    proxy = kamailio([f"sip:+15105550123@{phone.address}"], "SHA-256")
    agent = await join("proxied", "agent")
    await agent.speak(1_100)
    await call(livekit, await trunk_to(proxy.address, transport=transport, **CALLER), "proxied")
    await until(lambda: hears(agent.recording("phone"), RATE, 700), "the agent hears the phone", 15)
    await until(lambda: hears(*phone.recording(), 1_100), "the phone hears the agent", 15)
    phone.command("hangup")
    assert await agent.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED
    assert BY_ROUTE in proxy.inside("BYE")[0]


async def test_a_proxy_that_sends_the_call_back_to_us_is_told_of_the_loop(livekit, kamailio, trunk_to, server):
    proxy = kamailio([f"sip:+15105550123@127.0.0.1:{server.sip_port}"])
    with pytest.raises(api.SipCallError) as raised:
        await call(livekit, await trunk_to(proxy.address), "proxied")
    assert raised.value.sip_status_code == 482, "and so is the caller"
