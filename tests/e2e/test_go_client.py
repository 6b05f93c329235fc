"""The official Go SDK, with two peer connections as it joins by default, and with one."""

import asyncio

import pytest
from livekit.protocol.sip import CreateSIPParticipantRequest

from harness.room import RATE
from harness.tones import hears
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


@pytest.mark.parametrize("single", [False, True], ids=["two peer connections", "one"])
async def test_go_and_a_phone_and_python_hear_each_other(livekit, join, join_go, baresip, trunk_to, single):
    phone = baresip(hertz=PHONE_HERTZ)
    gopher = await join_go("mixed", "gopher", publish="pcmu", hertz=GO_HERTZ, single=single)
    agent = await join("mixed", "agent")
    await agent.speak(PYTHON_HERTZ)
    await call(livekit, await trunk_to(phone.address), "mixed")

    subscribed = await gopher.tells("subscribed", identity="phone")
    assert subscribed["codec"].lower() == "audio/pcmu", "the phone's audio comes as it is"
    await until(lambda: hears(*gopher.recording("phone"), PHONE_HERTZ), "Go hears the phone", 15)
    await gopher.tells("hearing", identity="agent")
    await until(lambda: hears(agent.recording("gopher"), RATE, GO_HERTZ), "Python hears Go", 15)
    await until(lambda: hears(*phone.recording(), GO_HERTZ, 0.2), "the phone hears Go", 15)
    await until(lambda: hears(*phone.recording(), PYTHON_HERTZ, 0.2), "the phone hears Python", 15)
    await gopher.tells("attributes", identity="phone")


async def test_opus_that_go_hears_and_publishes_is_whole(join, join_go):
    """Go repeats the Opus packets that it hears: Python hears its own tone from Go."""
    await join_go("echo", "gopher", publish="echo")
    agent = await join("echo", "agent")
    await agent.speak(PYTHON_HERTZ)
    await until(lambda: hears(agent.recording("gopher"), RATE, PYTHON_HERTZ), "Python hears its own tone", 15)


async def test_data_and_digits_reach_go_and_come_from_it(livekit, join, join_go, baresip, trunk_to):
    gopher = await join_go("data", "gopher")
    agent = await join("data", "agent")
    await gopher.tells("joined", identity="agent")
    await agent.room.local_participant.publish_data(b"to go", reliable=True, topic="t")
    told = await gopher.tells("data", identity="agent")
    assert (told["text"], told["topic"]) == ("to go", "t")
    await agent.room.local_participant.publish_data(b"x" * 14_000, reliable=True)
    await gopher.tells("data", identity="agent", text="x" * 14_000)
    gopher.command("say hello from go")
    await until(lambda: ("gopher", b"hello from go") in agent.data, "Python gets Go's words")

    phone = baresip(hertz=PHONE_HERTZ)
    await call(livekit, await trunk_to(phone.address), "data")
    await gopher.tells("subscribed", identity="phone")
    phone.command("sndcode", "5")
    await gopher.tells("digit", identity="phone", digit="5")


async def test_a_track_is_left_and_taken_again(livekit, join_go, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ)
    gopher = await join_go("again", "gopher")
    await call(livekit, await trunk_to(phone.address), "again")
    await until(lambda: hears(*gopher.recording("phone"), PHONE_HERTZ), "Go hears the phone", 15)
    gopher.command("unsubscribe phone")
    await gopher.tells("ended", identity="phone")
    gopher.forget("phone")
    gopher.command("subscribe phone")
    await gopher.tells("subscribed", identity="phone", times=2)
    await until(lambda: hears(*gopher.recording("phone"), PHONE_HERTZ), "Go hears the phone again", 15)


async def test_unpublishing_and_leaving_are_seen(join, join_go):
    agent = await join("leave", "agent")
    gopher = await join_go("leave", "gopher", publish="pcmu", hertz=GO_HERTZ)
    await until(lambda: hears(agent.recording("gopher"), RATE, GO_HERTZ), "Python hears Go", 15)
    gopher.command("unpublish")
    await until(
        lambda: not agent.room.remote_participants["gopher"].track_publications, "Python sees that the track is gone"
    )
    await asyncio.gather(gopher.leave(), agent.sees_leave("gopher"))
