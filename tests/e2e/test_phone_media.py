"""The phone's audio in every way it can be carried: encrypted or not, in each codec, with digits of each kind."""

import re

import pytest
from livekit import api
from livekit.protocol.sip import SIPCodec, SIPMediaConfig, SIPMediaEncryption

from harness.calls import call, hang_up
from harness.ear import Ear, key, key_of
from harness.room import RATE
from harness.tones import hears
from harness.waiting import until

DISABLE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_DISABLE
ALLOW = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW
REQUIRE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE
AGENT_HERTZ = 1_100
PHONE_HERTZ = 700
SRTP = ("g711", "srtp")


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

    await call(livekit, await trunk_to(phone.address), "secret", media=SIPMediaConfig(encryption=wish))

    await both_hear_each_other(agent, phone)
    assert ("SRTP is Enabled" in phone.log()) == encrypted, phone.log()[-3000:]
    assert "inline:" not in server.log(), "keys are in no log"
    phone.command("sndcode", "5")
    await until(lambda: agent.digits == ["5"], f"a key arrives, encrypted or not; so far {agent.digits}")


async def test_a_phone_without_encryption_is_not_called_when_it_is_required(livekit, join, baresip, trunk_to):
    phone = baresip(codecs=("g711",))
    await join("secret", "agent")
    trunk = await trunk_to(phone.address)

    with pytest.raises(api.TwirpError) as refused:
        await call(livekit, trunk, "secret", media=SIPMediaConfig(encryption=REQUIRE))

    assert "encrypted" in refused.value.message or "488" in refused.value.message, refused.value.message


WIDE_AGENT_HERTZ = 5_300
WIDE_PHONE_HERTZ = 4_700
WIDE = 7_500


@pytest.mark.parametrize("codec", ["G722", "opus"])
@pytest.mark.parametrize("wish", [DISABLE, REQUIRE], ids=["plain", "encrypted"])
async def test_a_wideband_phone_is_heard_and_hears_beyond_the_telephones_band(
    livekit, join, baresip, trunk_to, codec, wish
):
    modules = (codec.lower(), "g711", "srtp")
    phone = baresip(hertz=WIDE_PHONE_HERTZ, codecs=modules, account=";mediaenc=srtp", fec=True)
    agent = await join("wide", "agent")
    await agent.speak(WIDE_AGENT_HERTZ)

    media = SIPMediaConfig(codecs=[SIPCodec(name=codec)], encryption=wish)
    await call(livekit, await trunk_to(phone.address), "wide", media=media)

    heard = lambda: hears(agent.recording("phone"), RATE, WIDE_PHONE_HERTZ, top=WIDE)  # noqa: E731
    await until(heard, "the agent hears the phone's high tone", 15)
    heard = lambda: hears(*phone.recording(), WIDE_AGENT_HERTZ, top=WIDE)  # noqa: E731
    await until(heard, "the phone hears the agent's high tone", 15)
    assert f"Set audio encoder: {codec}" in phone.log(), phone.log()[-3000:]
    phone.command("sndcode", "5")
    await until(lambda: agent.digits == ["5"], f"a key arrives; so far {agent.digits}")
    await agent.room.local_participant.publish_dtmf(code=9, digit="9")
    await until(lambda: phone.digits() == "9", f"and one goes out; so far {phone.digits()}")


async def test_a_trunk_says_which_codecs_and_a_call_says_otherwise(livekit, join, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ, codecs=("g711", "g722", "opus"))
    agent = await join("trunk", "agent")
    await agent.speak(AGENT_HERTZ)
    trunk = await trunk_to(phone.address, media=SIPMediaConfig(codecs=[SIPCodec(name="OPUS")]))

    await call(livekit, trunk, "trunk")
    await both_hear_each_other(agent, phone)
    assert "Set audio encoder: opus 48000Hz" in phone.log(), phone.log()[-3000:]
    await hang_up(livekit, "trunk")
    await until(lambda: "phone" in agent.left, "the phone leaves")

    await call(livekit, trunk, "trunk", media=SIPMediaConfig(codecs=[SIPCodec(name="PCMA")], only_listed_codecs=True))
    await until(lambda: "Set audio encoder: PCMA" in phone.log(), "the call's own list counts")


async def test_only_the_listed_codecs_are_offered_in_their_order(livekit, join, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ, codecs=("g711", "g722"))
    agent = await join("order", "agent")
    await agent.speak(AGENT_HERTZ)

    media = SIPMediaConfig(codecs=[SIPCodec(name="PCMA", rate=8000)], only_listed_codecs=True)
    await call(livekit, await trunk_to(phone.address), "order", media=media)

    await both_hear_each_other(agent, phone)
    assert "Set audio encoder: PCMA" in phone.log(), phone.log()[-3000:]


@pytest.mark.parametrize(
    ("suite", "new_suite"),
    [
        ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80"),
        ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"),
        ("AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM"),
        ("AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32"),
    ],
)
async def test_suites_and_keys_change_in_mid_call_by_libsrtp(livekit, join, sipp, trunk_to, tmp_path, suite, new_suite):
    keys = {"suite": suite, "key": key(suite), "new_suite": new_suite, "new_key": key(new_suite)}
    ear = Ear(tmp_path)
    try:
        phone = sipp("rekey", ear=ear.port, **keys)
        agent = await join("rekey", "agent")
        await agent.speak(AGENT_HERTZ)
        await call(livekit, await trunk_to(phone.address), "rekey", media=SIPMediaConfig(encryption=REQUIRE))

        ear.encrypt(suite, key_of(phone.received("INVITE")[0], suite), keys["key"])
        await until(lambda: len(ear.packets) > 50, "libsrtp opens what the phone is sent", 4)
        await until(lambda: hears(agent.recording("phone"), RATE, PHONE_HERTZ), "the agent hears the phone", 4)

        told = rf"a=crypto:7 {new_suite} inline:([A-Za-z0-9+/=]+)"
        answered = lambda: [ours for ours in re.findall(told, phone.trace()) if ours != keys["new_key"]]  # noqa: E731
        await until(answered, "the new key is answered", 10)
        ear.encrypt(new_suite, answered()[0], keys["new_key"])
        ear.packets.clear()
        agent.forget("phone")
        await until(lambda: len(ear.packets) > 50, "libsrtp opens it with the new key", 5)
        await until(lambda: hears(agent.recording("phone"), RATE, PHONE_HERTZ), "the agent hears the phone again", 5)
        await hang_up(livekit, "rekey")
        await phone.ends_well()
    finally:
        ear.stop()
