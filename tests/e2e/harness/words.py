"""Words with pauses between them, found again in what somebody heard."""

from dataclasses import dataclass

import numpy as np

from .tones import loudness

STEP = 0.005
"""Seconds that are judged at a time."""
HOLE = 0.1
"""Seconds that are made up, and may be faint, where a packet came late."""
LOUD = -35
"""dBFS; a word has -13 or so."""


@dataclass
class Word:
    begin: int
    end: int
    """Steps of `STEP` seconds."""

    @property
    def seconds(self) -> float:
        return (self.end - self.begin) * STEP


def levels(samples: np.ndarray, rate: int) -> list[float]:
    """The loudness of each step, in dBFS."""
    step = int(STEP * rate)
    return [loudness(samples[start : start + step]) for start in range(0, len(samples) - step + 1, step)]


def words_of(steps: list[float]) -> list[Word]:
    """What is loud, with holes no longer than `HOLE`."""
    words: list[Word] = []
    for number, level in enumerate(steps):
        if level > LOUD and words and (number - words[-1].end) * STEP <= HOLE:
            words[-1].end = number + 1
        elif level > LOUD:
            words.append(Word(number, number + 1))
    return words
