"""Clients that are in no package registry: what they send is sent byte for byte, and the answers are what they can read.

`lk` 2.18.2 as captured from the real program; Ruby's livekit-server-sdk as its sources write it (no capture). Only what
differs from run to run is filled in: the phone's address, trunk ids, rooms, tokens.
"""

import asyncio
import json
import os
import time
from dataclasses import dataclass

import jwt
import pytest
from google.protobuf import text_format
from livekit.protocol import room, sip

URL = os.environ["LIVEKIT_URL"].removeprefix("http://")
KEY, SECRET = os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]
BUSY_DETAILS = (
    "CAgSKUlOVklURSBmYWlsZWQ6IHNpcCBzdGF0dXM6IDQ4NjogQnVzeSBIZXJlGjcKJXR5cGUuZ29vZ2xlYXBpcy5jb20vbGl2ZWtpdC5TSVBTdGF0dXMS"
    "DgjmAxIJQnVzeSBIZXJl"
)


def lk(method: str, token: str, body: bytes) -> bytes:
    """A request as lk, that is the Go SDK, writes it."""
    head = (
        f"POST /twirp/{method} HTTP/1.1\r\n"
        f"Host: {URL}\r\n"
        "User-Agent: livekit-server-sdk-go/2.18.1\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Accept: application/protobuf\r\n"
        f"Authorization: Bearer {token}\r\n"
        "Content-Type: application/protobuf\r\n"
        "Twirp-Version: v8.1.3\r\n"
        "\r\n"
    )
    return head.encode() + body


def lk_token(**grant) -> str:
    now = int(time.time())
    return jwt.encode({"iss": KEY, "exp": now + 21_600, "nbf": now, "iat": now, **grant}, SECRET, "HS256")


def ruby(method: str, token: str, body: bytes) -> bytes:
    """A request as Ruby's Net::HTTP writes it for the twirp gem."""
    head = (
        f"POST /twirp/{method} HTTP/1.1\r\n"
        "User-Agent: livekit-server-sdk-ruby/0.10.0\r\n"
        f"Authorization: Bearer {token}\r\n"
        "Content-Type: application/protobuf\r\n"
        "Accept: application/protobuf\r\n"
        "Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3\r\n"
        "Connection: close\r\n"
        f"Host: {URL}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "\r\n"
    )
    return head.encode() + body


def ruby_token(**grant) -> str:
    now = int(time.time())
    return jwt.encode({"exp": now + 600, "nbf": now - 5, "iss": KEY, "sub": None, **grant}, SECRET, "HS256")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def exchange(request: bytes) -> Answer:
    """Writes the bytes, reads one answer."""
    host, port = URL.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    await writer.drain()
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    return Answer(int(head[0].split()[1]), headers, body)


def protobuf(message, text: str, size: int | None = None) -> bytes:
    """The bytes of a message; `size` is the captured one, where nothing that is filled in has another length."""
    body = text_format.Parse(text, message).SerializeToString(deterministic=True)
    assert size is None or len(body) == size, f"{len(body)} bytes, captured: {size}"
    return body


def understood(answer: Answer, message):
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/protobuf"
    message.ParseFromString(answer.body)
    return message


async def lk_trunk(name: str, address: str) -> str:
    text = f'trunk {{ name: "{name}" address: "{address}" numbers: ["+15105550100"] }}'
    body = protobuf(sip.CreateSIPOutboundTrunkRequest(), text, 35 + len(name))
    answer = await exchange(lk("livekit.SIP/CreateSIPOutboundTrunk", lk_token(sip={"admin": True}), body))
    made = understood(answer, sip.SIPOutboundTrunkInfo())
    assert (made.name, made.address, list(made.numbers)) == (name, address, ["+15105550100"])
    assert len(made.sip_trunk_id) == len("ST_JRUXpF6kJtMt")
    return made.sip_trunk_id


async def test_lk_creates_lists_and_deletes_a_trunk():
    admin = lk_token(sip={"admin": True})
    trunk = await lk_trunk("lk", "127.0.0.1:44533")
    listed = await exchange(lk("livekit.SIP/ListSIPOutboundTrunk", admin, b""))
    items = understood(listed, sip.ListSIPOutboundTrunkResponse()).items
    assert trunk in [item.sip_trunk_id for item in items]
    body = protobuf(sip.DeleteSIPTrunkRequest(), f'sip_trunk_id: "{trunk}"', 17)
    deleted = await exchange(lk("livekit.SIP/DeleteSIPTrunk", admin, body))
    assert understood(deleted, sip.SIPTrunkInfo()).sip_trunk_id == trunk
    assert deleted.body == body, "17 bytes, the id alone, as captured"


async def test_lk_calls_from_a_file_and_looks_at_the_room(world):
    phone = await world.phone("baresip")
    trunk = await lk_trunk("lk", phone.address)
    text = f"""
      sip_trunk_id: "{trunk}"
      sip_call_to: "+15105550123"
      room_name: "api-lk"
      participant_identity: "sip-test"
      dtmf: "1"
      participant_name: "Test Caller"
      ringing_timeout {{ seconds: 79 nanos: 500000000 }}
      play_dialtone: true
      krisp_enabled: true
      wait_until_answered: true
    """
    body = protobuf(sip.CreateSIPParticipantRequest(), text, 82)
    answer = await exchange(lk("livekit.SIP/CreateSIPParticipant", lk_token(sip={"call": True}), body))
    info = understood(answer, sip.SIPParticipantInfo())
    assert (info.participant_identity, info.room_name) == ("sip-test", "api-lk")
    assert len(answer.body) == 53, "as captured"
    assert await phone.digits(1) == "1"

    rooms = await exchange(lk("livekit.RoomService/ListRooms", lk_token(video={"roomList": True}), b""))
    [found] = [r for r in understood(rooms, room.ListRoomsResponse()).rooms if r.name == "api-lk"]
    assert (found.empty_timeout, found.departure_timeout) == (300, 20)

    body = protobuf(room.ListParticipantsRequest(), 'room: "api-lk"', 8)
    admin = lk_token(video={"roomAdmin": True, "room": "api-lk"})
    listed = await exchange(lk("livekit.RoomService/ListParticipants", admin, body))
    [callee] = understood(listed, room.ListParticipantsResponse()).participants
    assert (callee.identity, callee.name, len(callee.tracks)) == ("sip-test", "Test Caller", 1)
    assert callee.attributes["sip.callStatus"] == "active"

    creator = lk_token(video={"roomCreate": True})
    deleted = await exchange(lk("livekit.RoomService/DeleteRoom", creator, body))
    assert (deleted.status, deleted.body) == (200, b"")


async def test_lk_reads_why_a_call_failed(world):
    phone = await world.phone("refuse", {"code": 486, "reason": "Busy Here"})
    trunk = await lk_trunk("lkb", phone.address)
    text = f"""
      sip_trunk_id: "{trunk}"
      sip_call_to: "+15105550123"
      room_name: "api-lk"
      participant_identity: "busy"
      ringing_timeout {{ seconds: 79 nanos: 500000000 }}
      sip_number: "+15105550100"
      wait_until_answered: true
    """
    body = protobuf(sip.CreateSIPParticipantRequest(), text, 72)
    answer = await exchange(lk("livekit.SIP/CreateSIPParticipant", lk_token(sip={"call": True}), body))
    assert answer.status == 429
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == {
        "code": "resource_exhausted",
        "msg": "twirp error unknown: INVITE failed: sip status: 486: Busy Here",
        "meta": {"error_details": BUSY_DETAILS, "sip_status": "Busy Here", "sip_status_code": "486"},
    }


async def test_lk_names_a_trunk_that_is_not_there():
    text = """
      sip_trunk_id: "ST_nothere"
      sip_call_to: "+15105550123"
      room_name: "api-lk"
      participant_identity: "busy"
      ringing_timeout { seconds: 80 }
    """
    body = protobuf(sip.CreateSIPParticipantRequest(), text, 44)
    answer = await exchange(lk("livekit.SIP/CreateSIPParticipant", lk_token(sip={"call": True}), body))
    assert answer.status == 404
    assert answer.body == b'{"code":"not_found","msg":"requested sip trunk does not exist"}', "to the byte"


@pytest.mark.parametrize("waits", [True, False])
async def test_ruby_calls(world, waits):
    phone = await world.phone("answer_until_bye")
    body = protobuf(
        sip.CreateSIPOutboundTrunkRequest(),
        f'trunk {{ name: "ruby" address: "{phone.address}" numbers: ["+15105550100"] }}',
    )
    made = await exchange(ruby("livekit.SIP/CreateSIPOutboundTrunk", ruby_token(sip={"admin": True}), body))
    trunk = understood(made, sip.SIPOutboundTrunkInfo()).sip_trunk_id
    text = f"""
      sip_trunk_id: "{trunk}"
      sip_call_to: "+15105550123"
      sip_number: "+15105550111"
      room_name: "api-ruby-{waits}"
      participant_identity: "sip-test"
      participant_name: "Test Caller"
      display_name: "Ruby"
      krisp_enabled: true
      wait_until_answered: {str(waits).lower()}
      {"ringing_timeout { seconds: 30 }" if waits else ""}
    """
    body = protobuf(sip.CreateSIPParticipantRequest(), text)
    answer = await exchange(ruby("livekit.SIP/CreateSIPParticipant", ruby_token(video={}, sip={"call": True}), body))
    info = understood(answer, sip.SIPParticipantInfo())
    assert info.participant_identity == "sip-test"
    invite = await phone.invite()
    assert '"Ruby" <sip:+15105550111@' in invite
    await phone.requests("ACK")
    body = protobuf(room.DeleteRoomRequest(), f'room: "api-ruby-{waits}"')
    await exchange(ruby("livekit.RoomService/DeleteRoom", ruby_token(video={"roomCreate": True}), body))
    await phone.story()
