"""A server on IPv6: signalling and audio, with phones we did not write."""

import pytest
from livekit import api
from livekit.protocol.models import DisconnectReason
from livekit.protocol.sip import CreateSIPParticipantRequest

from harness import digest
from harness.room import RATE
from harness.tones import hears
from harness.waiting import until

TCP = api.SIPTransport.SIP_TRANSPORT_TCP
TLS = api.SIPTransport.SIP_TRANSPORT_TLS


@pytest.fixture
def server(make_server, dnsmasq, authority):
    sip = {"listen_ip": "::1", "name_servers": [dnsmasq.address], "tls": {"ca_file": str(authority.certificate)}}
    return make_server(sip=sip)


def request(trunk: str) -> CreateSIPParticipantRequest:
    return CreateSIPParticipantRequest(
        sip_trunk_id=trunk,
        sip_call_to="+15105550123",
        room_name="six",
        participant_identity="phone",
        wait_until_answered=True,
    )


async def hang_up(livekit) -> None:
    await livekit.room.remove_participant(api.RoomParticipantIdentity(room="six", identity="phone"))


@pytest.mark.parametrize(("transport", "theirs"), [(0, "u1"), (TCP, "t1")], ids=["udp", "tcp"])
async def test_a_phone_on_ipv6_is_called_and_hung_up(livekit, sipp, trunk_to, transport, theirs):
    phone = sipp("answer_until_bye", transport=theirs, host="::1")
    await livekit.sip.create_sip_participant(request(await trunk_to(phone.address, transport=transport)))
    await hang_up(livekit)
    await phone.ends_well()
    (invite,) = phone.received("INVITE")
    assert invite.startswith(f"INVITE sip:+15105550123@[::1]:{phone.port}")
    assert "[::1]:" in digest.header(invite, "Via")[0] and "@[::1]" in digest.header(invite, "From")[0]
    assert digest.header(invite, "Contact")[0].startswith("<sip:[::1]:")
    assert "c=IN IP6 ::1" in invite and "IN IP4" not in invite


async def test_it_hangs_up(livekit, join, sipp, trunk_to):
    phone = sipp("answer_then_hang_up", host="::1")
    watcher = await join("six", "watcher")
    await livekit.sip.create_sip_participant(request(await trunk_to(phone.address)))
    assert await watcher.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED
    await phone.ends_well()


async def test_it_hears_and_is_heard(livekit, join, baresip, trunk_to):
    phone = baresip(hertz=700, host="::1")
    agent = await join("six", "agent")
    await agent.speak(1_100)
    await livekit.sip.create_sip_participant(request(await trunk_to(phone.address)))
    await until(lambda: hears(agent.recording("phone"), RATE, 700), "the agent hears the phone", 15)
    await until(lambda: hears(*phone.recording(), 1_100), "the phone hears the agent", 15)
    phone.command("sndcode", "5")
    await until(lambda: agent.digits == ["5"], f"a key arrives; so far {agent.digits}")
    phone.command("hangup")
    assert await agent.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED


async def test_a_name_leads_to_its_ipv6_address(livekit, dnsmasq, sipp, trunk_to):
    phone = sipp("answer_until_bye", host="::1")
    dnsmasq.tell("host-record=both.test,127.0.0.1,::1")
    await livekit.sip.create_sip_participant(request(await trunk_to(f"both.test:{phone.port}")))
    await hang_up(livekit)
    await phone.ends_well()


async def test_over_tls_an_address_is_proven_too(livekit, baresip, authority, trunk_to):
    phone = baresip(host="::1", identity=authority.identity("::1"))
    await livekit.sip.create_sip_participant(request(await trunk_to(f"[::1]:{phone.tls_port}", transport=TLS)))
    await hang_up(livekit)
    phone.waits_for("CALL_CLOSED")


async def test_a_trunk_on_ipv4_is_told_apart_from_one_that_does_not_exist(livekit, trunk_to):
    with pytest.raises(api.ServerError) as raised:
        await livekit.sip.create_sip_participant(request(await trunk_to("127.0.0.1:5060")))
    assert "no address for host 127.0.0.1" in raised.value.message, raised.value.message
