"""What a client without a decoder heard, rebuilt from the packets that it wrote down (go/ears.go): every packet lies where its RTP
timestamp has it, and what was lost, or never sent, is silence."""

import struct
from dataclasses import dataclass

import numpy as np

from . import g711, opus

HEAD = struct.Struct("<QIIH")
OPUS_RATE = 48_000
"""Of its RTP clock (RFC 7587), and of what is decoded."""
RUNAWAY = 30.0
"""Seconds by which timestamps may be ahead of the clock, or behind it: what stalls on the way is not that late."""


@dataclass
class Packet:
    arrival: float
    track: int
    timestamp: int
    payload: bytes


def read(content: bytes) -> list[Packet]:
    """An unfinished last packet is left out."""
    packets, at = [], 0
    while at + HEAD.size <= len(content):
        arrival, track, timestamp, length = HEAD.unpack_from(content, at)
        at += HEAD.size
        if at + length > len(content):
            break
        packets.append(Packet(arrival / 1e9, track, timestamp, content[at : at + length]))
        at += length
    return packets


def places(packets: list[Packet], rate: int) -> list[tuple[int, bytes]]:
    """Every payload with the sample at which it begins, in the order of the samples; a track begins when its first packet came."""
    placed: dict[int, bytes] = {}
    begun, base, first = None, 0, None
    for packet in packets:
        if first is None or packet.track != first.track:
            begun = packet.arrival if begun is None else begun
            first, base = packet, int((packet.arrival - begun) * rate)
        behind = (packet.timestamp - first.timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        ahead = behind / rate - (packet.arrival - first.arrival)
        assert abs(ahead) < RUNAWAY, f"timestamps are {ahead:.1f} s ahead of the clock"
        if packet.payload:
            placed[base + behind] = packet.payload
    return sorted(placed.items())


def from_g711(payload_type: int, content: bytes, seconds: float) -> tuple[np.ndarray, int]:
    """The last seconds."""
    decoded = [(at, g711.decode(payload_type, payload)) for at, payload in last(places(read(content), g711.RATE), seconds, g711.RATE)]
    return laid_out(decoded)[-int(seconds * g711.RATE) :], g711.RATE


def from_opus(content: bytes, seconds: float) -> tuple[np.ndarray, int]:
    """The last seconds. The decoder hears of no loss, for it would fill the holes."""
    chosen = last(places(read(content), OPUS_RATE), seconds, OPUS_RATE)
    decoded = opus.decode_each([payload for _, payload in chosen], OPUS_RATE)
    samples = laid_out([(at, part) for (at, _), part in zip(chosen, decoded, strict=True)])
    return samples[-int(seconds * OPUS_RATE) :], OPUS_RATE


def last(placed: list[tuple[int, bytes]], seconds: float, rate: int) -> list[tuple[int, bytes]]:
    """What begins within the last seconds, and the packet before it."""
    if not placed:
        return []
    begin = placed[-1][0] - seconds * rate
    before = sum(at < begin for at, _ in placed)
    return placed[max(0, before - 1) :]


def laid_out(decoded: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """Each part where it belongs, from the first one on."""
    if not decoded:
        return np.zeros(0, np.int16)
    begin = decoded[0][0]
    samples = np.zeros(max(at + len(part) for at, part in decoded) - begin, np.int16)
    for at, part in decoded:
        samples[at - begin : at - begin + len(part)] = part
    return samples
