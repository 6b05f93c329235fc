"""What a call asks for and cannot have, and what the server has no more of: said clearly, and without harm to other calls."""

import asyncio
import contextlib
import time

import pytest
from livekit import api
from livekit.protocol import sip as proto

from harness.calls import call, call_to, hang_up
from harness.server import API_KEY, API_SECRET
from harness.waiting import until


def codecs(*names: str) -> proto.SIPMediaConfig:
    return proto.SIPMediaConfig(
        codecs=[proto.SIPCodec(name=name, rate=8000) for name in names], only_listed_codecs=True
    )


async def test_a_codec_that_is_not_built_is_refused_by_the_name_of_its_field(livekit, trunk_to):
    with pytest.raises(api.ServerError) as raised:
        await call(livekit, await trunk_to("127.0.0.1:9"), "codec", media=codecs("G729"))
    assert (raised.value.code, raised.value.status) == ("invalid_argument", 400)
    assert "media.codecs" in raised.value.message and "G729" in raised.value.message


async def test_a_trunk_with_a_wrong_host_is_refused_by_the_name_of_its_field(livekit):
    trunk = api.SIPOutboundTrunkInfo(name="t", address="sip:a@b;transport=tls", numbers=["+15105550100"])
    with pytest.raises(api.ServerError) as raised:
        await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
    assert raised.value.code == "invalid_argument"
    assert "address" in raised.value.message, raised.value.message


async def test_a_codec_that_is_built_can_be_the_only_one(livekit, sipp, trunk_to):
    phone = sipp("refuse", code=486, reason="Busy Here")
    with pytest.raises(api.SipCallError):
        await call(livekit, await trunk_to(phone.address), "only", media=codecs("PCMA"))
    (invite,) = phone.received("INVITE")
    assert "PCMA/8000" in invite and "PCMU" not in invite
    await phone.ends_well()


@pytest.mark.parametrize("field", ["ringing_timeout", "max_call_duration"])
async def test_a_duration_beyond_all_time_is_refused_and_breaks_nothing(server, livekit, trunk_to, field):
    asked = call_to(await trunk_to("127.0.0.1:9"), "forever")
    getattr(asked, field).seconds = 2**63 - 1
    with pytest.raises(api.ServerError) as raised:
        await livekit.sip.create_sip_participant(asked)
    assert raised.value.code == "invalid_argument"
    assert field in raised.value.message
    assert "panicked" not in server.log()


async def scarce(make_server, sipp, settings: dict) -> tuple[api.ServerError, str]:
    """One call has all there is of something: how a second one is refused, and the server's log."""
    server = make_server(sip=settings)
    phone = sipp("answer_until_bye")
    async with api.LiveKitAPI(server.url, API_KEY, API_SECRET) as client:
        trunk = await client.sip.create_outbound_trunk(
            api.CreateSIPOutboundTrunkRequest(
                trunk=api.SIPOutboundTrunkInfo(name="t", address=phone.address, numbers=["+15105550100"])
            )
        )
        await call(client, trunk.sip_trunk_id, "scarce")
        with pytest.raises(api.ServerError) as raised:
            await call(client, trunk.sip_trunk_id, "scarce", participant_identity="second")
        there = await client.room.list_participants(api.ListParticipantsRequest(room="scarce"))
        assert [participant.identity for participant in there.participants] == ["phone"]
        await hang_up(client, "scarce")
    await phone.ends_well()
    return raised.value, server.log()


async def test_one_call_more_than_allowed_is_refused(make_server, sipp):
    error, _ = await scarce(make_server, sipp, {"max_active_calls": 1})
    assert (error.code, error.status) == ("resource_exhausted", 429)
    assert "max_active_calls" in error.message


async def test_a_port_is_kept_from_other_calls_until_its_phone_is_silent(make_server, sipp, ears):
    server = make_server(sip={"rtp_port": "32104-32105"})
    ear = ears()
    phone = sipp("answer_for_an_ear", ear=ear.port, calls=2)
    async with api.LiveKitAPI(server.url, API_KEY, API_SECRET) as client:
        info = api.SIPOutboundTrunkInfo(name="t", address=phone.address, numbers=["+15105550100"])
        trunk = await client.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=info))

        async def call_and_hang_up(identity: str) -> None:
            await call(client, trunk.sip_trunk_id, "drained", participant_identity=identity)
            await until(lambda: ear.peer, "the phone hears the room")
            await hang_up(client, "drained", identity)

        await call_and_hang_up("first")
        await until(lambda: phone.received("BYE"), "the BYE")
        # The phone hums on all the same.
        ended = time.monotonic()
        while time.monotonic() < ended + 7:
            with pytest.raises(api.ServerError) as raised:
                await call_and_hang_up("second")
            assert raised.value.code == "resource_exhausted"
            await asyncio.sleep(0.5)  # between two attempts
        ear.speaks = False
        silent = time.monotonic()
        while len(phone.received("BYE")) < 2:
            assert time.monotonic() < silent + 12, "the port is free when nobody has spoken to it for five seconds"
            with contextlib.suppress(api.ServerError):
                await call_and_hang_up("third")
            await asyncio.sleep(0.5)  # between two attempts
    assert time.monotonic() > silent + 4
    await phone.ends_well()


async def test_a_call_without_a_free_port_is_refused(make_server, sipp):
    error, _ = await scarce(make_server, sipp, {"rtp_port": "32100-32101"})
    assert error.code == "resource_exhausted"
    assert "port" in error.message, error.message
