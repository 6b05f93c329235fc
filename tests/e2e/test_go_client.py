"""What is special about the official Go SDK: it gets and gives packets as they are."""

from livekit.protocol.sip import CreateSIPParticipantRequest

from harness import opus
from harness.room import RATE
from harness.tones import hears, tone
from harness.waiting import until

GO_HERTZ = 600
PYTHON_HERTZ = 1_100
PHONE_HERTZ = 700


async def call(livekit, trunk: str, room: str) -> None:
    await livekit.sip.create_sip_participant(
        CreateSIPParticipantRequest(
            sip_trunk_id=trunk,
            sip_call_to="+15105550123",
            room_name=room,
            participant_identity="phone",
            wait_until_answered=True,
        )
    )


async def test_opus_that_go_hears_and_publishes_is_whole(join, join_go):
    """Go repeats the Opus packets that it hears: Python hears its own tone from Go."""
    gopher = await join_go("echo", "gopher")
    await gopher.do("speak", codec="echo")
    agent = await join("echo", "agent")
    await agent.speak(PYTHON_HERTZ)
    await until(lambda: hears(agent.recording("gopher"), RATE, PYTHON_HERTZ), "Python hears its own tone", 15)


async def test_a_phone_hears_the_opus_samples_that_go_publishes(livekit, join_go, baresip, trunk_to):
    gopher = await join_go("samples", "gopher")
    packets = opus.encode(tone(GO_HERTZ, 1), RATE)
    await gopher.do("speak", codec="opus", packets=opus.in_text(packets))
    phone = baresip(hertz=PHONE_HERTZ)
    await call(livekit, await trunk_to(phone.address), "samples")
    await until(lambda: hears(*phone.recording(), GO_HERTZ, 0.6), "the phone hears Go", 15)


async def test_the_phones_packets_reach_go_as_they_are(livekit, join_go, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ)
    gopher = await join_go("again", "gopher")
    await call(livekit, await trunk_to(phone.address), "again")
    subscribed = await gopher.tells("subscribed", identity="phone")
    assert subscribed["codec"].lower() == "audio/pcmu"
    await gopher.hears("phone", PHONE_HERTZ)
    await gopher.do("subscribe", identity="phone", wanted=False)
    await gopher.tells("ended", identity="phone")
    await gopher.forget()
    await gopher.do("subscribe", identity="phone", wanted=True)
    await gopher.tells("subscribed", identity="phone", times=2)
    await gopher.hears("phone", PHONE_HERTZ)
