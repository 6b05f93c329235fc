"""The call of the documentation, with its own Python code: a phone rings, answers, and both sides hear each other."""

import asyncio

from livekit import api
from livekit.protocol.sip import CreateSIPParticipantRequest

from harness.calls import call
from harness.room import RATE
from harness.tones import hears
from harness.waiting import until

AGENT_HERTZ = 1_100
PHONE_HERTZ = 700


async def test_both_sides_hear_each_other_and_the_status_tells_the_story(livekit, join, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ)
    agent = await join("my-sip-room", "agent")
    await agent.speak(AGENT_HERTZ)
    request = CreateSIPParticipantRequest(
        sip_trunk_id=await trunk_to(phone.address),
        sip_call_to="+15105550123",
        room_name="my-sip-room",
        participant_identity="sip-test",
        participant_name="Test Caller",
        wait_until_answered=True,
    )

    participant = await livekit.sip.create_sip_participant(request)

    assert participant.participant_identity == "sip-test"
    assert participant.participant_id.startswith("PA_")
    assert participant.sip_call_id.startswith("SCL_")
    assert participant.room_name == "my-sip-room"
    await agent.sees("sip-test", "active")
    statuses = agent.statuses_of("sip-test")
    assert [s for s in statuses if s in ("dialing", "ringing", "active")] == statuses
    await until(lambda: hears(agent.recording("sip-test"), RATE, PHONE_HERTZ), "the agent hears the phone", 15)
    await until(lambda: hears(*phone.recording(), AGENT_HERTZ), "the phone hears the agent", 15)

    seen = agent.room.remote_participants["sip-test"]
    assert seen.name == "Test Caller"
    assert seen.attributes["sip.phoneNumber"] == "+15105550123"
    assert seen.attributes["sip.trunkPhoneNumber"] == "+15105550100"
    assert seen.attributes["sip.hostname"] == phone.address
    assert seen.attributes["sip.callID"] == participant.sip_call_id
    assert seen.attributes["sip.callIDFull"]
    assert seen.attributes["sip.callTag"]

    await livekit.room.remove_participant(api.RoomParticipantIdentity(room="my-sip-room", identity="sip-test"))
    await asyncio.to_thread(phone.waits_for, "CALL_CLOSED")


async def test_everything_the_seed_asks_for_at_once(livekit, join, baresip, trunk_to):
    """krisp_enabled, wait_until_answered, digits and the dial tone in one call."""
    phone = baresip(hertz=PHONE_HERTZ, answer="manual")
    agent = await join("full", "agent")
    await agent.speak(AGENT_HERTZ)
    trunk = await trunk_to(phone.address)
    placing = asyncio.ensure_future(
        livekit.sip.create_sip_participant(
            CreateSIPParticipantRequest(
                sip_trunk_id=trunk,
                sip_call_to="+15105550123",
                room_name="full",
                participant_identity="sip-test",
                krisp_enabled=True,
                wait_until_answered=True,
                play_dialtone=True,
                dtmf="*123#ww456",
            )
        )
    )
    await agent.sees("sip-test", "ringing")
    await until(lambda: hears(agent.recording("sip-test"), RATE, 425), "the agent hears the dial tone", 15)
    assert not placing.done()
    phone.command("accept")
    await agent.sees("sip-test", "automation")
    await placing
    await agent.sees("sip-test", "active")
    assert agent.statuses_of("sip-test")[-3:] == ["ringing", "automation", "active"]
    await until(lambda: phone.digits() == "*123#456", f"the digits arrive; so far {phone.digits()}")
    agent.forget()
    await until(lambda: hears(*phone.recording(), AGENT_HERTZ), "the phone hears the agent", 15)
    await until(lambda: len(agent.recording("sip-test")) > 2 * RATE, "two seconds after the answer are recorded", 15)
    assert not hears(agent.recording("sip-test", 1.0), RATE, 425), "the dial tone stops at the answer"


async def test_a_call_that_does_not_wait_returns_while_the_phone_rings(livekit, join, baresip, trunk_to):
    phone = baresip(answer="manual")
    agent = await join("no-wait", "agent")
    made = await livekit.sip.create_sip_participant(
        CreateSIPParticipantRequest(
            sip_trunk_id=await trunk_to(phone.address), sip_call_to="+15105550123", room_name="no-wait"
        )
    )
    assert made.participant_identity == "sip_+15105550123", "the default identity"
    await agent.sees("sip_+15105550123", "ringing")
    phone.command("accept")
    await agent.sees("sip_+15105550123", "active")


async def test_three_talkers_are_mixed_for_the_phone(livekit, join, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ)
    tones = {"one": 900, "two": 1_300, "three": 1_900}
    people = {}
    for identity, hertz in tones.items():
        people[identity] = await join("party", identity)
        await people[identity].speak(hertz)
    await call(livekit, await trunk_to(phone.address), "party")
    for hertz in tones.values():
        await until(lambda: hears(*phone.recording(), hertz, 0.2), f"the phone hears {hertz} Hz", 15)
    for identity, person in people.items():
        await until(lambda: hears(person.recording("phone"), RATE, PHONE_HERTZ), f"{identity} hears the phone", 15)
        for other, hertz in tones.items():
            if other != identity:
                await until(lambda: hears(person.recording(other), RATE, hertz), f"{identity} hears {other}", 15)
