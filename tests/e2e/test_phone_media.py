"""The phone's audio in every way it can be carried: encrypted or not, in each codec, with digits of each kind."""

import pytest
from livekit import api
from livekit.protocol.sip import CreateSIPParticipantRequest, SIPCodec, SIPMediaConfig, SIPMediaEncryption

from harness.room import RATE
from harness.tones import hears
from harness.waiting import until

DISABLE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_DISABLE
ALLOW = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW
REQUIRE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE
AGENT_HERTZ = 1_100
PHONE_HERTZ = 700
SRTP = ("g711", "srtp")


async def call(livekit, trunk: str, room: str, media: SIPMediaConfig, **more):
    return await livekit.sip.create_sip_participant(
        CreateSIPParticipantRequest(
            sip_trunk_id=trunk,
            sip_call_to="+15105550123",
            room_name=room,
            participant_identity="phone",
            wait_until_answered=True,
            media=media,
            **more,
        )
    )


async def both_hear_each_other(agent, phone) -> None:
    await until(lambda: hears(agent.recording("phone"), RATE, PHONE_HERTZ), "the agent hears the phone", 15)
    await until(lambda: hears(*phone.recording(), AGENT_HERTZ), "the phone hears the agent", 15)


@pytest.mark.parametrize(
    ("wish", "modules", "account", "encrypted"),
    [
        (DISABLE, SRTP, ";mediaenc=srtp", False),
        (ALLOW, ("g711",), "", False),
        (ALLOW, SRTP, ";mediaenc=srtp", True),
        (ALLOW, SRTP, ";mediaenc=srtp-mand", True),
        (REQUIRE, SRTP, ";mediaenc=srtp", True),
        (REQUIRE, SRTP, ";mediaenc=srtp-mand", True),
    ],
    ids=["off", "allowed-plain", "allowed", "allowed-mandatory", "required", "required-mandatory"],
)
async def test_encrypted_calls_are_heard_and_plain_phones_still_answer(
    livekit, join, baresip, trunk_to, server, wish, modules, account, encrypted
):
    phone = baresip(hertz=PHONE_HERTZ, codecs=modules, account=account)
    agent = await join("secret", "agent")
    await agent.speak(AGENT_HERTZ)

    await call(livekit, await trunk_to(phone.address), "secret", SIPMediaConfig(encryption=wish))

    await both_hear_each_other(agent, phone)
    assert ("SRTP is Enabled" in phone.screen()) == encrypted, phone.screen()[-3000:]
    assert "inline:" not in server.log(), "keys are in no log"
    phone.command("sndcode", "5")
    await until(lambda: agent.digits == ["5"], f"a key arrives, encrypted or not; so far {agent.digits}")


async def test_a_phone_without_encryption_is_not_called_when_it_is_required(livekit, join, baresip, trunk_to):
    phone = baresip(codecs=("g711",))
    await join("secret", "agent")
    trunk = await trunk_to(phone.address)

    with pytest.raises(api.TwirpError) as refused:
        await call(livekit, trunk, "secret", SIPMediaConfig(encryption=REQUIRE))

    assert "encrypted" in refused.value.message or "488" in refused.value.message, refused.value.message


async def test_a_wideband_phone_is_heard_and_hears(livekit, join, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ, codecs=("g722", "g711"))
    agent = await join("wide", "agent")
    await agent.speak(AGENT_HERTZ)

    media = SIPMediaConfig(codecs=[SIPCodec(name="G722", rate=8000)])
    await call(livekit, await trunk_to(phone.address), "wide", media)

    await both_hear_each_other(agent, phone)
    assert "Set audio encoder: G722" in phone.screen(), phone.screen()[-3000:]
    phone.command("sndcode", "5")
    await until(lambda: agent.digits == ["5"], f"a key arrives; so far {agent.digits}")


async def test_only_the_listed_codecs_are_offered_in_their_order(livekit, join, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ, codecs=("g711", "g722"))
    agent = await join("order", "agent")
    await agent.speak(AGENT_HERTZ)

    media = SIPMediaConfig(codecs=[SIPCodec(name="PCMA", rate=8000)], only_listed_codecs=True)
    await call(livekit, await trunk_to(phone.address), "order", media)

    await both_hear_each_other(agent, phone)
    assert "Set audio encoder: PCMA" in phone.screen(), phone.screen()[-3000:]
