"""Clients that are in no package registry: what they send is sent byte for byte, and the answers are what they can read.

`lk` 2.18.2 as captured from the real program, where a size is given; its other flags, and Ruby's livekit-server-sdk, as
their sources write them (no capture). Only what differs from run to run is filled in: the phone's address, trunk ids, rooms,
tokens.
"""

import asyncio
import json
import os
import re
import time
from dataclasses import dataclass

import jwt
import pytest
from conftest import body as content
from conftest import header
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


async def lk_call(text: str, size: int | None = None) -> Answer:
    body = protobuf(sip.CreateSIPParticipantRequest(), text, size)
    return await exchange(lk("livekit.SIP/CreateSIPParticipant", lk_token(sip={"call": True}), body))


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
    answer = await lk_call(text, 82)
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
    answer = await lk_call(text, 72)
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
    answer = await lk_call(text, 44)
    assert answer.status == 404
    assert answer.body == b'{"code":"not_found","msg":"requested sip trunk does not exist"}', "to the byte"


async def lk_admin(method: str, message, text: str) -> Answer:
    return await exchange(lk(f"livekit.SIP/{method}", lk_token(sip={"admin": True}), protobuf(message, text)))


async def test_lk_lists_every_column_of_a_trunk():
    # --name carrier --address ... --transport tls --destination-country US --media-enc require --auth-user ... --numbers ...
    text = """trunk {
      name: "carrier" address: "sip.example.com:5061" transport: SIP_TRANSPORT_TLS numbers: "+15105550100" numbers: "+15105550101"
      auth_username: "caller" auth_password: "correct horse" media_encryption: SIP_MEDIA_ENCRYPT_REQUIRE destination_country: "US"
    }"""
    made = await lk_admin("CreateSIPOutboundTrunk", sip.CreateSIPOutboundTrunkRequest(), text)
    trunk = understood(made, sip.SIPOutboundTrunkInfo())
    # With --json and without, the request is the same; so is the deprecated list's.
    listed = await lk_admin("ListSIPOutboundTrunk", sip.ListSIPOutboundTrunkRequest(), "")
    items = understood(listed, sip.ListSIPOutboundTrunkResponse()).items
    [shown] = [item for item in items if item.sip_trunk_id == trunk.sip_trunk_id]
    assert shown == trunk
    assert (shown.name, shown.address) == ("carrier", "sip.example.com:5061")
    assert list(shown.numbers) == ["+15105550100", "+15105550101"]
    assert (shown.transport, shown.media_encryption) == (sip.SIP_TRANSPORT_TLS, sip.SIP_MEDIA_ENCRYPT_REQUIRE)
    assert (shown.auth_username, shown.auth_password, shown.destination_country) == ("caller", "correct horse", "US")
    legacy = await lk_admin("ListSIPTrunk", sip.ListSIPTrunkRequest(), "")
    items = understood(legacy, sip.ListSIPTrunkResponse()).items
    [old] = [item for item in items if item.sip_trunk_id == trunk.sip_trunk_id]
    assert (old.kind, old.outbound_address) == (sip.SIPTrunkInfo.TRUNK_OUTBOUND, "sip.example.com:5061")
    assert (old.outbound_number, old.outbound_username) == ("+15105550100", "caller")


async def test_lk_changes_what_its_flags_name():
    trunk = await lk_trunk("lk", "127.0.0.1:44533")
    # --id ... --name renamed --address ... --transport tcp --destination-country DE --numbers ... --auth-user ... --auth-pass ...
    text = f"""sip_trunk_id: "{trunk}" update {{
      address: "other.example.com" transport: SIP_TRANSPORT_TCP numbers {{ set: "+15105550177" set: "+15105550178" }}
      auth_username: "caller" auth_password: "correct horse" name: "renamed" destination_country: "DE"
    }}"""
    changed = await lk_admin("UpdateSIPOutboundTrunk", sip.UpdateSIPOutboundTrunkRequest(), text)
    told = understood(changed, sip.SIPOutboundTrunkInfo())
    assert (told.sip_trunk_id, told.name, told.address) == (trunk, "renamed", "other.example.com")
    assert (told.transport, list(told.numbers)) == (sip.SIP_TRANSPORT_TCP, ["+15105550177", "+15105550178"])
    assert (told.auth_username, told.auth_password, told.destination_country) == ("caller", "correct horse", "DE")
    # --numbers ""
    text = f'sip_trunk_id: "{trunk}" update {{ numbers {{}} }}'
    emptied = await lk_admin("UpdateSIPOutboundTrunk", sip.UpdateSIPOutboundTrunkRequest(), text)
    assert emptied.status == 400
    assert json.loads(emptied.body) == {"code": "invalid_argument", "msg": "numbers: list update must be set"}


async def test_lk_replaces_a_trunk_from_a_file():
    trunk = await lk_trunk("lk", "127.0.0.1:44533")
    text = f"""sip_trunk_id: "{trunk}" replace {{
      name: "second" address: "other.example.com" numbers: "+15105550177" headers {{ key: "X-Account" value: "42" }}
      media {{ only_listed_codecs: true codecs {{ name: "PCMA" rate: 8000 }} }}
    }}"""
    replaced = await lk_admin("UpdateSIPOutboundTrunk", sip.UpdateSIPOutboundTrunkRequest(), text)
    told = understood(replaced, sip.SIPOutboundTrunkInfo())
    assert (told.sip_trunk_id, told.name, told.headers) == (trunk, "second", {"X-Account": "42"})
    assert [codec.name for codec in told.media.codecs] == ["PCMA"]
    ghost = text.replace(trunk, "ST_nothere")
    answer = await lk_admin("UpdateSIPOutboundTrunk", sip.UpdateSIPOutboundTrunkRequest(), ghost)
    assert (answer.status, answer.body) == (404, b'{"code":"not_found","msg":"requested sip trunk does not exist"}')


@pytest.mark.parametrize("shown", ["Support Line", ""])
async def test_lk_calls_with_a_name_a_header_and_media(world, shown):
    phone = await world.phone("refuse", {"code": 488, "reason": "Not Acceptable Here"})
    trunk = await lk_trunk("lk", phone.address)
    # --trunk ... --number ... --call ... --room ... --identity ... --name ... --header "X-Account: 42" --media-enc require
    # --codecs PCMA/8000 --no-default-codecs --wait, and --display-name ... or --no-display-name
    text = f"""
      sip_trunk_id: "{trunk}"
      sip_call_to: "+15105550123"
      room_name: "api-lk-media"
      participant_identity: "sip-test"
      participant_name: "Test Caller"
      ringing_timeout {{ seconds: 79 nanos: 500000000 }}
      sip_number: "+15105550111"
      headers {{ key: "X-Account" value: "42" }}
      media_encryption: SIP_MEDIA_ENCRYPT_REQUIRE
      wait_until_answered: true
      display_name: "{shown}"
      media {{ only_listed_codecs: true codecs {{ name: "PCMA" rate: 8000 }} encryption: SIP_MEDIA_ENCRYPT_REQUIRE }}
    """
    answer = await lk_call(text)
    assert answer.status == 400
    told = json.loads(answer.body)
    assert (told["code"], told["meta"]["sip_status_code"]) == ("invalid_argument", "488")
    assert told["msg"] == "twirp error unknown: INVITE failed: sip status: 488: Not Acceptable Here"
    invite = await phone.invite()
    assert header(invite, "From").startswith(f'"{shown}" <sip:+15105550111@' if shown else "<sip:+15105550111@")
    assert header(invite, "X-Account") == "42"
    assert re.search(r"m=audio \d+ RTP/SAVP 8 \d+\n", content(invite)), "PCMA and digits, nothing else"
    assert "a=crypto:1 " in content(invite)


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


async def ruby_admin(method: str, message, text: str) -> Answer:
    return await exchange(ruby(f"livekit.SIP/{method}", ruby_token(video={}, sip={"admin": True}), protobuf(message, text)))


def raised(answer: Answer) -> tuple[int, str, str, dict]:
    """What the twirp gem makes a Twirp::Error of: it takes the body for JSON, whatever it asked for."""
    assert answer.headers["content-type"] == "application/json"
    told = json.loads(answer.body)
    assert set(told) <= {"code", "msg", "meta"}
    return answer.status, told["code"], told["msg"], told.get("meta", {})


async def test_ruby_lists_changes_replaces_and_deletes_a_trunk():
    text = 'trunk { name: "ruby" address: "sip.example.com" numbers: "+15105550100" metadata: "old" }'
    made = await ruby_admin("CreateSIPOutboundTrunk", sip.CreateSIPOutboundTrunkRequest(), text)
    trunk = understood(made, sip.SIPOutboundTrunkInfo())
    listed = await ruby_admin("ListSIPOutboundTrunk", sip.ListSIPOutboundTrunkRequest(), "")
    assert trunk in list(understood(listed, sip.ListSIPOutboundTrunkResponse()).items)

    named = f'sip_trunk_id: "{trunk.sip_trunk_id}"'
    update = 'update { name: "renamed" numbers { add: "+15105550199" } }'
    changed = await ruby_admin("UpdateSIPOutboundTrunk", sip.UpdateSIPOutboundTrunkRequest(), f"{named} {update}")
    told = understood(changed, sip.SIPOutboundTrunkInfo())
    assert (told.name, list(told.numbers), told.metadata) == ("renamed", ["+15105550100", "+15105550199"], "old")
    replacement = 'replace { name: "second" address: "other.example.com" numbers: "+15105550177" }'
    replaced = await ruby_admin("UpdateSIPOutboundTrunk", sip.UpdateSIPOutboundTrunkRequest(), f"{named} {replacement}")
    told = understood(replaced, sip.SIPOutboundTrunkInfo())
    assert (told.sip_trunk_id, told.address, told.metadata) == (trunk.sip_trunk_id, "other.example.com", "")

    deleted = await ruby_admin("DeleteSIPTrunk", sip.DeleteSIPTrunkRequest(), named)
    assert understood(deleted, sip.SIPTrunkInfo()) == sip.SIPTrunkInfo(sip_trunk_id=trunk.sip_trunk_id)
    listed = await ruby_admin("ListSIPOutboundTrunk", sip.ListSIPOutboundTrunkRequest(), "")
    items = understood(listed, sip.ListSIPOutboundTrunkResponse()).items
    assert trunk.sip_trunk_id not in [item.sip_trunk_id for item in items]


async def test_ruby_raises_what_the_server_says_of_a_trunk():
    text = 'trunk { name: "ruby" address: "sip.example.com" }'
    numberless = await ruby_admin("CreateSIPOutboundTrunk", sip.CreateSIPOutboundTrunkRequest(), text)
    assert raised(numberless) == (400, "invalid_argument", "no trunk numbers specified", {})
    text = 'sip_trunk_id: "ST_nothere" update { name: "ghost" }'
    unknown = await ruby_admin("UpdateSIPOutboundTrunk", sip.UpdateSIPOutboundTrunkRequest(), text)
    assert raised(unknown) == (404, "not_found", "requested sip trunk does not exist", {})
    body = protobuf(sip.ListSIPOutboundTrunkRequest(), "")
    caller = await exchange(ruby("livekit.SIP/ListSIPOutboundTrunk", ruby_token(video={}, sip={"call": True}), body))
    assert raised(caller) == (401, "unauthenticated", "permissions denied", {})


async def test_ruby_raises_why_a_call_failed(world):
    phone = await world.phone("refuse", {"code": 486, "reason": "Busy Here"})
    text = f'trunk {{ name: "ruby" address: "{phone.address}" numbers: "+15105550100" }}'
    made = await ruby_admin("CreateSIPOutboundTrunk", sip.CreateSIPOutboundTrunkRequest(), text)
    trunk = understood(made, sip.SIPOutboundTrunkInfo()).sip_trunk_id
    call = 'sip_call_to: "{}" room_name: "api-ruby" wait_until_answered: true sip_trunk_id: "{}"'
    token = ruby_token(video={}, sip={"call": True})
    body = protobuf(sip.CreateSIPParticipantRequest(), call.format("+15105550123", trunk))
    status, code, message, meta = raised(await exchange(ruby("livekit.SIP/CreateSIPParticipant", token, body)))
    assert (status, code) == (429, "resource_exhausted")
    assert message == "twirp error unknown: INVITE failed: sip status: 486: Busy Here"
    assert meta == {"error_details": BUSY_DETAILS, "sip_status": "Busy Here", "sip_status_code": "486"}
    body = protobuf(sip.CreateSIPParticipantRequest(), call.format("sip:me@example.com", trunk))
    refused = raised(await exchange(ruby("livekit.SIP/CreateSIPParticipant", token, body)))
    expected = "SipCallTo should be a phone number or SIP user, not a full SIP URI"
    assert refused == (400, "invalid_argument", expected, {})
