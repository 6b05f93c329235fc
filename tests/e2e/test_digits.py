"""Keys pressed on either side during the call arrive at the other, each once and in order."""

from livekit.protocol.sip import CreateSIPParticipantRequest

from harness.waiting import until


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


async def test_the_phone_presses_keys(livekit, join, baresip, trunk_to):
    phone = baresip()
    agent = await join("keys", "agent")
    await call(livekit, await trunk_to(phone.address), "keys")
    for position, key in enumerate("159#*0", start=1):
        phone.command("sndcode", key)
        await until(lambda: len(agent.digits) >= position, f"key {key} arrives; so far {agent.digits}")
    assert "".join(agent.digits) == "159#*0"


async def test_a_participant_presses_keys(livekit, join, baresip, trunk_to):
    phone = baresip()
    agent = await join("keys", "agent")
    await call(livekit, await trunk_to(phone.address), "keys")
    await agent.sees("phone", "active")
    for code, key in ((1, "1"), (10, "*"), (9, "9"), (11, "#")):
        await agent.room.local_participant.publish_dtmf(code=code, digit=key)
    await until(lambda: phone.digits() == "1*9#", f"the phone hears the keys; so far {phone.digits()}", 15)
