"""Who hears whom: every party speaks with a frequency of its own, found by FFT at the other side."""

import wave
from pathlib import Path

import numpy as np


def tone(hertz: float, seconds: float, rate: int = 48_000, amplitude: float = 0.3) -> np.ndarray:
    """A sine as 16-bit samples."""
    moments = np.arange(int(seconds * rate)) / rate
    return (np.sin(2 * np.pi * hertz * moments) * amplitude * 32767).astype(np.int16)


def share(samples: np.ndarray, rate: int, hertz: float, width: float = 12.0, top: float = 3_400) -> float:
    """The part (0..1) of the energy between 80 Hz and `top` that lies within `width` of `hertz`."""
    if len(samples) < rate // 10:
        return 0.0
    windowed = samples.astype(np.float64) * np.hanning(len(samples))
    energy = np.abs(np.fft.rfft(windowed)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    voice = (frequencies > 80) & (frequencies < top)
    near = np.abs(frequencies - hertz) <= width
    whole = energy[voice].sum()
    return float(energy[voice & near].sum() / whole) if whole > 0 else 0.0


def loudness(samples: np.ndarray) -> float:
    """RMS in dBFS; -120 for silence."""
    if len(samples) == 0:
        return -120.0
    rms = np.sqrt(np.mean((samples.astype(np.float64) / 32768) ** 2))
    return 20 * np.log10(rms) if rms > 1e-6 else -120.0


def hears(samples: np.ndarray, rate: int, hertz: float, least_share: float = 0.8, top: float = 3_400) -> bool:
    """True when half a second of the recording holds this tone, loud and almost alone below `top`."""
    window = rate // 2
    for start in range(0, max(len(samples) - window, 0) + 1, window // 2):
        part = samples[start : start + window]
        if len(part) == window and loudness(part) > -40 and share(part, rate, hertz, top=top) >= least_share:
            return True
    return False


def is_tone(frame: np.ndarray, rate: int, hertz: float) -> bool:
    """Whether a frame of some milliseconds is this tone, more or less alone and not faint."""
    samples = frame.astype(np.float64)
    energy = np.mean(samples**2)
    turns = np.exp(-2j * np.pi * hertz * np.arange(len(samples)) / rate)
    amplitude = 2 * abs(np.mean(samples * turns)) if len(samples) else 0.0
    return amplitude > 600 and amplitude**2 / 2 > 0.6 * energy


def holds(samples: np.ndarray, rate: int, hertz: float, least_share: float = 0.2) -> bool:
    """True when half a second of the recording holds this tone among others."""
    return hears(samples, rate, hertz, least_share)


def tone_ulaw(hertz: float, seconds: float) -> bytes:
    """A tone as G.711 µ-law at 8 kHz, without any header."""
    samples = np.clip(tone(hertz, seconds, 8_000).astype(np.int32), -32_635, 32_635)
    magnitude = np.abs(samples) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(samples < 0, 0x80, 0)
    return (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8).tobytes()


def read_wav(path: Path) -> tuple[np.ndarray, int]:
    """Mono 16-bit samples and the rate; an unfinished header (a writer still at work) is read to the file's end."""
    content = Path(path).read_bytes()
    if len(content) < 44:
        return np.zeros(0, np.int16), 8_000
    rate = int.from_bytes(content[24:28], "little")
    channels = int.from_bytes(content[22:24], "little")
    body = content[44 : len(content) - (len(content) - 44) % 2]
    samples = np.frombuffer(body, dtype="<i2")
    return (samples[::channels] if channels > 1 else samples), rate


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())
