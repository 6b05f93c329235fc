"""Opus by Debian's libopus: what our own is held against, and how Go's recordings are heard."""

import base64
import ctypes
import ctypes.util
import functools

import numpy as np

VOIP, SET_BITRATE, SET_INBAND_FEC, SET_LOSS = 2048, 4002, 4012, 4014


@functools.cache
def library():
    """Raises OSError when it is not installed (Debian package libopus0)."""
    loaded = ctypes.CDLL(ctypes.util.find_library("opus") or "libopus.so.0")
    loaded.opus_encoder_create.restype = ctypes.c_void_p
    loaded.opus_decoder_create.restype = ctypes.c_void_p
    return loaded


def encode(samples: np.ndarray, rate: int, bitrate: int = 32_000, fec: bool = False) -> list[bytes]:
    """Packets of 20 ms."""
    error = ctypes.c_int()
    encoder = ctypes.c_void_p(library().opus_encoder_create(rate, 1, VOIP, ctypes.byref(error)))
    library().opus_encoder_ctl(encoder, SET_BITRATE, ctypes.c_int(bitrate))
    library().opus_encoder_ctl(encoder, SET_INBAND_FEC, ctypes.c_int(int(fec)))
    library().opus_encoder_ctl(encoder, SET_LOSS, ctypes.c_int(10 if fec else 0))
    packets, buffer, frame = [], ctypes.create_string_buffer(1_500), rate // 50
    for start in range(0, len(samples) - frame + 1, frame):
        pcm = samples[start : start + frame].tobytes()
        length = library().opus_encode(encoder, pcm, frame, buffer, 1_500)
        assert length > 0
        packets.append(buffer.raw[:length])
    library().opus_encoder_destroy(encoder)
    return packets


def decode(packets: list[bytes], rate: int) -> np.ndarray:
    """Samples; an empty packet is one that was lost."""
    return np.concatenate([np.zeros(0, np.int16), *decode_each(packets, rate)])


def decode_each(packets: list[bytes], rate: int) -> list[np.ndarray]:
    """The samples of each packet."""
    error = ctypes.c_int()
    decoder = ctypes.c_void_p(library().opus_decoder_create(rate, 1, ctypes.byref(error)))
    out, lost = [], rate // 50
    for packet in packets:
        buffer = (ctypes.c_int16 * (rate * 120 // 1000))()
        wanted = lost if not packet else rate * 120 // 1000
        count = library().opus_decode(decoder, packet or None, len(packet), buffer, wanted, 0)
        assert count > 0
        out.append(np.frombuffer(buffer, dtype=np.int16)[:count].copy())
    library().opus_decoder_destroy(decoder)
    return out


def in_text(packets: list[bytes]) -> list[str]:
    """Packets in base64, as JSON can carry them."""
    return [base64.b64encode(packet).decode() for packet in packets]
