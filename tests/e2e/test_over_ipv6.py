"""A server on IPv6: signalling and audio, with phones we did not write."""

import asyncio

import pytest
from livekit import api
from livekit.protocol.models import DisconnectReason
from livekit.protocol.sip import CreateSIPParticipantRequest

from harness import digest
from harness.calls import call, hang_up
from harness.room import RATE, Participant
from harness.tones import hears
from harness.waiting import until

TCP = api.SIPTransport.SIP_TRANSPORT_TCP
TLS = api.SIPTransport.SIP_TRANSPORT_TLS


@pytest.fixture
def server(make_server, dnsmasq, authority):
    sip = {"listen_ip": "::1", "name_servers": [dnsmasq.address], "tls": {"ca_file": str(authority.certificate)}}
    return make_server(sip=sip)


@pytest.mark.parametrize(("transport", "theirs"), [(0, "u1"), (TCP, "t1")], ids=["udp", "tcp"])
async def test_a_phone_on_ipv6_is_called_and_hung_up(livekit, sipp, trunk_to, transport, theirs):
    phone = sipp("answer_until_bye", transport=theirs, host="::1")
    await call(livekit, await trunk_to(phone.address, transport=transport), "six")
    await hang_up(livekit, "six")
    await phone.ends_well()
    (invite,) = phone.received("INVITE")
    assert invite.startswith(f"INVITE sip:+15105550123@[::1]:{phone.port}")
    assert "[::1]:" in digest.header(invite, "Via")[0] and "@[::1]" in digest.header(invite, "From")[0]
    assert digest.header(invite, "Contact")[0].startswith("<sip:[::1]:")
    assert "c=IN IP6 ::1" in invite and "IN IP4" not in invite


async def test_it_hangs_up(livekit, join, sipp, trunk_to):
    phone = sipp("answer_then_hang_up", host="::1")
    watcher = await join("six", "watcher")
    await call(livekit, await trunk_to(phone.address), "six")
    assert await watcher.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED
    await phone.ends_well()


async def test_it_hears_and_is_heard(livekit, join, baresip, trunk_to):
    phone = baresip(hertz=700, host="::1")
    agent = await join("six", "agent")
    await agent.speak(1_100)
    await call(livekit, await trunk_to(phone.address), "six")
    await until(lambda: hears(agent.recording("phone"), RATE, 700), "the agent hears the phone", 15)
    await until(lambda: hears(*phone.recording(), 1_100), "the phone hears the agent", 15)
    phone.command("sndcode", "5")
    await until(lambda: agent.digits == ["5"], f"a key arrives; so far {agent.digits}")
    phone.command("hangup")
    assert await agent.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED


async def test_a_name_leads_to_its_ipv6_address(livekit, dnsmasq, sipp, trunk_to):
    phone = sipp("answer_until_bye", host="::1")
    dnsmasq.tell("host-record=both.test,127.0.0.1,::1")
    await call(livekit, await trunk_to(f"both.test:{phone.port}"), "six")
    await hang_up(livekit, "six")
    await phone.ends_well()


async def test_over_tls_an_address_is_proven_too(livekit, baresip, authority, trunk_to):
    phone = baresip(host="::1", identity=authority.identity("::1"))
    await call(livekit, await trunk_to(f"[::1]:{phone.tls_port}", transport=TLS), "six")
    await hang_up(livekit, "six")
    phone.waits_for("CALL_CLOSED")


async def test_a_trunk_on_ipv4_is_told_apart_from_one_that_does_not_exist(livekit, trunk_to):
    with pytest.raises(api.ServerError) as raised:
        await call(livekit, await trunk_to("127.0.0.1:5060"), "six")
    assert "no address for host 127.0.0.1" in raised.value.message, raised.value.message


# --- both families on one server ---------------------------------------------------------------------------------------


@pytest.fixture
def both(make_server, dnsmasq):
    return make_server(sip={"listen_ip_v6": "::1", "name_servers": [dnsmasq.address]})


def inline(address: str, identity: str) -> CreateSIPParticipantRequest:
    return CreateSIPParticipantRequest(
        trunk=api.SIPOutboundConfig(hostname=address),
        sip_number="+15105550199",
        sip_call_to="+15105550123",
        room_name="both",
        participant_identity=identity,
        wait_until_answered=True,
    )


async def test_trunks_of_both_families_are_called_at_once_and_ended_after_a_kill(both, dnsmasq, sipp):
    contact = "[local_ip]:[local_port]"
    phones = {host: sipp("until_the_end", host=host, calls=2, ring=1, contact=contact) for host in ("127.0.0.1", "::1")}
    four, six = phones.values()
    dnsmasq.tell("host-record=six.test,::1", "host-record=both.test,127.0.0.1,::1")
    addresses = [four.address, six.address, f"six.test:{six.port}", f"both.test:{four.port}"]
    async with api.LiveKitAPI(both.url, *both.credentials) as livekit:
        await asyncio.gather(
            *(livekit.sip.create_sip_participant(inline(address, address)) for address in addresses)
        )
    for phone, own, other in ((four, "127.0.0.1", "::1"), (six, "[::1]", "127.0.0.1")):
        for invite in phone.received("INVITE"):
            assert f" {own}:" in digest.header(invite, "Via")[0], invite
            assert digest.header(invite, "Contact")[0].startswith(f"<sip:{own}:")
            assert f"@{own}>" in digest.header(invite, "From")[0], invite
            assert f"c=IN IP{'6' if phone is six else '4'} {own.strip('[]')}" in invite
            assert other not in invite.partition("\n\n")[2], "nothing of the other family in the description"
        assert len(phone.received("INVITE")) == 2
    both.kill()
    both.start()
    for phone in (four, six):
        await until(lambda phone=phone: len(phone.received("BYE")) == 2, "both calls of each are ended by the next run", 5)


async def test_phones_of_both_families_hear_one_room(both, baresip):
    phones = {"four": baresip(hertz=700), "six": baresip(hertz=900, host="::1")}
    agent = await Participant(both, "both", "agent").join()
    try:
        await agent.speak(1_100)
        async with api.LiveKitAPI(both.url, *both.credentials) as livekit:
            for name, phone in phones.items():
                await livekit.sip.create_sip_participant(inline(phone.address, name))
        for name, hertz in (("four", 700), ("six", 900)):
            await until(lambda n=name, h=hertz: hears(agent.recording(n), RATE, h), f"the agent hears {name}", 15)
            heard = lambda n=name: hears(*phones[n].recording(), 1_100, least_share=0.05)  # noqa: E731
            await until(heard, f"{name} hears the agent, and the other phone", 15)
    finally:
        await agent.leave()
