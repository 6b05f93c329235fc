"""What arrives broken gets a clear answer or a silent drop, and disturbs nobody."""

import json
import random
import socket
import urllib.error
import urllib.request

from livekit import api

from harness.server import API_KEY, API_SECRET


def post(server, path: str, body: bytes, content_type: str = "application/json", token: str | None = None):
    headers = {"Content-Type": content_type}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    asked = urllib.request.Request(server.url + path, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()


def admin() -> str:
    grants = api.SIPGrants(admin=True, call=True)
    return api.AccessToken(API_KEY, API_SECRET).with_sip_grants(grants).to_jwt()


def test_broken_json_is_malformed(server):
    status, kind, body = post(server, "/twirp/livekit.SIP/CreateSIPOutboundTrunk", b"{nope", token=admin())
    assert (status, kind) == (400, "application/json")
    assert json.loads(body)["code"] == "malformed"


def test_an_unknown_method_is_a_bad_route(server):
    status, _, body = post(server, "/twirp/livekit.SIP/CreateSIPTrunk", b"{}", token=admin())
    assert status == 404
    assert json.loads(body)["code"] == "bad_route"


def test_a_known_method_that_is_not_built_says_so(server):
    status, _, body = post(server, "/twirp/livekit.Egress/StartRoomCompositeEgress", b"{}", token=admin())
    assert status == 501
    assert json.loads(body)["code"] == "unimplemented"


def test_no_token_is_unauthenticated(server):
    status, _, body = post(server, "/twirp/livekit.SIP/ListSIPOutboundTrunk", b"{}")
    assert status == 401
    assert json.loads(body)["code"] == "unauthenticated"


def test_a_bad_token_is_not_echoed(server):
    token = admin() + "x"
    status, _, body = post(server, "/twirp/livekit.SIP/ListSIPOutboundTrunk", b"{}", token=token)
    assert status == 401
    assert token.encode() not in body


async def test_rubbish_on_every_port_does_not_disturb_a_call(server, livekit, join, sipp, trunk_to):
    phone = sipp("answer_until_bye")
    watcher = await join("rubbish", "watcher")
    await livekit.sip.create_sip_participant(
        api.CreateSIPParticipantRequest(
            sip_trunk_id=await trunk_to(phone.address),
            sip_call_to="+15105550123",
            room_name="rubbish",
            participant_identity="phone",
            wait_until_answered=True,
        )
    )
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gun:
        for port in (server.sip_port, server.rtc_port, *range(30_000, 30_100)):
            for _ in range(30):
                gun.sendto(dice.randbytes(dice.randrange(1, 1_200)), ("127.0.0.1", port))
        gun.sendto(b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1\r\n\r\n", ("127.0.0.1", server.sip_port))
    for port in (server.sip_port, server.http_port):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as gun:
            gun.sendall(dice.randbytes(4_096))
    assert server.process.poll() is None
    assert "panicked" not in server.log()
    assert "phone" in watcher.room.remote_participants
    await livekit.room.remove_participant(api.RoomParticipantIdentity(room="rubbish", identity="phone"))
    await phone.ends_well()
