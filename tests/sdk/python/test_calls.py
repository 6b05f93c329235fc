"""Calls: every option of CreateSIPParticipant, what it returns or raises, and what the phone is sent."""

import re

import pytest
from conftest import CALLEE, body, call, header, headers
from livekit import api
from livekit.protocol.sip import (
    CreateSIPParticipantRequest,
    SIPCodec,
    SIPHeaderOptions,
    SIPMediaConfig,
    SIPNamedDest,
    SIPOutboundConfig,
    SIPRequestDest,
    SIPUri,
)


async def participant(livekit, request: CreateSIPParticipantRequest):
    who = api.RoomParticipantIdentity(room=request.room_name, identity=request.participant_identity)
    return await livekit.room.get_participant(who)


async def remove(livekit, request: CreateSIPParticipantRequest) -> None:
    who = api.RoomParticipantIdentity(room=request.room_name, identity=request.participant_identity)
    await livekit.room.remove_participant(who)


async def test_a_call_with_everything(livekit, world, trunk_to):
    phone = await world.phone("answer_until_bye")
    trunk = await trunk_to(
        phone.address,
        transport=api.SIPTransport.SIP_TRANSPORT_UDP,
        headers={"X-Account": "42", "X-Both": "trunk"},
        headers_to_attributes={"X-Carrier": "carrier.name"},
        attributes_to_headers={"ticket": "X-Ticket"},
    )
    request = call(
        trunk,
        sip_number="+15105550111",
        participant_name="The Callee",
        display_name="Support Line",
        participant_metadata='{"ticket":7}',
        participant_attributes={"ticket": "7", "sip.trunkID": "forged"},
        headers={"X-A": "b", "X-Both": "request"},
        include_headers=SIPHeaderOptions.SIP_ALL_HEADERS,
        krisp_enabled=True,
        play_dialtone=True,
        wait_until_answered=True,
    )
    request.ringing_timeout.FromSeconds(20)
    request.max_call_duration.FromSeconds(60)

    info = await livekit.sip.create_sip_participant(request)

    assert info.participant_identity == "callee"
    assert info.room_name == request.room_name
    assert info.participant_id.startswith("PA_")
    assert info.sip_call_id.startswith("SCL_")
    invite = await phone.invite()
    assert invite.startswith(f"INVITE sip:{CALLEE}@{phone.address};transport=udp SIP/2.0")
    assert header(invite, "From").startswith('"Support Line" <sip:+15105550111@')
    assert header(invite, "To") == f"<sip:{CALLEE}@{phone.address};transport=udp>"
    assert [headers(invite, name) for name in ("X-A", "X-Account", "X-Both")] == [["b"], ["42"], ["request"]]
    seen = await participant(livekit, request)
    assert (seen.sid, seen.name, seen.metadata) == (info.participant_id, "The Callee", '{"ticket":7}')
    expected = {
        "ticket": "7",
        "sip.trunkID": trunk,
        "sip.callID": info.sip_call_id,
        "sip.callStatus": "active",
        "sip.phoneNumber": CALLEE,
        "sip.trunkPhoneNumber": "+15105550111",
        "sip.hostname": phone.address,
        "sip.callIDFull": header(invite, "Call-ID"),
        "carrier.name": "stranger",
        "sip.h.x-carrier": "stranger",
        "sip.h.content-type": "application/sdp",
    }
    assert {key: seen.attributes.get(key) for key in expected} == expected
    await remove(livekit, request)
    [bye] = await phone.requests("BYE")
    assert header(bye, "X-Ticket") == "7", "an attribute goes out as a header when the call ends"
    await phone.story()


async def test_the_display_name_not_given_empty_given(livekit, world, trunk_to):
    phone = await world.phone("refuse", {"code": 486, "reason": "Busy Here"}, calls=3)
    trunk = await trunk_to(phone.address)
    for name in ({}, {"display_name": ""}, {"display_name": 'Dr. \\"Who\\"'}):
        with pytest.raises(api.SipCallError):
            await livekit.sip.create_sip_participant(call(trunk, wait_until_answered=True, **name))
    absent, empty, given = [header(invite, "From") for invite in await phone.requests("INVITE", 3)]
    assert absent.startswith('"+15105550100" <sip:+15105550100@')
    assert empty.startswith("<sip:+15105550100@")
    assert given.startswith('"Dr. \\"Who\\"" <sip:+15105550100@')


async def test_the_addresses_can_be_chosen_one_by_one(livekit, world, trunk_to):
    phone = await world.phone("refuse", {"code": 486, "reason": "Busy Here"}, calls=3)
    host, _, port = phone.address.partition(":")
    elsewhere = await trunk_to("127.0.0.1:9")
    chosen = [
        {
            "sip_request_uri": SIPRequestDest(raw=f"<sip:gate@{phone.address};user=phone>"),
            "to_user_override": "operator",
            "sip_from_header": SIPNamedDest(raw="sip:desk@example.com", display_name="Desk"),
        },
        {
            "sip_request_uri": SIPRequestDest(values=SIPUri(user="gate", ip=host, port=int(port))),
            "sip_from_header": SIPNamedDest(values=SIPUri(user="desk", host="example.com")),
        },
        {"headers": {"Route": f"<sip:{phone.address};lr>"}},
    ]
    for fields in chosen:
        with pytest.raises(api.SipCallError):
            await livekit.sip.create_sip_participant(call(elsewhere, wait_until_answered=True, **fields))
    raw, values, routed = await phone.requests("INVITE", 3)
    assert raw.startswith(f"INVITE sip:gate@{phone.address};user=phone SIP/2.0")
    assert header(raw, "To").startswith("<sip:operator@")
    assert "<sip:desk@example.com>" in header(raw, "From")
    assert values.startswith(f"INVITE sip:gate@{phone.address} SIP/2.0")
    assert "<sip:desk@example.com>" in header(values, "From")
    assert routed.startswith(f"INVITE sip:{CALLEE}@127.0.0.1:9 SIP/2.0"), "the packet takes the route, not the URI"
    assert headers(routed, "Route") == [f"<sip:{phone.address};lr>"]


async def test_a_hidden_number_shows_nowhere_in_the_room(livekit, world, trunk_to):
    phone = await world.phone("answer_until_bye")
    request = call(await trunk_to(phone.address), hide_phone_number=True, wait_until_answered=True)
    await livekit.sip.create_sip_participant(request)
    seen = await participant(livekit, request)
    assert not {"sip.phoneNumber", "sip.trunkPhoneNumber", "sip.hostname"} & set(seen.attributes)
    await remove(livekit, request)
    await phone.story()


async def test_a_trunk_can_come_with_the_call(livekit, world):
    phone = await world.phone("answer_after_challenge")
    trunk = SIPOutboundConfig(
        hostname=phone.address,
        transport=api.SIPTransport.SIP_TRANSPORT_UDP,
        auth_username="caller",
        auth_password="correct horse",
        headers_to_attributes={"X-Carrier": "carrier.name"},
        attributes_to_headers={"why": "X-Why"},
        from_host="pbx.example.com",
    )
    request = call("", trunk=trunk, sip_number="+15105550100", wait_until_answered=True)
    request.participant_attributes["why"] = "test"
    await livekit.sip.create_sip_participant(request)
    first, _second = await phone.requests("INVITE", 2)
    assert header(first, "From").startswith('"+15105550100" <sip:+15105550100@pbx.example.com')
    assert (await participant(livekit, request)).attributes["carrier.name"] == "stranger"
    await remove(livekit, request)
    [bye] = await phone.requests("BYE")
    assert header(bye, "X-Why") == "test"
    await phone.story()


async def test_digits_are_sent_after_the_answer_and_before_the_call_returns(livekit, world, trunk_to):
    phone = await world.phone("baresip")
    request = call(await trunk_to(phone.address), dtmf="*123#ww456", wait_until_answered=True)
    watcher = await world.listener(request.room_name)
    await livekit.sip.create_sip_participant(request)
    assert await phone.digits(8) == "*123#456"
    assert (await watcher.statuses("callee", "active"))[-2:] == ["automation", "active"]
    await remove(livekit, request)


@pytest.mark.parametrize("option", ["play_dialtone", "play_ringtone"])
async def test_the_room_hears_a_dial_tone_by_the_old_name_and_the_new(livekit, world, trunk_to, option):
    phone = await world.phone("ring_until_cancelled")
    request = call(await trunk_to(phone.address), **{option: True})
    watcher = await world.listener(request.room_name)
    await livekit.sip.create_sip_participant(request)
    assert await watcher.hears("callee", 425)
    await remove(livekit, request)
    await phone.story()


async def test_a_call_ends_when_its_longest_duration_is_over(livekit, world, trunk_to):
    phone = await world.phone("answer_until_bye")
    request = call(await trunk_to(phone.address), wait_until_answered=True)
    request.max_call_duration.FromMilliseconds(1500)
    watcher = await world.listener(request.room_name)
    await livekit.sip.create_sip_participant(request)
    await phone.story()
    assert await watcher.left("callee") == api.DisconnectReason.CLIENT_INITIATED


async def test_the_codecs_that_are_asked_for_are_offered(livekit, world, trunk_to):
    phone = await world.phone("refuse", {"code": 488, "reason": "Not Acceptable Here"}, calls=3)
    trunk = await trunk_to(phone.address, media=SIPMediaConfig(codecs=[SIPCodec(name="PCMA")]))
    for media in (
        SIPMediaConfig(),
        SIPMediaConfig(codecs=[SIPCodec(name="PCMU", rate=8000)]),
        SIPMediaConfig(only_listed_codecs=True, codecs=[SIPCodec(name="pcmu")]),
    ):
        with pytest.raises(api.SipCallError):
            await livekit.sip.create_sip_participant(call(trunk, media=media, wait_until_answered=True))
    offers = [re.search(r"m=audio \d+ (.*)", body(invite)).group(1) for invite in await phone.requests("INVITE", 3)]
    assert re.fullmatch(r"RTP/AVP 8 0 \d+", offers[0]), "the trunk's codecs"
    assert re.fullmatch(r"RTP/AVP 0 8 \d+", offers[1]), "the request's codecs win"
    assert re.fullmatch(r"RTP/AVP 0 \d+", offers[2]), "only what is listed"


async def test_a_phone_that_falls_silent_is_given_up_after_the_media_timeout(livekit, world, trunk_to):
    phone = await world.phone("baresip")
    media = SIPMediaConfig()
    media.media_timeout.FromMilliseconds(800)
    request = call(await trunk_to(phone.address), media=media, wait_until_answered=True)
    watcher = await world.listener(request.room_name)
    await livekit.sip.create_sip_participant(request)
    await watcher.hears("callee", 700)
    await phone.dies()
    assert await watcher.left("callee") != 0, "well before the 15 s that are the rule"


REFUSALS = [
    (486, "Busy Here", "resource_exhausted", 429),
    (603, "Decline", "permission_denied", 403),
    (404, "Not Found", "not_found", 404),
    (480, "Temporarily Unavailable", "resource_exhausted", 429),
    (503, "Service Unavailable", "failed_precondition", 412),
]


@pytest.mark.parametrize("code, reason, twirp, status", REFUSALS)
async def test_a_refusal_raises_with_the_telephone_s_code(livekit, world, trunk_to, code, reason, twirp, status):
    phone = await world.phone("refuse", {"code": code, "reason": reason})
    with pytest.raises(api.SipCallError) as raised:
        await livekit.sip.create_sip_participant(call(await trunk_to(phone.address), wait_until_answered=True))
    error = raised.value
    assert (error.sip_status_code, error.sip_status) == (code, reason)
    assert (error.code, error.status) == (twirp, status)
    assert f"sip status: {code}: {reason}" in error.message
    assert error.metadata["error_details"]


async def test_nobody_answers(livekit, world, trunk_to):
    phone = await world.phone("ring_until_cancelled")
    request = call(await trunk_to(phone.address), wait_until_answered=True)
    request.ringing_timeout.FromSeconds(1)
    with pytest.raises(api.ServerError) as raised:
        await livekit.sip.create_sip_participant(request)
    assert not isinstance(raised.value, api.SipCallError)
    assert (raised.value.code, raised.value.status) == ("canceled", 408)
    assert "sip request timed out" in raised.value.message
    await phone.story()
