"""What phones and the networks before them do to their audio, and strangers who would like to be the phone."""

import re
import socket
import time
from collections.abc import Callable

import numpy as np
import pytest
from livekit.protocol.models import DisconnectReason
from livekit.protocol.sip import SIPMediaConfig

from harness import g711
from harness.calls import call, hang_up
from harness.room import RATE
from harness.rtp import packet
from harness.tones import hears, is_tone, loudness
from harness.waiting import until

HERTZ, AGENT_HERTZ, STRANGER_HERTZ = 700, 1_100, 1_500
WINDOW = RATE // 50
FAINT = -45.0
"""dBFS, of a window in which nobody speaks."""
COMFORT_NOISE = 13


# --- unusual streams ---------------------------------------------------------------------------------------------------


def frame(number: int) -> bytes:
    return g711.hum(g711.PCMU, HERTZ, number)


def another_source(n: int) -> list[bytes]:
    """Every second it is another SSRC, whose numbers and timestamps have nothing to do with those before."""
    turn = n // 50
    return [packet(n + 7_919 * turn, frame(n), ticks=n * 160 + 1_000_003 * turn, source=77 + turn)]


def a_clock_that_jumps(n: int) -> list[bytes]:
    return [packet(n, frame(n), ticks=n * 160 + n // 50 * 3_600 * 8_000)]


def numbers_that_wrap(n: int) -> list[bytes]:
    return [packet(n + 65_486, frame(n), ticks=n * 160 + 2**32 - 50 * 160)]


def out_of_order(n: int) -> list[bytes]:
    """Each second packet comes before the one that should precede it."""
    return [packet(n, frame(n)), packet(n - 1, frame(n - 1))] if n % 2 else []


def twice(n: int) -> list[bytes]:
    return [packet(n, frame(n))] * 2


def strange_payload_types(n: int) -> list[bytes]:
    """Between its frames, what nobody agreed upon, under numbers of its own."""
    strange = packet(2 * n, bytes(range(160)), ticks=n * 160, payload_type=(96, 127, 3, 18)[n % 4])
    return [strange, packet(2 * n + 1, frame(n), ticks=n * 160)]


def ten_milliseconds(n: int) -> list[bytes]:
    return [packet(2 * n + half, frame(n)[80 * half :][:80], ticks=n * 160 + 80 * half) for half in (0, 1)]


def sixty_milliseconds(n: int) -> list[bytes]:
    return [packet(n // 3, frame(n - 2) + frame(n - 1) + frame(n), ticks=(n - 2) * 160)] if n % 3 == 2 else []


def silence_suppressed(n: int) -> list[bytes]:
    """A second of speech, a second of nothing; the next word has the marker, and its timestamp counts the pause."""
    talking = n % 100 < 50
    return [packet(n // 100 * 50 + n % 100, frame(n), ticks=n * 160, marker=n % 100 == 0)] if talking else []


def comfort_noise(n: int) -> list[bytes]:
    """A second of speech, a second in which a description of faint noise (RFC 3389) comes every 200 ms."""
    talking, sent = n % 100 < 50, n // 100 * 55
    if talking:
        return [packet(sent + n % 100, frame(n), ticks=n * 160, marker=n % 100 == 0)]
    described = (n % 100 - 50) // 10
    is_due = n % 10 == 0
    return [packet(sent + 50 + described, bytes([70]), ticks=n * 160, payload_type=COMFORT_NOISE)] if is_due else []


STEADY = [another_source, a_clock_that_jumps, numbers_that_wrap, out_of_order, twice, strange_payload_types, ten_milliseconds, sixty_milliseconds]  # fmt: skip


def named(kind: Callable) -> str:
    return kind.__name__.replace("_", " ")


def windows(samples: np.ndarray) -> list[np.ndarray]:
    return [samples[start : start + WINDOW] for start in range(0, len(samples) - WINDOW, WINDOW)]


async def talk(livekit, join, sipp, trunk_to, ears, kind: Callable) -> np.ndarray:
    """Four seconds of what a participant hears of a phone that sends such a stream, once it hears it at all."""
    ear = ears()
    ear.sends = kind
    phone = sipp("answer_for_an_ear", ear=ear.port)
    agent = await join("unusual", "agent")
    await call(livekit, await trunk_to(phone.address), "unusual")
    await until(lambda: hears(agent.recording("phone"), RATE, HERTZ), "the phone is heard", 15)
    agent.forget("phone")
    await until(lambda: len(agent.recording("phone")) >= 4 * RATE, "four seconds of sound", 15)
    await hang_up(livekit, "unusual")
    await phone.ends_well()
    return agent.recording("phone")[: 4 * RATE]


@pytest.mark.parametrize("kind", STEADY, ids=named)
async def test_an_unusual_stream_is_heard_as_it_was_spoken(livekit, join, sipp, trunk_to, ears, kind):
    heard = windows(await talk(livekit, join, sipp, trunk_to, ears, kind))
    clean = sum(is_tone(window, RATE, HERTZ) for window in heard)
    # A stream that begins anew each second may cost a word's beginning each time, and nothing more.
    least = 0.85 if kind in (another_source, a_clock_that_jumps) else 0.97
    assert clean >= least * len(heard), f"{clean} of {len(heard)} windows hold the tone"


@pytest.mark.parametrize("kind", [silence_suppressed, comfort_noise], ids=named)
async def test_the_words_between_pauses_are_whole_and_the_pauses_quiet(livekit, join, sipp, trunk_to, ears, kind):
    heard = windows(await talk(livekit, join, sipp, trunk_to, ears, kind))
    clean = sum(is_tone(window, RATE, HERTZ) for window in heard)
    quiet = sum(loudness(window) < FAINT for window in heard)
    print(f"{clean} windows of words, {quiet} of silence, of {len(heard)}")
    assert clean >= 0.45 * len(heard), "half of the time it spoke"
    least = 0.45 if kind is comfort_noise else 0.3
    assert quiet >= least * len(heard), "libwebrtc makes the noise that is described; else it fades out what it makes up"


# --- before the answer -------------------------------------------------------------------------------------------------


async def test_an_answer_that_comes_beside_isup_is_understood(livekit, join, sipp, trunk_to, ears):
    ear = ears()
    phone = sipp("answer_beside_isup", ear=ear.port)
    agent = await join("isup", "agent")
    await agent.speak(AGENT_HERTZ)
    await call(livekit, await trunk_to(phone.address), "isup")
    await until(lambda: hears(agent.recording("phone"), RATE, HERTZ), "the phone is heard", 15)
    await until(lambda: ear.hears(AGENT_HERTZ), "the phone hears", 15)
    await hang_up(livekit, "isup")
    await phone.ends_well()


async def test_of_two_phones_that_ring_the_one_that_spoke_up_last_is_heard_until_it_gives_up(livekit, join, sipp, trunk_to, ears):
    one, other = ears(HERTZ), ears(STRANGER_HERTZ)
    phone = sipp("early_media_of_two_forks", one=one.port, other=other.port)
    agent = await join("forked", "agent")
    await call(livekit, await trunk_to(phone.address), "forked", wait_until_answered=False)
    await until(lambda: phone.received("INVITE"), "the INVITE")
    port = int(re.search(r"^m=audio (\d+) ", phone.received("INVITE")[0], re.MULTILINE)[1])
    one.peer = other.peer = ("127.0.0.1", port)

    for hertz, what in ((HERTZ, "the first"), (STRANGER_HERTZ, "the second"), (HERTZ, "the first again")):
        await until(lambda hertz=hertz: hears(agent.recording("phone", 0.6), RATE, hertz), f"{what} is heard", 6)
    await agent.sees("phone", "active")
    agent.forget("phone")
    await until(lambda: len(agent.recording("phone")) > 2 * RATE, "two seconds of the call", 5)
    heard = windows(agent.recording("phone"))
    # How well is told by the steady streams above; here it counts who it is.
    assert sum(is_tone(window, RATE, HERTZ) for window in heard) > 0.8 * len(heard)
    assert not any(is_tone(window, RATE, STRANGER_HERTZ) for window in heard), "who gave up is not heard, though it hums on"
    await hang_up(livekit, "forked")
    await phone.ends_well()


# --- strangers ---------------------------------------------------------------------------------------------------------


class Stranger:
    """Somebody on another host who sends audio to the call's port, and takes what comes back."""

    def __init__(self, to: tuple[str, int]):
        self.to = to
        self.number = 30_000
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.2", 0))
        self.socket.setblocking(False)
        self.got = 0

    def speak(self) -> None:
        self.socket.sendto(packet(self.number, g711.hum(g711.PCMU, STRANGER_HERTZ, self.number), source=99), self.to)
        self.number += 1
        try:
            while self.socket.recv(2_048):
                self.got += 1
        except BlockingIOError:
            pass


async def test_a_stranger_takes_neither_end_of_a_call_while_its_phone_talks_or_is_silent(livekit, join, sipp, trunk_to, ears):
    ear = ears()
    phone = sipp("answer_for_an_ear", ear=ear.port)
    agent = await join("stranger", "agent")
    await agent.speak(AGENT_HERTZ)
    await call(livekit, await trunk_to(phone.address), "stranger")
    await until(lambda: hears(agent.recording("phone"), RATE, HERTZ), "the phone is heard", 15)
    stranger = Stranger(ear.peer)
    agent.forget("phone")

    def spoken(seconds: float):
        end = time.monotonic() + seconds

        def said() -> bool:
            stranger.speak()
            return time.monotonic() >= end

        return said

    await until(spoken(2), "the stranger speaks beside the phone", 30)
    ear.speaks = False
    await until(spoken(7), "the stranger speaks while the phone is silent", 60)
    assert not any(is_tone(window, RATE, STRANGER_HERTZ) for window in windows(agent.recording("phone"))), "nobody hears it"
    assert stranger.got == 0, "and it is sent nothing"
    ear.speaks = True
    agent.forget("phone")
    before = len(ear.packets)
    await until(lambda: hears(agent.recording("phone"), RATE, HERTZ), "the phone is heard again", 10)
    await until(lambda: len(ear.packets) > before + 50, "and was sent audio all the time", 5)
    await hang_up(livekit, "stranger")
    await phone.ends_well()
    stranger.socket.close()


async def test_a_phone_that_goes_dumb_is_hung_up_with_the_reason(livekit, join, sipp, trunk_to, ears):
    ear = ears()
    phone = sipp("answer_for_an_ear", ear=ear.port)
    agent = await join("dumb", "agent")
    media = SIPMediaConfig()
    media.media_timeout.FromSeconds(2)
    await call(livekit, await trunk_to(phone.address), "dumb", media=media)
    await until(lambda: hears(agent.recording("phone"), RATE, HERTZ), "the phone is heard", 15)
    ear.speaks = False
    assert await agent.sees_leave("phone") == DisconnectReason.MEDIA_FAILURE
    await phone.ends_well()
    assert re.search("^Reason: ", phone.received("BYE")[0], re.MULTILINE)
