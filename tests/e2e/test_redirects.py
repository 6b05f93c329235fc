"""3xx where it may be followed: within the trunk's own host, and nowhere else."""

import pytest
from livekit import api

from harness.calls import call, hang_up


@pytest.fixture
def server(make_server):
    """Follows redirections of the trunk on this host only."""
    return make_server(sip={"trunks": [{"hosts": ["127.0.0.1"], "follow_redirects": True}]})


async def test_within_the_trunks_host_the_call_goes_where_it_is_sent(livekit, sipp, trunk_to):
    phone = sipp("answer_until_bye")
    carrier = sipp("redirect", target=f"sip:+15105550199@{phone.address}")
    await call(livekit, await trunk_to(carrier.address), "moved")
    await hang_up(livekit, "moved")
    await carrier.ends_well()
    await phone.ends_well()
    (invite,) = phone.received("INVITE")
    assert invite.startswith(f"INVITE sip:+15105550199@{phone.address} ")


async def test_what_the_new_number_says_is_what_the_caller_hears(livekit, sipp, trunk_to):
    phone = sipp("refuse", code=486, reason="Busy Here")
    carrier = sipp("redirect", target=f"sip:+15105550199@{phone.address}")
    with pytest.raises(api.SipCallError) as raised:
        await call(livekit, await trunk_to(carrier.address), "moved")
    assert raised.value.sip_status_code == 486
    await phone.ends_well()


async def test_to_another_host_it_is_reported_with_the_contact(livekit, sipp, trunk_to):
    carrier = sipp("redirect", target="sip:+15105550199@192.0.2.99")
    with pytest.raises(api.SipCallError) as raised:
        await call(livekit, await trunk_to(carrier.address), "moved")
    assert raised.value.sip_status_code == 302
    assert "redirected to <sip:+15105550199@192.0.2.99>" in raised.value.message
    await carrier.ends_well()
