"""A phone's quiet is described to who can make noise of it (RFC 3389), and sent to everybody else; either way nobody hears a
difference: words are whole, and what is between them is as loud and as dull as on the phone's own line. A phone that takes comfort
noise is told what the room's silence sounds like, where the server offers it."""

import asyncio
import time

import numpy as np
import pytest

from harness import g711
from harness.calls import call
from harness.counts import concealed, growth
from harness.ear import Ear
from harness.rtp import packet
from harness.tones import loudness, share
from harness.waiting import until
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

TONES = [600, 900, 1_200]
"""Hertz of the words that are said to a phone."""
WORD, PAUSE = 0.5, 2.0
"""Seconds of each, and of the digital silence after it."""

# A quiet line: noise of -65 dBFS or so, more of it below than above.
WHITE = np.random.default_rng(3389).uniform(-90, 90, PERIOD * g711.FRAME + 7)
LINE = np.convolve(WHITE, np.ones(8) / 8, "valid")


@pytest.fixture
def server(make_server):
    """It offers comfort noise to phones, which is off unless it is asked for."""
    return make_server(sip={"codecs": {"CN/8000": True}})


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


async def test_a_phone_that_takes_comfort_noise_hears_words_whole_and_is_told_of_the_silence(
    livekit, enter, sipp, trunk_to, ears
):
    ear = ears()
    phone = sipp("answer_in_formats", ear=ear.port, formats="0 13 101", about="rtpmap:101 telephone-event/8000")
    client = await enter("python", "told", "client")
    await call(livekit, await trunk_to(phone.address), "told")
    assert "RTP/AVP 0 8 13 101" in phone.received("INVITE")[0] and "a=rtpmap:13 CN/8000" in phone.received("INVITE")[0]
    await client.do("talk", hertz=TONES, spoken=WORD, pause=PAUSE)
    await until(lambda: len(words_of(levels(on_one_clock(ear), g711.RATE))) > COUNT + 2, "the phone hears the words", 60)

    line, step = on_one_clock(ear), int(STEP * g711.RATE)
    words = words_of(levels(line, g711.RATE))[1 : COUNT + 1]
    said = [max(share(line[word.begin * step : word.end * step], g711.RATE, hertz) for hertz in TONES) for word in words]
    assert all(abs(word.seconds - WORD) < 0.04 for word in words) and min(said) > 0.9
    begins = [word.begin * STEP for word in words]
    assert all(abs(later - earlier - WORD - PAUSE) < 0.1 for earlier, later in zip(begins, begins[1:]))

    packets = [packet for packet in ear.rtp() if int(packet["rtp.p_type"]) in (g711.PCMU, COMFORT_NOISE)]
    told = [int(packet["rtp.p_type"]) == COMFORT_NOISE for packet in packets]
    seconds = float(packets[-1]["frame.time_epoch"]) - float(packets[0]["frame.time_epoch"])
    print(f"{len(told)} packets in {seconds:.1f} s, {sum(told)} of them descriptions")
    assert sum(told) > COUNT and len(told) < 0.5 * seconds / 0.02
    assert all(later["rtp.marker"] == "1" for earlier, later, is_told in zip(packets, packets[1:], told) if is_told and later["rtp.p_type"] == "0")
    numbers = [int(packet["rtp.seq"]) for packet in packets]
    assert all(later == (earlier + 1) & 0xFFFF for earlier, later in zip(numbers, numbers[1:]))


def on_one_clock(ear: Ear) -> np.ndarray:
    """What the ear gets, each packet at its timestamp; silence where there is none."""
    packets = [packet for _, _, packet in list(ear.packets) if packet[1] & 0x7F == g711.PCMU]
    if not packets:
        return np.zeros(0, np.int16)
    clock = np.array([int.from_bytes(packet[4:8], "big") for packet in packets], np.uint32)
    places = (clock - clock[0]).astype(np.int32)
    line = np.zeros(places.max() + g711.FRAME, np.int16)
    for place, packet in zip(places, packets, strict=True):
        line[place : place + g711.FRAME] = g711.decode(g711.PCMU, packet[12:])
    return line
