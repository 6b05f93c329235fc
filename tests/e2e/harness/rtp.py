"""RTP as a phone sends it (RFC 3550), packet by packet."""

import struct

from .g711 import FRAME, PCMU


def packet(
    number: int, payload: bytes, *, payload_type: int = PCMU, ticks: int | None = None, source: int = 77, marker: bool = False
) -> bytes:
    """One packet: its sequence number, its timestamp (that of so many whole frames, unless it has `ticks`), its SSRC. What is too
    large for its field wraps round."""
    ticks = number * FRAME if ticks is None else ticks
    head = struct.pack("!BBHII", 0x80, payload_type | (0x80 if marker else 0), number & 0xFFFF, ticks & 0xFFFFFFFF, source)
    return head + payload
