"""ITU-T G.711 by its definition, both laws: what a phone's audio port says and hears."""

import numpy as np

PCMU, PCMA = 0, 8
RATE = 8_000
FRAME = 160


def encode(payload_type: int, samples: np.ndarray) -> bytes:
    return (_to_a_law if payload_type == PCMA else _to_mu_law)(samples.astype(np.int32)).tobytes()


def decode(payload_type: int, payload: bytes) -> np.ndarray:
    """16-bit samples."""
    codes = np.frombuffer(payload, np.uint8).astype(np.int32)
    return (_from_a_law if payload_type == PCMA else _from_mu_law)(codes).astype(np.int16)


def hum(payload_type: int, hertz: float, number: int) -> bytes:
    """The frame of this number of a steady tone."""
    moments = (np.arange(FRAME) + number * FRAME) / RATE
    return encode(payload_type, 8_000 * np.sin(2 * np.pi * hertz * moments))


def _to_mu_law(samples: np.ndarray) -> np.ndarray:
    magnitude = np.minimum(np.abs(samples), 32_635) + 132
    exponent = _bits(magnitude) - 8
    mantissa = magnitude >> (exponent + 3) & 0x0F
    sign = np.where(samples < 0, 0x80, 0)
    return (~(sign | exponent << 4 | mantissa) & 0xFF).astype(np.uint8)


def _from_mu_law(codes: np.ndarray) -> np.ndarray:
    codes = ~codes & 0xFF
    magnitude = (((codes & 0x0F) << 3) + 132 << (codes >> 4 & 7)) - 132
    return np.where(codes & 0x80, -magnitude, magnitude)


def _to_a_law(samples: np.ndarray) -> np.ndarray:
    magnitude = np.minimum(np.abs(samples), 32_767) >> 4
    exponent = np.maximum(_bits(magnitude) - 4, 1)
    code = np.where(magnitude < 16, magnitude, (exponent - 1) << 4 | magnitude >> exponent - 1 & 0x0F)
    code = np.where(magnitude < 16, code, code + 0x10)
    return ((code | np.where(samples < 0, 0, 0x80)) ^ 0x55).astype(np.uint8)


def _from_a_law(codes: np.ndarray) -> np.ndarray:
    codes = codes ^ 0x55
    exponent, mantissa = codes >> 4 & 7, codes & 0x0F
    small = (mantissa << 4) + 8
    large = (mantissa << 4) + 0x108 << np.maximum(exponent - 1, 0)
    magnitude = np.where(exponent == 0, small, large)
    return np.where(codes & 0x80, magnitude, -magnitude)


def _bits(magnitude: np.ndarray) -> np.ndarray:
    """The length of each number in binary."""
    return np.where(magnitude > 0, np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) + 1, 0)
