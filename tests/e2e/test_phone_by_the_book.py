"""The phone leg as the RFCs have it, told by SIPp: each scenario of tests/sipp is one story, checked on the wire."""

import asyncio
import re
from pathlib import Path

import pytest
from livekit import api
from livekit.protocol.models import DisconnectReason

from harness import digest
from harness.calls import call, hang_up
from harness.handset import Handset
from harness.room import Participant
from harness.server import API_KEY, API_SECRET
from harness.waiting import until

USER, PASSWORD = "caller", "correct horse"
COPIES = ("-nr",)


def asks(proxy: bool, *challenges: str) -> dict[str, str]:
    """Status and header fields of a challenge, to be put into a scenario."""
    name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
    status = "407 Proxy Authentication Required" if proxy else "401 Unauthorized"
    return {"status": status, "challenge": "\n".join(f"{name}: {challenge}" for challenge in challenges)}


def keys(prefix: str, challenge: dict[str, str]) -> dict[str, str]:
    return {f"{prefix}_{name}": text for name, text in challenge.items()}


def wants(algorithm: str, realm: str = "carrier.example", nonce: str = "one", more: str = "") -> str:
    return f'Digest realm="{realm}", nonce="{nonce}", algorithm={algorithm}, qop="auth"{more}'


# --- credentials (RFC 7616, 8760) ---------------------------------------------------------------------------------


@pytest.mark.parametrize("proxy", [False, True], ids=["401", "407"])
@pytest.mark.parametrize(
    ("challenges", "taken"),
    [
        ([wants("MD5")], "MD5"),
        ([wants("SHA-256")], "SHA-256"),
        ([wants("SHA-512-256")], "SHA-512-256"),
        ([wants("MD5"), wants("SHA-256"), wants("SHA-512-256")], "SHA-512-256"),
        (['Negotiate dGVzdA==', 'Basic realm="x"', wants("SHA-384", nonce="no"), wants("MD5")], "MD5"),
        (['Digest realm="old.example", nonce="two"'], None),
    ],
    ids=["md5", "sha-256", "sha-512-256", "the-strongest", "unknown-ones-passed-over", "without-qop"],
)
async def test_a_challenge_is_answered(livekit, sipp, trunk_to, server, proxy, challenges, taken):
    phone = sipp("challenge_once", **keys("once", asks(proxy, *challenges)))
    trunk = await trunk_to(phone.address, auth_username=USER, auth_password=PASSWORD)
    await call(livekit, trunk, "book")
    await hang_up(livekit, "book")
    await phone.ends_well()

    name = "Proxy-Authorization" if proxy else "Authorization"
    first, second = phone.received("INVITE")
    assert not digest.header(first, name), "nothing is told before it is asked for"
    (told,) = digest.header(second, name)
    assert digest.fields(told).get("algorithm") == taken
    assert digest.is_right(told, "INVITE", USER, PASSWORD), told
    (bye,) = phone.received("BYE")
    (told,) = digest.header(bye, name)
    assert digest.is_right(told, "BYE", USER, PASSWORD), "the dialog's later requests carry it too"
    assert PASSWORD not in server.log() and digest.fields(told)["response"] not in server.log()


@pytest.mark.parametrize(("user", "password"), [("", PASSWORD), (USER, "")], ids=["no-user", "no-password"])
async def test_half_of_the_credentials_may_be_empty(livekit, sipp, trunk_to, user, password):
    phone = sipp("challenge_once", **keys("once", asks(False, wants("MD5"))))
    trunk = await trunk_to(phone.address, auth_username=user, auth_password=password)
    await call(livekit, trunk, "book")
    await hang_up(livekit, "book")
    await phone.ends_well()
    (told,) = digest.header(phone.received("INVITE")[1], "Authorization")
    assert digest.is_right(told, "INVITE", user, password), told


async def test_a_proxy_and_then_the_phone_ask_and_both_answers_are_kept(livekit, sipp, trunk_to):
    first, second = asks(True, wants("MD5", "proxy.example")), asks(False, wants("SHA-256", "phone.example"))
    phone = sipp("challenge_twice", **keys("first", first), **keys("second", second))
    trunk = await trunk_to(phone.address, auth_username=USER, auth_password=PASSWORD)
    await call(livekit, trunk, "book")
    await hang_up(livekit, "book")
    await phone.ends_well()

    last_ack = phone.received("ACK")[-1]
    for message, method in [(phone.received("INVITE")[2], "INVITE"), (phone.received("BYE")[0], "BYE")]:
        (proxys,), (phones,) = digest.header(message, "Proxy-Authorization"), digest.header(message, "Authorization")
        assert digest.is_right(proxys, method, USER, PASSWORD) and digest.is_right(phones, method, USER, PASSWORD)
    assert digest.header(last_ack, "Proxy-Authorization") and digest.header(last_ack, "Authorization")


async def test_a_stale_nonce_is_replaced_and_is_no_wrong_password(livekit, sipp, trunk_to):
    first = asks(False, wants("MD5", nonce="old"))
    second = asks(False, wants("MD5", nonce="new", more=", stale=true"))
    phone = sipp("challenge_twice", **keys("first", first), **keys("second", second))
    trunk = await trunk_to(phone.address, auth_username=USER, auth_password=PASSWORD)
    await call(livekit, trunk, "book")
    await hang_up(livekit, "book")
    await phone.ends_well()

    (told,) = digest.header(phone.received("INVITE")[2], "Authorization")
    assert digest.fields(told)["nonce"] == "new" and digest.is_right(told, "INVITE", USER, PASSWORD)


async def test_a_bye_that_is_challenged_is_sent_again_with_the_answer(livekit, sipp, trunk_to):
    phone = sipp("challenge_bye")
    trunk = await trunk_to(phone.address, auth_username=USER, auth_password=PASSWORD)
    await call(livekit, trunk, "book")
    await hang_up(livekit, "book")
    await phone.ends_well()
    (told,) = digest.header(phone.received("BYE")[1], "Proxy-Authorization")
    assert digest.is_right(told, "BYE", USER, PASSWORD)


# --- the race for the answer (RFC 3261 §9, §13, RFC 6026) ---------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "options"),
    [("silent_then_cancelled", ()), ("cancel_and_487_get_lost", COPIES), ("answer_crosses_cancel", ())],
)
async def test_a_call_nobody_wants_any_more_is_taken_back(livekit, join, sipp, trunk_to, scenario, options):
    phone = sipp(scenario, options=options)
    watcher = await join("book", "watcher")
    await call(livekit, await trunk_to(phone.address), "book", wait_until_answered=False)
    called = "dialing" if scenario == "silent_then_cancelled" else "ringing"
    await watcher.sees("phone", called)
    await until(lambda: phone.received("INVITE"), "the phone is called")
    await hang_up(livekit, "book")
    await phone.ends_well()
    assert await watcher.sees_leave("phone") == DisconnectReason.PARTICIPANT_REMOVED


async def test_every_copy_of_the_answer_gets_its_ack_again(livekit, sipp, trunk_to):
    phone = sipp("answer_repeated", options=COPIES)
    await call(livekit, await trunk_to(phone.address), "book")
    await until(lambda: len(phone.received("ACK")) == 4, "four ACKs")
    assert len(set(phone.received("ACK"))) == 1, "each is the same ACK"
    await hang_up(livekit, "book")
    await phone.ends_well()


async def test_the_fork_that_answers_second_is_ended_and_the_first_keeps_the_call(livekit, join, sipp, trunk_to):
    phone = sipp("answer_from_two_forks")
    watcher = await join("book", "watcher")
    await call(livekit, await trunk_to(phone.address), "book")
    await until(lambda: phone.received("BYE"), "the second fork is ended")
    await watcher.sees("phone", "active")
    assert "phone" in watcher.room.remote_participants
    await hang_up(livekit, "book")
    await phone.ends_well()


async def test_any_2xx_is_an_answer(livekit, sipp, trunk_to):
    phone = sipp("answer_202_without_contact")
    await call(livekit, await trunk_to(phone.address), "book")
    await hang_up(livekit, "book")
    await phone.ends_well()


@pytest.mark.parametrize(
    ("scenario", "fields", "told"),
    [
        ("answer_unusable", {"formats": "18", "maps": "a=rtpmap:18 G729/8000"}, "no codec in common"),
        ("answer_unusable", {"formats": "101", "maps": "a=rtpmap:101 telephone-event/8000"}, "no codec in common"),
        ("answer_without_description", {}, "no session description"),
    ],
    ids=["another-codec", "only-digits", "no-description"],
)
async def test_an_answer_that_cannot_be_used_is_acknowledged_and_ended_with_the_reason(
    livekit, sipp, trunk_to, scenario, fields, told
):
    phone = sipp(scenario, **fields)
    with pytest.raises(api.ServerError) as raised:
        await call(livekit, await trunk_to(phone.address), "book")
    assert raised.value.code == "failed_precondition" and told in raised.value.message, "the caller is told why"
    await phone.ends_well()
    (reason,) = digest.header(phone.received("BYE")[0], "Reason")
    assert "cause=488" in reason and told in reason, "and so is the phone"


async def test_every_provisional_response_keeps_the_call_ringing(livekit, join, sipp, trunk_to, server):
    phone = sipp("every_provisional")
    watcher = await join("book", "watcher")
    await call(livekit, await trunk_to(phone.address), "book")
    await watcher.sees("phone", "active")
    assert watcher.statuses_of("phone")[-2:] == ["ringing", "active"]
    assert watcher.room.remote_participants["phone"].attributes["sip.progress"] == "session_progress", "the last of them"
    await hang_up(livekit, "book")
    await phone.ends_well()
    await until(lambda: "call ended" in server.log(), "the call is told")
    told = next(line for line in server.log().splitlines() if '"call ended"' in line)
    for kind in ("Trying", "Ringing", "Alerting", "Forwarded", "Queued", "SessionProgress"):
        assert f'"inviteTo{kind}Ms"' in told, f"{kind} has a time of its own: {told}"


@pytest.mark.parametrize("scenario", ["reliable_progress", "prack_never_answered", "update_before_answer"])
async def test_reliable_responses_are_acknowledged_and_delay_nothing(livekit, sipp, trunk_to, scenario):
    phone = sipp(scenario)
    await asyncio.wait_for(call(livekit, await trunk_to(phone.address), "book"), 5)
    await hang_up(livekit, "book")
    await phone.ends_well()


@pytest.mark.parametrize("heard", [True, False], ids=["early-media", "no-early-media"])
async def test_an_answer_in_a_reliable_183_needs_none_in_the_200(make_server, sipp, heard):
    """RFC 3262 §5; whether the room may hear the phone before the 200 or not."""
    server = make_server(sip={"trunks": [{"hosts": ["127.0.0.1"], "early_media": heard}]})
    livekit = api.LiveKitAPI(server.url, API_KEY, API_SECRET)
    watcher = await Participant(server, "book", "watcher").join()
    try:
        phone = sipp("answered_in_183")
        trunk = api.SIPOutboundTrunkInfo(name="e2e", address=phone.address, numbers=["+15105550100"])
        made = await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
        await asyncio.wait_for(call(livekit, made.sip_trunk_id, "book"), 5)
        await watcher.sees("phone", "active")
        await hang_up(livekit, "book")
        await phone.ends_well()
    finally:
        await watcher.leave()
        await livekit.aclose()


async def test_a_redirection_elsewhere_is_reported(livekit, sipp, trunk_to):
    phone = sipp("redirect", target="sip:+15105550199@192.0.2.99")
    with pytest.raises(api.SipCallError) as raised:
        await call(livekit, await trunk_to(phone.address), "book")
    assert raised.value.sip_status_code == 302
    assert "redirected to <sip:+15105550199@192.0.2.99>" in raised.value.message, "with the contact"
    await phone.ends_well()


# --- inside the dialog (RFC 3261 §12, §14, RFC 3311) --------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "options", "fields"),
    [
        ("stray_byes", (), {}),
        ("reinvite", (), {"direction": "sendonly", "address": "[media_ip]"}),
        ("reinvite", (), {"direction": "inactive", "address": "[media_ip]"}),
        ("reinvite", (), {"direction": "sendrecv", "address": "0.0.0.0"}),
        ("reinvite_without_offer", (), {}),
        ("reinvite_refused", (), {}),
        ("reinvite_ack_lost", COPIES, {}),
        ("update", (), {}),
        ("every_method", (), {}),
        ("session_refreshed_by_update", (), {}),
        ("session_refreshed_by_reinvite", (), {}),
        ("session_refreshed_by_the_phone", (), {}),
    ],
)
async def test_what_a_phone_asks_inside_the_call_is_answered_until_it_hangs_up(
    livekit, join, sipp, trunk_to, scenario, options, fields
):
    phone = sipp(scenario, options=options, **fields)
    agent = await join("book", "agent")
    # The SDK drops a digit of somebody who has left, and these calls are over sooner than a data channel is open.
    await livekit.room.send_data(api.SendDataRequest(room="book", data=b"ready"))
    await until(lambda: agent.data, "the agent's data channel is open")
    await call(livekit, await trunk_to(phone.address), "book")
    await phone.ends_well(40)
    assert await agent.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED, "only its own BYE ended the call"
    if scenario == "every_method":
        # They come by the data channel, the end by signalling.
        await until(lambda: agent.digits == ["7", "#"], lambda: f"INFO of both kinds is heard as digits: {agent.digits}", 5)


@pytest.mark.parametrize(
    ("direction", "address", "mirrored"),
    [("sendonly", "[media_ip]", "recvonly"), ("inactive", "[media_ip]", "inactive"), ("sendrecv", "0.0.0.0", "recvonly")],
)
async def test_a_hold_of_any_kind_is_answered_with_its_mirror_and_shown(livekit, join, sipp, trunk_to, direction, address, mirrored):
    phone = sipp("reinvite", direction=direction, address=address)
    agent = await join("book", "agent")
    shown: list[str] = []
    agent.room.on("participant_attributes_changed", lambda changed, _: shown.extend(v for k, v in changed.items() if k == "sip.hold"))
    await call(livekit, await trunk_to(phone.address), "book")
    await phone.ends_well(40)
    answers = [block for block in re.split(r"-{20,} ", phone.trace()) if "message received" in block and "\n\nSIP/2.0 200" in block]
    told = [match[1] for block in answers if (match := re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)", block, re.MULTILINE))]
    assert told == [mirrored, "sendrecv"]
    await until(lambda: shown == ["true", "false"], lambda: f"watchers see the hold and its end: {shown}", 5)


async def test_an_offer_is_sent_again_with_credentials_and_after_491_at_a_moment_of_its_own(livekit, sipp, join, trunk_to):
    """RFC 3261 §14.1: who made the Call-ID waits 2.1 to 4 s."""
    phone = sipp("offers_cross", **keys("once", asks(False, wants("SHA-256"))))
    watcher = await join("book", "watcher")
    trunk = await trunk_to(phone.address, auth_username=USER, auth_password=PASSWORD)
    await call(livekit, trunk, "book")
    await phone.ends_well(30)
    assert await watcher.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED, "only its own BYE ended the call"
    _, plain, challenged, late = phone.received("INVITE")
    assert not digest.header(plain, "Authorization")
    for again in (challenged, late):
        (told,) = digest.header(again, "Authorization")
        assert digest.is_right(told, "INVITE", USER, PASSWORD), told
    numbers = [int(digest.header(message, "CSeq")[0].split()[0]) for message in (plain, challenged, late)]
    assert numbers == sorted(set(numbers)), "each is a request of its own"
    waited = phone.moments("INVITE")[4] - phone.moments("SIP/2.0 491")[1]
    print(f"{waited:.2f} s after 491")
    assert 2.0 < waited < 4.5


@pytest.mark.parametrize("order", ["behind", "before"])
async def test_a_phone_that_hangs_up_in_the_moment_it_answers_is_gone_at_once(livekit, join, trunk_to, order):
    def rings(phone: Handset, invite: str) -> list[str]:
        both = [phone.answer(invite), phone.bye(invite)]
        return [phone.response(invite, "180 Ringing"), *(both if order == "behind" else reversed(both))]

    phone = Handset(rings)
    try:
        watcher = await join("book", "watcher")
        await call(livekit, await trunk_to(phone.address), "book", wait_until_answered=False)
        assert await watcher.sees_leave("phone", 5) == DisconnectReason.CLIENT_INITIATED
        await until(lambda: phone.of("ACK"), lambda: f"the answer is acknowledged: {phone.got}")
        await until(lambda: phone.of("SIP/2.0 200"), lambda: f"and the BYE answered: {phone.got}")
        assert not phone.of("BYE") and not phone.of("CANCEL"), "nothing is left to be ended"
    finally:
        phone.stop()


async def test_a_phone_that_does_not_refresh_its_session_is_hung_up_with_the_reason(livekit, join, sipp, trunk_to):
    phone = sipp("session_not_refreshed")
    watcher = await join("book", "watcher")
    await call(livekit, await trunk_to(phone.address), "book")
    await watcher.sees_leave("phone", 15)
    await phone.ends_well()


async def test_a_longer_session_is_offered_where_half_an_hour_is_too_short(livekit, sipp, trunk_to):
    phone = sipp("session_too_small")
    await call(livekit, await trunk_to(phone.address), "book")
    await hang_up(livekit, "book")
    await phone.ends_well()


async def test_calls_over_tcp_share_one_connection(server, livekit, sipp, trunk_to):
    phone = sipp("answer_until_bye", calls=3, transport="t1")
    trunk = await trunk_to(phone.address, transport=api.SIPTransport.SIP_TRANSPORT_TCP)
    for _ in range(3):
        await call(livekit, trunk, "book")
        assert len(connections_to(phone.port)) == 1
        await hang_up(livekit, "book")
    await phone.ends_well()


def connections_to(port: int) -> list[str]:
    """The established TCP connections to a port of this machine."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [fields[1] for fields in lines if fields[2].endswith(f":{port:04X}") and fields[3] == "01"]
