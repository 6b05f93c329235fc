"""A request that is sent again under its id dials once: while it is answered, after it, and across a crash."""

import asyncio

import aiohttp
from livekit import api

from harness.server import API_KEY, API_SECRET
from harness.waiting import until


async def place(server, trunk: str, request_id: str) -> tuple[int, dict]:
    """The request as the server SDKs send it, with an id of ours."""
    token = api.AccessToken(API_KEY, API_SECRET).with_sip_grants(api.SIPGrants(call=True)).to_jwt()
    headers = {"Authorization": f"Bearer {token}", "X-Livekit-Request-Id": request_id}
    request = {"sip_trunk_id": trunk, "sip_call_to": "+15105550123", "room_name": "again", "wait_until_answered": True}
    async with aiohttp.ClientSession() as session:
        url = f"{server.url}/twirp/livekit.SIP/CreateSIPParticipant"
        async with session.post(url, json=request, headers=headers) as answer:
            return answer.status, await answer.json()


async def test_the_answer_is_the_first_ones_after_a_restart_too(server, sipp, trunk_to):
    phone = sipp("answer_until_bye")
    trunk = await trunk_to(phone.address)
    first, meanwhile = await asyncio.gather(place(server, trunk, "one"), place(server, trunk, "one"))
    assert first[0] == 200 and first == meanwhile
    server.kill()
    server.start()
    assert await place(server, trunk, "one") == first
    assert len(phone.received("INVITE")) == 1


async def test_a_request_that_a_crash_cut_off_does_not_dial_again(server, sipp, trunk_to):
    phone = sipp("ring_until_cancelled")
    trunk = await trunk_to(phone.address)
    waiting = asyncio.ensure_future(place(server, trunk, "cut"))
    await until(lambda: phone.received("INVITE"), "the phone rings")
    server.kill()
    await asyncio.gather(waiting, return_exceptions=True)
    server.start()
    status, answer = await place(server, trunk, "cut")
    assert (status, answer["code"]) == (409, "aborted"), answer
    assert len({message for message in phone.received("INVITE")}) == 1


async def test_a_request_that_failed_may_be_tried_again(server, sipp, trunk_to):
    phone = sipp("refuse", calls=2, code=486, reason="Busy Here")
    trunk = await trunk_to(phone.address)
    for _ in range(2):
        status, answer = await place(server, trunk, "busy")
        assert (status, answer["meta"]["sip_status_code"]) == (429, "486")
    await phone.ends_well()
