"""What a phone's new offers do to its audio, packet by packet: it moves, changes its codec, is held; what is said at a call's
two ends; and packets that come a second time."""

import asyncio
import itertools
import re
import time

import numpy as np
from livekit import rtc
from livekit.protocol.sip import SIPMediaConfig, SIPMediaEncryption

from conftest import need
from harness import g711, rtp
from harness.calls import call, hang_up
from harness.ear import Ear, key, key_of
from harness.room import RATE
from harness.tones import hears, is_tone, tone
from harness.waiting import until

AGENT_HERTZ = 1_100
LAST_HERTZ = 1_700
PCMU = {"format": 0, "codec": "PCMU"}
FRAME = RATE // 50


def changing(sipp, ear: Ear, pause: int = 1_500, **changes):
    """A phone whose first description is PCMU at this ear, and the second is different in this."""
    told = {"new_ear": ear.port, "new_format": 0, "new_codec": "PCMU", "direction": "sendrecv", **changes}
    return sipp("media_changes", ear=ear.port, pause=pause, **PCMU, **told)


async def offered(phone, times: int) -> None:
    """So many re-INVITEs have been answered and acknowledged."""
    await until(lambda: len(acknowledged(phone)) >= times, f"{times} offers of the phone are through", 20)


def acknowledged(phone) -> list[float]:
    """When the phone acknowledged the answer to each of its offers."""
    acks = [phone.moments("ACK", f"CSeq: {number} ACK", "message sent") for number in (1, 2)]
    return [moments[0] for moments in acks if moments]


def offers(phone) -> list[float]:
    """When the phone sent each of its offers first."""
    invites = [phone.moments("INVITE", f"CSeq: {number} INVITE", "message sent") for number in (1, 2)]
    return [moments[0] for moments in invites if moments]


def periods(phone) -> list[tuple[float, float]]:
    """From when until when each of the phone's three descriptions was the one that counts, to this moment."""
    return list(zip([0.0, *acknowledged(phone)], [*offers(phone), time.time()], strict=True))


def agent_hears(agent, hertz: float) -> bool:
    return hears(agent.recording("phone", 1), RATE, hertz)


def tones_in_turn(recording: np.ndarray, *hertz: float) -> list[float]:
    """Which of these tones was heard, in order, each for a fifth of a second or more."""
    frames = (recording[start : start + FRAME] for start in range(0, len(recording) - FRAME + 1, FRAME))
    heard = [next((tone for tone in hertz if is_tone(frame, RATE, tone)), None) for frame in frames]
    runs = [(tone, len(list(run))) for tone, run in itertools.groupby(heard)]
    steady = [tone for tone, length in runs if tone and length >= 10]
    return [tone for tone, _ in itertools.groupby(steady)]


async def test_audio_follows_a_phone_that_moves_to_another_port_and_back(livekit, join, sipp, trunk_to, ears):
    here, there = ears(700), ears(900)
    phone = changing(sipp, here, pause=3_000, new_ear=there.port)
    agent = await join("moved", "agent")
    await agent.speak(AGENT_HERTZ)
    await call(livekit, await trunk_to(phone.address), "moved")
    await offered(phone, 2)
    heard = lambda: tones_in_turn(agent.recording("phone"), here.hertz, there.hertz)  # noqa: E731
    wanted = [here.hertz, there.hertz, here.hertz]
    await until(lambda: heard() == wanted, lambda: f"the phone is heard from both places in turn, not {heard()}")
    back = acknowledged(phone)[1]
    await until(lambda: len([moment for moment in here.times_of(AGENT_HERTZ) if moment > back + 0.5]) > 20, "the agent is heard again")

    for number, (begin, end) in enumerate(periods(phone)):
        ear, other = (there, here) if number == 1 else (here, there)
        inside = lambda moment, begin=begin, end=end: begin + 0.5 < moment < end  # noqa: E731
        assert len([moment for moment in ear.times_of(AGENT_HERTZ) if inside(moment)]) > 20, f"the agent is heard at place {number}"
        stray = [moment for moment, *_ in other.packets if inside(moment)]
        assert not stray, f"nothing goes where the phone is not, but {len(stray)} packets in period {number}"
    await hang_up(livekit, "moved")
    await phone.ends_well()


def answering_in_kind(ear: Ear, hertz: dict[int, float]) -> None:
    """It hums in the codec that it hears last, in each with a tone of its own."""

    def packets(number: int) -> list[bytes]:
        payload_type = ear.packets[-1][2][1] & 0x7F if ear.packets else g711.PCMU
        return [rtp.packet(number, g711.hum(payload_type, hertz[payload_type], number), payload_type=payload_type)]

    ear.sends = packets


async def test_another_codec_in_mid_call_is_spoken_and_heard_both_ways(livekit, join, sipp, trunk_to, ears):
    ear = ears()
    hums = {g711.PCMU: 700.0, g711.PCMA: 900.0}
    answering_in_kind(ear, hums)
    phone = changing(sipp, ear, pause=3_000, new_format=8, new_codec="PCMA")
    agent = await join("codec", "agent")
    await agent.speak(AGENT_HERTZ)
    await call(livekit, await trunk_to(phone.address), "codec")
    await offered(phone, 2)
    heard = lambda: tones_in_turn(agent.recording("phone"), *hums.values())  # noqa: E731
    await until(lambda: heard() == [700, 900, 700], lambda: f"the phone is heard in one codec, the other, the first, not {heard()}")
    back = acknowledged(phone)[1]
    await until(lambda: len([moment for moment in ear.times_of(AGENT_HERTZ) if moment > back + 0.5]) > 50, "the agent is heard again")

    for number, (begin, end) in enumerate(periods(phone)):
        packets = [packet for moment, _, packet in ear.packets if begin + 0.5 < moment < end]
        assert {packet[1] & 0x7F for packet in packets} == {g711.PCMA if number == 1 else g711.PCMU}
        frames = [frame for moment, frame in ear.frames() if begin + 0.5 < moment < end]
        assert hears(np.concatenate(frames), g711.RATE, AGENT_HERTZ), f"the agent is heard in period {number}"
    await hang_up(livekit, "codec")
    await phone.ends_well()


async def test_a_held_phone_is_sent_not_one_packet(livekit, join, sipp, trunk_to, ears):
    need("tshark")
    ear = ears()
    phone = changing(sipp, ear, direction="sendonly")
    agent = await join("held", "agent")
    await agent.speak(AGENT_HERTZ)
    await call(livekit, await trunk_to(phone.address), "held")
    await offered(phone, 2)
    resumed = time.time()
    await until(lambda: len(ear.times_of(AGENT_HERTZ)) and ear.times_of(AGENT_HERTZ)[-1] > resumed, "the agent is heard again")
    await hang_up(livekit, "held")
    await phone.ends_well()

    packets = ear.rtp()
    moments = [float(packet["frame.time_epoch"]) for packet in packets]
    held, ends = phone.moments("SIP/2.0 200")[1:3]
    during = [moment for moment in moments if held + 0.02 < moment < ends - 0.02]
    assert ends - held > 1 and not during, f"{len(during)} packets in {ends - held:.1f} s of hold"
    assert [moment for moment in moments if moment < held] and [moment for moment in moments if moment > ends]
    assert len({packet["rtp.ssrc"] for packet in packets}) == 1, "one stream before and after"
    numbers = [int(packet["rtp.seq"]) for packet in packets]
    assert all((after - before) % 65_536 == 1 for before, after in zip(numbers, numbers[1:], strict=False)), "and no gap"


# --- a call's two ends ---------------------------------------------------------------------------------------------


class Speaker:
    """A participant's microphone that says what it is told, and nothing else."""

    def __init__(self, agent):
        self.agent = agent
        self.source = rtc.AudioSource(RATE, 1, queue_size_ms=3_000)

    async def ready(self) -> "Speaker":
        track = rtc.LocalAudioTrack.create_audio_track("voice", self.source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
        await self.agent.room.local_participant.publish_track(track, options)
        return self

    async def say(self, *parts: tuple[float, float]) -> None:
        """Tones, each of so many hertz (0: silence) and seconds, in the time that they take."""
        samples = np.concatenate([tone(hertz, seconds) for hertz, seconds in parts])
        for start in range(0, len(samples) - FRAME + 1, FRAME):
            frame = samples[start : start + FRAME]
            await self.source.capture_frame(rtc.AudioFrame(frame.tobytes(), RATE, 1, FRAME))
        await self.source.wait_for_playout()


GREETING = [(1_100, 0.1), (1_400, 0.1), (1_700, 0.1)]


def greeting(ear: Ear) -> list[float]:
    """When each of its words was heard first; all of them must be, in order, if a little faster than they were said."""
    words = [ear.times_of(hertz) for hertz, _ in GREETING]
    assert all(len(word) >= 2 for word in words), f"nothing of it is lost: {[len(word) for word in words]} of 5 frames each"
    begins = [word[0] for word in words]
    assert begins == sorted(begins)
    return begins


async def test_what_is_said_while_a_phone_is_being_answered_is_heard_whole_once_it_is_there(
    livekit, join, sipp, trunk_to, ears
):
    """Its audio comes up a little after its 200, as with every phone that has to open a gate first."""
    ear = ears()
    ear.speaks = False
    phone = sipp("answer_for_an_ear", ear=ear.port)
    speaker = await Speaker(await join("greeting", "agent")).ready()
    await speaker.say((0, 0.5))
    await call(livekit, await trunk_to(phone.address), "greeting")
    answered = time.time()
    saying = asyncio.ensure_future(speaker.say(*GREETING, (0, 1)))
    await until(lambda: time.time() > answered + 0.3, "the gate opens")
    ear.speaks = True
    await saying

    heard = greeting(ear)
    told = [round(moment - answered, 3) for moment in (ear.began, heard[0], heard[-1])]
    print(f"seconds after the answer: the phone is there, hears the first word, and the last: {told}")
    assert heard[0] >= ear.began - 0.02, f"held until the phone is known to be there: {told}"
    assert heard[0] < answered + 0.8, f"and not for long: {told}"
    await hang_up(livekit, "greeting")
    await phone.ends_well()


async def test_a_phone_that_says_nothing_is_spoken_to_all_the_same(livekit, join, sipp, trunk_to, ears):
    ear = ears()
    ear.speaks = False
    phone = sipp("answer_for_an_ear", ear=ear.port)
    speaker = await Speaker(await join("shy", "agent")).ready()
    await speaker.say((0, 0.5))
    await call(livekit, await trunk_to(phone.address), "shy")
    await speaker.say(*GREETING, (0, 1))
    greeting(ear)
    await hang_up(livekit, "shy")
    await phone.ends_well()


async def test_the_last_words_are_heard_before_our_bye(livekit, join, sipp, trunk_to, ears):
    ear = ears()
    phone = sipp("answer_for_an_ear", ear=ear.port)
    speaker = await Speaker(await join("goodbye", "agent")).ready()
    await speaker.say((0, 0.5))
    await call(livekit, await trunk_to(phone.address), "goodbye")
    await until(lambda: len(ear.packets) > 50, "a second of call")
    await speaker.say((AGENT_HERTZ, 0.6), (LAST_HERTZ, 0.2))
    ended = time.time()
    await hang_up(livekit, "goodbye")
    await phone.ends_well()

    heard, bye = ear.times_of(LAST_HERTZ), phone.moments("BYE")[0]
    told = [round(moment - ended, 3) for moment in (heard[-1], bye)]
    print(f"seconds after the hang-up: the last word is heard, the BYE comes: {told}; {len(heard)} frames")
    assert len(heard) >= 9, f"the whole word: {len(heard)} of 10 frames"
    assert heard[-1] < bye < ended + 1, f"first the word, then the BYE, and soon: {told}"


# --- replay (RFC 3711 §3.3.2) ------------------------------------------------------------------------------------------


async def test_encrypted_packets_that_come_again_are_not_heard_again(livekit, join, sipp, trunk_to, ears):
    """Each comes twice at once, and a word of them once more: a second later, and after the keys have changed."""
    suite = "AES_CM_128_HMAC_SHA1_80"
    keys = {"suite": suite, "key": key(suite), "new_suite": suite, "new_key": key(suite)}
    ear = ears()
    ear.copies = 2
    phone = sipp("rekey", ear=ear.port, **keys)
    agent = await join("replay", "agent")
    require = SIPMediaConfig(encryption=SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE)
    await call(livekit, await trunk_to(phone.address), "replay", media=require)
    ear.encrypt(suite, key_of(phone.received("INVITE")[0], suite), keys["key"])
    await until(lambda: agent_hears(agent, ear.hertz), "the phone is heard", 4)

    first = len(ear.sent)
    ear.hertz = LAST_HERTZ
    await until(lambda: len(ear.sent) >= first + 15, "the word is said")
    ear.hertz = 700
    word = ear.sent[first : first + 15]
    ear.say(word)
    await until(lambda: len(ear.sent) >= first + 60, "a second later")
    ear.say(word)

    told = rf"a=crypto:7 {suite} inline:([A-Za-z0-9+/=]+)"
    answered = lambda: [ours for ours in re.findall(told, phone.trace()) if ours != keys["new_key"]]  # noqa: E731
    await until(answered, "the new key is answered", 10)
    ear.encrypt(suite, answered()[0], keys["new_key"])
    ear.say(word)
    agent_heard = agent.recording("phone")
    agent.forget("phone")
    await until(lambda: agent_hears(agent, ear.hertz), "the phone is heard with its new key", 5)
    heard = np.concatenate([agent_heard, agent.recording("phone")])
    words = [is_tone(heard[at : at + FRAME], RATE, LAST_HERTZ) for at in range(0, len(heard) - FRAME, FRAME)]
    assert 12 <= sum(words) <= 19, f"the word of 15 frames is heard once: {sum(words)} frames"
    await hang_up(livekit, "replay")
    await phone.ends_well()
