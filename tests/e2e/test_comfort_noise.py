"""A phone's quiet is described to who can make noise of it (RFC 3389), and sent to everybody else; either way nobody hears a
difference: words are whole, and what is between them is as loud and as dull as on the phone's own line."""

import asyncio
import time

import numpy as np
import pytest

from harness import g711
from harness.calls import call
from harness.counts import concealed, growth
from harness.rtp import packet
from harness.tones import loudness, share
from harness.words import HOLE, STEP, levels, words_of

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(150)]

HERTZ = 700
SPOKEN, PERIOD = 50, 150
"""Frames of a word, and until the next one begins."""
COUNT = 4
"""Words that are judged, with the pauses between them."""
LISTENED = (COUNT + 2) * PERIOD
"""Frames that are listened to."""
EVER = 1_000
"""Seconds that no recording has."""
COMFORT_NOISE = 13
MADE_UP = 0.02
LOUDER, DULLER = 4, 6
"""dB by which what is heard may differ from the line: hardly to be told apart at this level."""
TAKE_IT, DO_NOT = ["python", "node", "chromium"], ["firefox", "go"]
COUNTED = ["python", "chromium"]
"""Those whose engine tells what it made up."""

# A quiet line: noise of -65 dBFS or so, more of it below than above.
WHITE = np.random.default_rng(3389).uniform(-90, 90, PERIOD * g711.FRAME + 7)
LINE = np.convolve(WHITE, np.ones(8) / 8, "valid")


def frame(number: int) -> bytes:
    if number % PERIOD < SPOKEN:
        return g711.hum(g711.PCMU, HERTZ, number)
    start = number % PERIOD * g711.FRAME
    return g711.encode(g711.PCMU, LINE[start : start + g711.FRAME])


def speaks(number: int) -> list[bytes]:
    return [packet(number, frame(number))]


def dullness(samples: np.ndarray, rate: int) -> float:
    """How much more there is below 1 kHz than from 2 to 3.4, in dB."""
    energy = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    below = energy[(frequencies > 100) & (frequencies < 1_000)].sum()
    above = energy[(frequencies > 2_000) & (frequencies < 3_400)].sum()
    return 10 * np.log10(below / above)


@pytest.mark.parametrize("kind", TAKE_IT + DO_NOT)
async def test_a_quiet_line_sounds_as_it_is_whether_it_is_sent_or_described(
    kind, livekit, enter, path, sipp, trunk_to, ears, proves
):
    ear = ears()
    ear.sends = speaks
    phone = sipp("answer_for_an_ear", ear=ear.port)
    client = await enter(kind, "quiet", "client", url=path.url)
    await call(livekit, await trunk_to(phone.address), "quiet")
    await client.hears("phone", HERTZ)
    with proves("hears a phone's quiet as it is, described to it (RFC 3389) or sent", kind):
        came, counted = len(path.media.rtp), await counts(kind, client)
        samples, rate = await listen(client)
        sent = [payload_type for _, of_client, payload_type in path.media.rtp[came:] if not of_client]
        made_up = concealed(growth(counted, await counts(kind, client))) if counted else 0.0
        print(f"{kind}: {made_up:.1%} made up; {len(sent)} packets, {sent.count(COMFORT_NOISE)} of them descriptions")
        heard_as_it_is(samples, rate)
        assert made_up < MADE_UP
        assert (sent.count(COMFORT_NOISE) > 0 and len(sent) < 0.6 * LISTENED) == (kind in TAKE_IT)
    await client.leave()


async def listen(client) -> tuple[np.ndarray, int]:
    """What the client hears in the next seconds."""
    begun = len((await client.recording("phone", EVER))[0])
    deadline = time.monotonic() + 60
    while True:
        samples, rate = await client.recording("phone", EVER)
        if len(samples) >= begun + LISTENED * 0.02 * rate:
            return samples[begun:], rate
        assert time.monotonic() < deadline, f"{len(samples) - begun} samples in a minute"
        await asyncio.sleep(0.2)


async def counts(kind: str, client) -> dict[str, float]:
    return await client.do("received", identity="phone", source="microphone") if kind in COUNTED else {}


def heard_as_it_is(samples: np.ndarray, rate: int) -> None:
    step, edge = int(STEP * rate), int(HOLE * rate)
    words = words_of(levels(samples, rate))[1 : COUNT + 1]
    seconds = [word.seconds for word in words]
    pauses = np.concatenate([samples[one.end * step + edge : other.begin * step - edge] for one, other in zip(words, words[1:])])
    line = g711.decode(g711.PCMU, b"".join(frame(number) for number in range(SPOKEN, PERIOD)))
    said, heard = (loudness(line), dullness(line, g711.RATE)), (loudness(pauses), dullness(pauses, rate))
    print(f"words of {[round(word, 3) for word in seconds]} s; level and dullness of the line {said}, heard {heard}")
    assert len(words) == COUNT and all(abs(word - SPOKEN * 0.02) < 0.04 for word in seconds)
    assert all(share(samples[word.begin * step : word.end * step], rate, HERTZ) > 0.9 for word in words)
    assert abs(heard[0] - said[0]) < LOUDER and abs(heard[1] - said[1]) < DULLER
