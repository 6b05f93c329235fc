"""A request that the SDK sends again by itself, because its connection broke, is carried out once.

The SDK retries for hosts of LiveKit's cloud only; so here such a name leads to a relay in front of the server.
"""

import socket

import aiohttp
import pytest_asyncio
from aiohttp import web
from aiohttp.abc import AbstractResolver
from conftest import call
from livekit import api


class Here(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self):
        pass


class Relay:
    """Hands requests on; of the first to each method it loses the answer, or the whole connection while it waits for one."""

    def __init__(self, target: str):
        self.target = target
        self.breaks_after: float | None = None
        """Seconds."""
        self.seen: list[tuple[str, str]] = []
        self.answers: list[bytes] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if not request.path.startswith("/twirp/"):
            return web.Response(status=404)
        first = all(path != request.path for path, _ in self.seen)
        self.seen.append((request.path, request.headers.get("X-Livekit-Request-Id", "")))
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        limit = aiohttp.ClientTimeout(total=self.breaks_after if first else None)
        async with aiohttp.ClientSession(timeout=limit) as session:
            async with session.post(self.target + request.path, data=await request.read(), headers=headers) as answer:
                body = await answer.read()
                self.answers.append(body)
                if first:
                    request.transport.abort()
                return web.Response(status=answer.status, body=body, content_type=answer.content_type)


@pytest_asyncio.fixture
async def relay(livekit):
    relay = Relay(livekit.room._client.host)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", relay.handle)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    relay.port = runner.addresses[0][1]
    yield relay
    await runner.cleanup()


async def test_a_call_whose_answer_got_lost_is_answered_again_and_not_dialled_twice(livekit, world, trunk_to, relay):
    phone = await world.phone("answer_until_bye")
    request = call(await trunk_to(phone.address), wait_until_answered=True)
    connector = aiohttp.TCPConnector(resolver=Here())
    async with aiohttp.ClientSession(connector=connector) as session:
        client = api.LiveKitAPI(f"http://project.livekit.cloud:{relay.port}", session=session)
        info = await client.sip.create_sip_participant(request)
    [(_, first), (_, second)] = relay.seen
    assert first and first == second, "the SDK says that it is the same request"
    assert relay.answers[0] == relay.answers[1]
    assert info.sip_call_id.startswith("SCL_")
    assert len(await phone.requests("INVITE")) == 1
    await livekit.room.delete_room(api.DeleteRoomRequest(room=request.room_name))
    await phone.story()


async def test_a_call_that_still_rings_when_its_connection_breaks_is_taken_over(livekit, world, trunk_to, relay):
    phone = await world.phone("until_the_end", {"ring": 3000, "contact": "[local_ip]:[local_port]"})
    relay.breaks_after = 1.0
    request = call(await trunk_to(phone.address), wait_until_answered=True)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Here())) as session:
        client = api.LiveKitAPI(f"http://project.livekit.cloud:{relay.port}", session=session)
        info = await client.sip.create_sip_participant(request)
    [(_, first), (_, second)] = relay.seen
    assert first and first == second and info.sip_call_id.startswith("SCL_")
    assert len(await phone.requests("INVITE")) == 1
    await livekit.room.delete_room(api.DeleteRoomRequest(room=request.room_name))
    await phone.story()


async def test_the_same_request_of_a_users_own_retry_is_another_one(livekit, world, trunk_to):
    phone = await world.phone("refuse", {"code": 486, "reason": "Busy Here"}, calls=2)
    request = call(await trunk_to(phone.address), wait_until_answered=True)
    for _ in range(2):
        try:
            await livekit.sip.create_sip_participant(request)
        except api.SipCallError as busy:
            assert busy.sip_status_code == 486
    assert len(await phone.requests("INVITE", 2)) == 2
