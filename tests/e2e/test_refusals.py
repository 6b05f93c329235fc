"""A phone that does not take the call: the SDK raises, with the code and the reason of the telephone side."""

import pytest
from livekit import api
from livekit.protocol.models import DisconnectReason

from harness.calls import call, call_to, hang_up

REJECTED = DisconnectReason.USER_REJECTED
UNAVAILABLE = DisconnectReason.USER_UNAVAILABLE
TRUNK_FAILURE = DisconnectReason.SIP_TRUNK_FAILURE

REFUSALS = [
    # code, reason phrase, Twirp code, HTTP status, reason with which the participant leaves
    (486, "Busy Here", "resource_exhausted", 429, REJECTED),
    (600, "Busy Everywhere", "resource_exhausted", 429, REJECTED),
    (603, "Decline", "permission_denied", 403, REJECTED),
    (403, "Forbidden", "permission_denied", 403, REJECTED),
    (404, "Not Found", "not_found", 404, UNAVAILABLE),
    (480, "Temporarily Unavailable", "resource_exhausted", 429, UNAVAILABLE),
    (408, "Request Timeout", "deadline_exceeded", 408, UNAVAILABLE),
    (484, "Address Incomplete", "invalid_argument", 400, None),
    (488, "Not Acceptable Here", "invalid_argument", 400, REJECTED),
    (500, "Server Internal Error", "failed_precondition", 412, TRUNK_FAILURE),
    (503, "Service Unavailable", "failed_precondition", 412, TRUNK_FAILURE),
]


@pytest.mark.parametrize("code, reason, twirp_code, http_status, leaves_with", REFUSALS)
async def test_the_sdk_learns_code_and_reason(
    livekit, join, sipp, trunk_to, code, reason, twirp_code, http_status, leaves_with
):
    phone = sipp("refuse", code=code, reason=reason)
    watcher = await join("refused", "watcher")

    with pytest.raises(api.SipCallError) as raised:
        await call(livekit, await trunk_to(phone.address), "refused")

    error = raised.value
    assert error.sip_status_code == code
    assert error.sip_status == reason
    assert error.code == twirp_code
    assert error.status == http_status
    assert f"{code}" in error.message and reason in error.message
    assert "error_details" in error.metadata
    left = await watcher.sees_leave("phone")
    assert watcher.statuses_of("phone")[-1] == "hangup", "a failed call shows that it is over"
    if leaves_with is not None:
        assert left == leaves_with
    await phone.ends_well()


async def test_nobody_answers(livekit, join, sipp, trunk_to):
    phone = sipp("ring_until_cancelled")
    watcher = await join("unanswered", "watcher")
    asked = call_to(await trunk_to(phone.address), "unanswered")
    asked.ringing_timeout.FromSeconds(2)

    with pytest.raises(api.ServerError) as raised:
        await livekit.sip.create_sip_participant(asked)

    assert raised.value.code == "canceled"
    assert raised.value.status == 408
    assert await watcher.sees_leave("phone") == UNAVAILABLE
    await phone.ends_well()


async def test_nothing_listens_at_the_trunk(livekit, join, trunk_to):
    from harness.ports import free_port

    watcher = await join("nowhere", "watcher")
    trunk = await trunk_to(f"127.0.0.1:{free_port()}", transport=api.SIPTransport.SIP_TRANSPORT_TCP)

    with pytest.raises(api.ServerError) as raised:
        await call(livekit, trunk, "nowhere")

    assert raised.value.code == "failed_precondition"
    assert await watcher.sees_leave("phone") == TRUNK_FAILURE


async def test_the_trunk_does_not_exist(livekit):
    with pytest.raises(api.ServerError) as raised:
        await call(livekit, "ST_doesnotexist", "nowhere")
    assert raised.value.code == "not_found"
    assert raised.value.status == 404


@pytest.mark.parametrize("scenario", ["answer_after_challenge", "answer_after_proxy_challenge"])
async def test_the_right_password_is_accepted(livekit, sipp, trunk_to, scenario):
    phone = sipp(scenario)
    trunk = await trunk_to(phone.address, auth_username="caller", auth_password="correct horse")
    await call(livekit, trunk, "digest")
    await hang_up(livekit, "digest")
    await phone.ends_well()


async def test_a_wrong_password_ends_after_one_retry_with_the_code(livekit, sipp, trunk_to):
    phone = sipp("challenge_forever")
    trunk = await trunk_to(phone.address, auth_username="caller", auth_password="wrong")
    with pytest.raises(api.SipCallError) as raised:
        await call(livekit, trunk, "digest")
    assert raised.value.sip_status_code == 401
    assert "wrong username or password" in raised.value.message, raised.value.message
    assert len(phone.received("INVITE")) == 2
    await phone.ends_well()


async def test_credentials_are_asked_for_but_the_trunk_has_none(livekit, sipp, trunk_to):
    phone = sipp("refuse", code=407, reason="Proxy Authentication Required")
    with pytest.raises(api.ServerError) as raised:
        await call(livekit, await trunk_to(phone.address), "digest")
    assert raised.value.code in ("failed_precondition", "unauthenticated")
    assert "407" in str(raised.value.metadata) or "auth" in raised.value.message
