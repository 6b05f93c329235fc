"""What arrives broken gets a clear answer or a silent drop, and disturbs nobody."""

import json
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
