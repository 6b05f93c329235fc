"""Our Opus against Debian's libopus: random speech-like audio, rates, bit rates, loss; the decoders must agree."""

import random
import struct
import subprocess

import numpy as np
import pytest

from harness import opus
from harness.server import BINARY
from harness.tones import loudness

EXAMPLE = BINARY.parent / "examples" / "opus_frames"


@pytest.fixture(scope="module", autouse=True)
def libopus():
    try:
        opus.library()
    except OSError:
        pytest.skip("libopus is not installed (Debian package libopus0)")


def voice(rate: int, seconds: float, dice: random.Random) -> np.ndarray:
    """Harmonics of a wandering pitch in syllables, with a little breath: enough to make the encoder choose its modes."""
    moments = np.arange(int(rate * seconds)) / rate
    pitch = dice.uniform(90, 220) * (1 + 0.1 * np.sin(2 * np.pi * dice.uniform(0.5, 3) * moments))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    harmonics = sum(np.sin(phase * k) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * dice.uniform(2, 5) * moments) + 0.3, 0, 1)
    breath = np.random.default_rng(dice.randrange(1 << 32)).normal(0, 0.02, len(moments))
    return ((harmonics * syllables * 0.25 + breath) * 0.4 * 32767).clip(-32768, 32767).astype(np.int16)


def framed(packets: list[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(packet)) + packet for packet in packets)


def ours(*arguments, data: bytes) -> bytes:
    ran = subprocess.run([EXAMPLE, *map(str, arguments)], input=data, capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


def agreement(expected: np.ndarray, found: np.ndarray) -> float:
    """Signal to difference, in dB."""
    assert len(expected) == len(found)
    difference = expected.astype(np.float64) - found.astype(np.float64)
    noise = np.mean(difference**2)
    return 120.0 if noise == 0 else float(10 * np.log10(np.mean(expected.astype(np.float64) ** 2) / noise))


def test_the_decoders_agree_on_what_arrives():
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(12):
        rate, out_rate = dice.choice([8_000, 16_000, 48_000]), 48_000
        bitrate = dice.choice([12_000, 24_000, 32_000, 64_000])
        packets = opus.encode(voice(rate, 2, dice), rate, bitrate, fec=dice.random() < 0.5)
        found = np.frombuffer(ours("decode", out_rate, data=framed(packets)), dtype="<i2")
        agreed = agreement(opus.decode(packets, out_rate), found)
        print(f"{rate} Hz, {bitrate} b/s, out at {out_rate} Hz: {agreed:.1f} dB")
        assert agreed > 80


def test_the_decoders_agree_when_less_is_wanted_than_was_sent():
    """Below 48 kHz versions of libopus differ in how they resample, and we filter by ourselves: loudness is compared."""
    dice = random.Random(11)
    for rate, out_rate in ((48_000, 8_000), (48_000, 16_000), (16_000, 8_000)):
        packets = opus.encode(voice(rate, 2, dice), rate, 32_000, fec=False)
        found = np.frombuffer(ours("decode", out_rate, data=framed(packets)), dtype="<i2")
        expected = opus.decode(packets, out_rate)
        assert len(expected) == len(found)
        assert abs(loudness(expected) - loudness(found)) < 1


@pytest.mark.parametrize("rate, bitrate", [(16_000, 32_000), (48_000, 32_000), (48_000, 128_000)])
def test_what_is_above_a_telephones_band_is_heard_by_neither(rate, bitrate):
    """Speech, speech in two layers, and sound of every kind: 5.2 kHz would fold to 2.8 kHz."""
    moments = np.arange(rate * 2) / rate
    tone = (8_000 * np.sin(2 * np.pi * 5_200 * moments)).astype(np.int16)
    packets = opus.encode(tone, rate, bitrate, fec=False)
    for decoded in (
        opus.decode(packets, 8_000),
        np.frombuffer(ours("decode", 8_000, data=framed(packets)), dtype="<i2"),
    ):
        assert loudness(decoded[8_000:]) < loudness(tone) - 30


def test_the_decoders_conceal_alike():
    """Concealment need not agree sample by sample across versions: as loud, and back in step after the gaps."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    for loss in (0.02, 0.1, 0.2):
        packets = opus.encode(voice(48_000, 3, dice), 48_000, 32_000, fec=True)
        whole = range(5, len(packets) - 50)  # the first frames and the last second arrive
        packets = [b"" if n in whole and dice.random() < loss else packet for n, packet in enumerate(packets)]
        expected = opus.decode(packets, 48_000)
        found = np.frombuffer(ours("decode", 48_000, data=framed(packets)), dtype="<i2")
        after = agreement(expected[-9_600:], found[-9_600:])
        print(f"{loss:.0%} lost: {loudness(expected):.1f} and {loudness(found):.1f} dBFS, then {after:.1f} dB")
        assert abs(loudness(expected) - loudness(found)) < 1.5
        assert after > 20, "in step again a second after a gap"


def test_libopus_understands_what_we_encode():
    dice = random.Random(7)
    for rate, bitrate in ((8_000, 24_000), (16_000, 24_000), (48_000, 32_000)):
        samples = voice(rate, 2, dice)
        stream = ours("encode", rate, bitrate, data=samples.tobytes())
        packets = []
        while stream:
            length = struct.unpack(">H", stream[:2])[0]
            packets.append(stream[2 : 2 + length])
            stream = stream[2 + length :]
        assert len(packets) == len(samples) // (rate // 50)
        theirs = opus.decode(packets, rate)
        mine = np.frombuffer(ours("decode", rate, data=framed(packets)), dtype="<i2")
        assert agreement(theirs, mine) > 40
        assert abs(loudness(theirs) - loudness(samples)) < 2
