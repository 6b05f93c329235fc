"""kill -9 at any moment: on restart every phone that heard of a call hears of its end, and no caller's retry dials twice.

The moments are drawn from a seed that is printed; `SEED=n` plays one again.
"""

import asyncio
import contextlib
import os
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import pytest
from livekit import api

from harness import digest
from harness.calls import call
from harness.certificates import Authority
from harness.ports import free_port
from harness.server import API_KEY, API_SECRET
from harness.waiting import until

ROUNDS = 6
CALLS = 4
# From the restart to the last BYE or CANCEL.
LIMIT = 5
# Where phones say they are. One behind NAT names what cannot be reached from here, and nobody listens on that port.
HERE = "[local_ip]:[local_port]"
BEHIND_NAT = "0.0.0.0:9"
CALLER = {"auth_username": "caller", "auth_password": "correct horse"}


def token() -> str:
    grants = api.SIPGrants(call=True, admin=True)
    return api.AccessToken(API_KEY, API_SECRET).with_sip_grants(grants).with_ttl(timedelta(hours=1)).to_jwt()


class Caller:
    """Places calls over HTTP under an id of its own each, as SDKs do, and may send the same again."""

    def __init__(self, server, trunk: str, dice: random.Random, round_number: int):
        self.server = server
        self.bodies = {
            f"request-{round_number}-{number}-{dice.randrange(1 << 30)}": {
                "sip_trunk_id": trunk,
                "sip_call_to": f"+1510555{round_number:02}{number:02}",
                "room_name": f"crash-{round_number}",
                "participant_identity": f"phone-{number}",
                "wait_until_answered": dice.random() < 0.5,
            }
            for number in range(CALLS)
        }

    async def place(self, request_id: str) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token()}", "X-Livekit-Request-Id": request_id}
        url = f"{self.server.url}/twirp/livekit.SIP/CreateSIPParticipant"
        async with aiohttp.ClientSession() as session:
            async with session.post(url, json=self.bodies[request_id], headers=headers) as answer:
                return answer.status, await answer.text()


def call_ids(messages: list[str]) -> dict[str, str]:
    """The called number of each Call-ID."""
    found = {}
    for message in messages:
        number = re.search(r"^To:[^\n]*sip:([^@]+)@", message, re.M)
        found[digest.header(message, "Call-ID")[0]] = number[1] if number else ""
    return found


def still_open(phone) -> set[str]:
    over = set(call_ids(phone.received("BYE"))) | set(call_ids(phone.received("CANCEL")))
    return set(call_ids(phone.received("INVITE"))) - over


TRANSPORTS = {
    "udp": api.SIPTransport.SIP_TRANSPORT_UDP,
    "tcp": api.SIPTransport.SIP_TRANSPORT_TCP,
    "tls": api.SIPTransport.SIP_TRANSPORT_TLS,
}


@dataclass
class Way:
    """How the phones are reached: directly over UDP, or by a proxy over any transport."""

    transport: str
    by_proxy: bool
    contact: str
    kamailio: Callable
    authority: Authority

    @property
    def settings(self) -> dict:
        """What the server needs for it: with TLS also a port where the proxy can call back."""
        if self.transport != "tls":
            return {}
        own = self.authority.identity("127.0.0.1")
        certificate = {"cert_file": str(own.certificate), "key_file": str(own.key)}
        return {"tls": {"port": free_port(), "ca_file": str(self.authority.certificate), "certs": [certificate]}}

    def trunk(self, phone, algorithm: str) -> api.SIPOutboundTrunkInfo:
        address = phone.address
        if self.by_proxy:
            identity = self.authority.identity("localhost") if self.transport == "tls" else None
            proxy = self.kamailio([f"sip:+1@{phone.address}"], algorithm, identity=identity)
            address = f"localhost:{proxy.tls_port}" if identity else proxy.address
        return api.SIPOutboundTrunkInfo(
            name="t", address=address, transport=TRANSPORTS[self.transport], numbers=["+15105550100"], **CALLER
        )


@pytest.fixture
def way(request, kamailio, authority) -> Way:
    transport, _, how = request.param.partition(" ")
    contact = BEHIND_NAT if how == "behind NAT" else HERE
    return Way(transport, how == "by a proxy", contact, kamailio, authority)


WAYS = ["udp", "udp behind NAT", "udp by a proxy", "tcp by a proxy", "tls by a proxy"]


@pytest.mark.parametrize("way", WAYS, indirect=True)
async def test_a_kill_at_any_moment_leaves_no_phone_behind(make_server, sipp, way):
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"SEED={seed}")
    dice = random.Random(seed)
    server = make_server(sip=way.settings)
    for round_number in range(ROUNDS if way.transport == "udp" else ROUNDS // 2):
        await one_round(server, sipp, way, dice, round_number)
    assert "panicked" not in server.log()


@pytest.mark.parametrize("way", ["tcp by a proxy", "tls by a proxy"], indirect=True)
async def test_an_answer_that_nobody_was_there_to_hear_is_ended_too(make_server, sipp, way):
    """It is lost with the connection, and the proxy opens no other one for it."""
    server = make_server(sip=way.settings)
    phone = sipp("until_the_end", ring=1_500, contact=way.contact)
    async with api.LiveKitAPI(server.url, API_KEY, API_SECRET) as client:
        trunk = await client.sip.create_outbound_trunk(
            api.CreateSIPOutboundTrunkRequest(trunk=way.trunk(phone, "SHA-256"))
        )
        await call(client, trunk.sip_trunk_id, "unheard", wait_until_answered=False)
        there = api.RoomParticipantIdentity(room="unheard", identity="phone")
        await rings(client, there)
        # Written after the early dialog: the store does one thing after the other.
        await client.sip.list_outbound_trunk(api.ListSIPOutboundTrunkRequest())
        server.kill()
    assert "SIP/2.0 200" not in phone.trace(), "it has not answered yet"
    await until(lambda: "SIP/2.0 200" in phone.trace(), "the phone answers")
    server.start()
    await until(lambda: phone.received("BYE"), lambda: f"the phone's BYE; its story:\n{phone.trace()[-6_000:]}", LIMIT)
    assert not phone.received("ACK"), "nobody has heard the answer"
    await phone.ends_well()


async def rings(client, phone: api.RoomParticipantIdentity) -> None:
    deadline = time.monotonic() + 10
    while (await client.room.get_participant(phone)).attributes.get("sip.callStatus") != "ringing":
        assert time.monotonic() < deadline, "the phone never rings"
        await asyncio.sleep(0.02)


async def one_round(server, sipp, way, dice, round_number) -> None:
    # Over a connection the answer of a phone whose ringing was not written down either is lost for good. So there the
    # phones ring at the kill or have had their ACK; what lies between has a test of its own.
    by_connection = way.transport != "udp"
    ring = dice.choice([1, 5_000] if by_connection else [1, 60, 400, 5_000])
    phone = sipp("until_the_end", calls=100, ring=ring, contact=way.contact)
    async with api.LiveKitAPI(server.url, API_KEY, API_SECRET) as client:
        info = way.trunk(phone, dice.choice(["MD5", "SHA-256"]))
        trunk = await client.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=info))
        caller = Caller(server, trunk.sip_trunk_id, dice, round_number)
        placing = [asyncio.ensure_future(caller.place(request_id)) for request_id in caller.bodies]
        if by_connection and ring == 1:
            await until(lambda: len(call_ids(phone.received("ACK"))) == CALLS, "the calls are up")
        moment = dice.choice([0.02, 0.1, 0.6, 1.5]) * dice.random()
        await asyncio.sleep(moment)  # the one thing here that is about a moment and not about a condition
        ending = None
        if dice.random() < 0.3:
            room = api.DeleteRoomRequest(room=f"crash-{round_number}")
            ending = asyncio.ensure_future(client.room.delete_room(room))
            await asyncio.sleep(dice.random() * 0.01)
        server.kill()
        before = await asyncio.gather(*placing, *([ending] if ending else []), return_exceptions=True)
    known = call_ids(phone.received("INVITE"))
    print(f"round {round_number}: ring {ring} ms, killed after {moment * 1e3:.1f} ms, {len(known)} phones had heard of it")

    server.start()
    started = time.monotonic()
    async with api.LiveKitAPI(server.url, API_KEY, API_SECRET) as client:
        kept = await client.sip.list_outbound_trunk(api.ListSIPOutboundTrunkRequest())
        assert trunk.sip_trunk_id in [item.sip_trunk_id for item in kept.items]
        there = await client.room.list_rooms(api.ListRoomsRequest())
        assert not there.rooms, "no ghost stays in a room"
        told = lambda: f"a BYE or CANCEL for {still_open(phone)}; the story:\n{phone.trace()[-6_000:]}\n{before}"  # noqa: E731
        await until(lambda: not still_open(phone), told, LIMIT)
        print(f"  all told {(time.monotonic() - started) * 1e3:.0f} ms after the server was back")

        # Whoever did not see an answer asks again: a call that had reached its phone is not placed a second time.
        again = await asyncio.gather(*(retry(caller, request_id) for request_id in caller.bodies))
        # But one that the room's end had refused before the kill came to nothing, and may be tried anew.
        if ending is None:
            numbers = list(call_ids(phone.received("INVITE")).values())
            assert len(numbers) == len(set(numbers)), f"dialled twice: {numbers}; {before}; {again}"
            for number, (request_id, answer) in zip(caller.bodies.values(), zip(caller.bodies, again), strict=True):
                if number["sip_call_to"] in known.values():
                    assert answer[0] in (200, 409), f"{request_id}: {answer}"
        with contextlib.suppress(api.ServerError):  # there is a room only if a call was placed now
            await client.room.delete_room(api.DeleteRoomRequest(room=f"crash-{round_number}"))
        await until(lambda: not still_open(phone), told, LIMIT)
    phone.stop()


async def retry(caller: Caller, request_id: str) -> tuple[int, str]:
    return await asyncio.wait_for(caller.place(request_id), 20)
