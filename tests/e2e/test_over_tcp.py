"""SIP over TCP: the same call on a connection."""

import pytest
from livekit import api

from harness.calls import call, hang_up

TCP = api.SIPTransport.SIP_TRANSPORT_TCP


async def test_a_call_is_answered_and_hung_up(livekit, join, sipp, trunk_to):
    phone = sipp("answer_until_bye", transport="t1")
    watcher = await join("tcp", "watcher")
    await call(livekit, await trunk_to(phone.address, transport=TCP), "tcp")
    await watcher.sees("phone", "active")
    (invite,) = phone.received("INVITE")
    assert "SIP/2.0/TCP" in invite and "transport=tcp" in invite.lower()
    await hang_up(livekit, "tcp")
    await phone.ends_well()


async def test_the_phone_hangs_up(livekit, join, sipp, trunk_to):
    phone = sipp("answer_then_hang_up", transport="t1")
    watcher = await join("tcp-bye", "watcher")
    await call(livekit, await trunk_to(phone.address, transport=TCP), "tcp-bye")
    await watcher.sees_leave("phone")
    await phone.ends_well()


async def test_credentials_are_asked_for(livekit, sipp, trunk_to):
    phone = sipp("answer_after_challenge", transport="t1")
    trunk = await trunk_to(phone.address, transport=TCP, auth_username="caller", auth_password="correct horse")
    await call(livekit, trunk, "tcp-digest")
    await hang_up(livekit, "tcp-digest")
    await phone.ends_well()


async def test_a_refusal_reaches_the_caller(livekit, sipp, trunk_to):
    phone = sipp("refuse", transport="t1", code=486, reason="Busy Here")
    with pytest.raises(api.SipCallError) as raised:
        await call(livekit, await trunk_to(phone.address, transport=TCP), "tcp-busy")
    assert raised.value.sip_status_code == 486
    await phone.ends_well()
