"""Discontinuous transmission: who is silent need not send, and a phone hears every word whole, with quiet between the words."""

import pytest

from harness import g711
from harness.calls import call
from harness.ear import Ear
from harness.tones import share
from harness.waiting import until
from harness.words import HOLE, STEP, Word, levels, words_of

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(150)]

WORDS = [600, 900, 1_200]
"""Hertz of each, so that none is taken for another."""
SPOKEN, PAUSE = 0.5, 2.0
"""Seconds of a word, and of digital silence after it."""
COUNT = 6
"""Words that are judged; the one before them may begin before its track is published."""
QUIET = -55
"""dBFS."""


def steps_of(ear: Ear) -> list[float]:
    return levels(ear.heard(), g711.RATE)


def heard_whole(ear: Ear, words: list[Word], steps: list[float]) -> None:
    """Every word in its turn, to the last 40 ms of it, and nothing between them."""
    assert all(word.seconds > SPOKEN - 0.04 for word in words)
    samples, step = ear.heard(), int(STEP * g711.RATE)
    parts = [samples[word.begin * step : word.end * step] for word in words]
    said = [max(WORDS, key=lambda hertz: share(part, g711.RATE, hertz)) for part in parts]
    first = WORDS.index(said[0])
    assert said == [WORDS[(first + number) % len(WORDS)] for number in range(len(said))]
    assert all(share(part, g711.RATE, hertz) > 0.8 for part, hertz in zip(parts, said, strict=True))
    for word, following in zip(words, words[1:]):
        loudest = max(steps[word.end + int(HOLE / STEP) : following.begin - 1])
        assert loudest < QUIET, f"{loudest:.0f} dBFS between two words"


@pytest.mark.parametrize("kind", ["python", "node", "chromium", "firefox"])
async def test_a_phone_hears_every_word_of_who_sends_nothing_between_them(
    kind, livekit, enter, path, sipp, trunk_to, ears, proves
):
    ear = ears()
    phone = sipp("answer_for_an_ear", ear=ear.port)
    client = await enter(kind, "words", "client", url=path.url)
    await call(livekit, await trunk_to(phone.address), "words")
    with proves("stops sending in silence (DTX), and every word is heard whole by a phone", kind):
        await client.do("talk", hertz=WORDS, spoken=SPOKEN, pause=PAUSE)
        await until(lambda: len(words_of(steps_of(ear))) > COUNT + 1, f"the phone hears {COUNT} words", 90)
        steps = steps_of(ear)
        words = words_of(steps)[1 : COUNT + 1]
        begin, end = (ear.frames()[int(word.begin * STEP / 0.02)][0] for word in (words[0], words[-1]))
        sent = sum(of_client and begin < moment < end for moment, of_client, _ in path.media.rtp)
        print(f"{kind}: words of {[round(word.seconds, 3) for word in words]} s, {sent} packets in {end - begin:.2f} s")
        heard_whole(ear, words, steps)
        assert sent * 0.02 < (end - begin) / 2, f"{sent} packets in {end - begin:.1f} s: it sends its silence"
    await client.leave()
