"""What a phone's network does before the answer and a phone does during the call: early media, hold, keys by INFO."""

import pytest
from livekit import api
from livekit.protocol.sip import CreateSIPParticipantRequest

from harness.calls import call
from harness.room import RATE, Participant
from harness.server import API_KEY, API_SECRET
from harness.tones import hears, tone_ulaw
from harness.waiting import until

ANNOUNCEMENT_HERTZ = 520
DIAL_TONE_HERTZ = 440
PHONE_HERTZ = 700
AGENT_HERTZ = 1_100


def attribute(agent, key: str) -> str | None:
    phone = agent.room.remote_participants.get("phone")
    return phone.attributes.get(key) if phone else None


def announcing(sipp):
    """A network that plays an announcement and then refuses the call: the usual "this number is not in use"."""
    return sipp("early_media", final="404 Not Found", files={"announcement.ulaw": tone_ulaw(ANNOUNCEMENT_HERTZ, 4)})


async def test_an_announcement_before_the_answer_is_heard_and_the_dial_tone_yields_to_it(livekit, join, sipp, trunk_to):
    network = announcing(sipp)
    agent = await join("early", "agent")
    await call(livekit, await trunk_to(network.address), "early", play_dialtone=True, wait_until_answered=False)

    await until(
        lambda: hears(agent.recording("phone", 1), RATE, ANNOUNCEMENT_HERTZ), "the announcement is heard alone", 5
    )
    assert not hears(agent.recording("phone", 0.5), RATE, DIAL_TONE_HERTZ)
    await until(lambda: "phone" in agent.left, "the call is refused", 10)
    await network.ends_well()


@pytest.mark.parametrize(
    "settings", [{"early_media": False}, {"trunks": [{"hosts": ["127.0.0.1"], "early_media": False}]}], ids=["all", "one"]
)
async def test_early_media_can_be_switched_off_for_all_trunks_or_one(make_server, sipp, settings):
    server = make_server(sip=settings)
    livekit = api.LiveKitAPI(server.url, API_KEY, API_SECRET)
    agent = await Participant(server, "early", "agent").join()
    try:
        network = announcing(sipp)
        inline = api.SIPOutboundConfig(hostname=network.address)
        await livekit.sip.create_sip_participant(
            CreateSIPParticipantRequest(
                trunk=inline,
                sip_number="+15105550199",
                sip_call_to="+15105550123",
                room_name="early",
                participant_identity="phone",
            )
        )
        await until(lambda: "phone" in agent.left, "the call is refused", 10)
        assert not hears(agent.recording("phone"), RATE, ANNOUNCEMENT_HERTZ)
    finally:
        await agent.leave()
        await livekit.aclose()


async def test_a_phone_on_hold_is_sent_nothing_and_comes_back(livekit, join, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ, codecs=("g711",))
    agent = await join("hold", "agent")
    await agent.speak(AGENT_HERTZ)
    await call(livekit, await trunk_to(phone.address), "hold")
    await until(lambda: hears(*phone.recording(), AGENT_HERTZ), "the phone hears the agent", 15)
    assert attribute(agent, "sip.hold") is None

    phone.command("hold")
    await until(lambda: attribute(agent, "sip.hold") == "true", "watchers see the hold")
    await until(lambda: attribute(agent, "sip.callStatus") == "active", "the call is up all the same")
    phone.command("resume")
    await until(lambda: attribute(agent, "sip.hold") == "false", "watchers see that it is over")
    agent.forget("phone")
    await until(lambda: hears(agent.recording("phone", 1), RATE, PHONE_HERTZ), "the agent hears the phone again", 15)
    assert agent.statuses[-1] == ("phone", "active")
