"""The audio end of a phone that SIPp plays: it hums, and keeps what comes with the kernel's own time of each packet.

The packets go into a pcap file for tshark to judge; so nothing needs the right to capture on an interface.
"""

import base64
import csv
import io
import math
import select
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pylibsrtp
from pylibsrtp import Policy

SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python does not name it
ETHERNET = 1
# What libsrtp calls the suites of RFC 4568 and RFC 7714.
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
FIELDS = [
    "frame.time_epoch", "rtp.ssrc", "rtp.seq", "rtp.timestamp", "rtp.p_type", "rtp.marker",
    "rtpevent.event_id", "rtpevent.end_of_event", "rtpevent.duration",
]  # fmt: skip


class Ear:
    """One UDP port that gets RTP (PCMU, telephone-event 101) and sends 20 ms of a tone every 20 ms to where it comes from.

    With `encrypt` all of it is SRTP; what does not open is counted in `refused`.
    """

    def __init__(self, folder: Path):
        self.file = folder / "ear.pcap"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.packets: list[tuple[float, int, bytes]] = []
        self.refused = 0
        self.incoming: pylibsrtp.Session | None = None
        self.outgoing: pylibsrtp.Session | None = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return self.socket.getsockname()[1]

    def _run(self) -> None:
        number, peer, due = 0, None, 0.0
        while not self.over.is_set():
            wait = 0.05 if peer is None else max(0.0, due - time.monotonic())
            if select.select([self.socket], [], [], wait)[0]:
                peer = self._take()
                due = due or time.monotonic()
            elif peer is not None:
                packet = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, 77) + hum(number)
                self.socket.sendto(self.outgoing.protect(packet) if self.outgoing else packet, peer)
                number, due = number + 1, due + 0.02

    def _take(self) -> tuple[str, int]:
        payload, extra, _, sender = self.socket.recvmsg(2_048, 128)
        seconds, nanoseconds = next(
            struct.unpack("qq", data) for level, kind, data in extra if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS)
        )
        try:
            opened = self.incoming.unprotect(payload) if self.incoming else payload
            self.packets.append((seconds + nanoseconds / 1e9, sender[1], opened))
        except pylibsrtp.Error:
            self.refused += 1
        return sender

    def encrypt(self, suite: str, incoming: str, outgoing: str) -> None:
        """From now on SRTP of this suite, with keys as `a=crypto` has them."""
        profile, anybody = SUITES[suite], Policy.SSRC_ANY_INBOUND
        self.incoming = pylibsrtp.Session(Policy(base64.b64decode(incoming), anybody, srtp_profile=profile))
        anybody = Policy.SSRC_ANY_OUTBOUND
        self.outgoing = pylibsrtp.Session(Policy(base64.b64decode(outgoing), anybody, srtp_profile=profile))

    def stop(self) -> None:
        self.over.set()
        self.thread.join()
        self.socket.close()

    def write(self) -> None:
        """What came so far, as a capture file."""
        with self.file.open("wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, ETHERNET))
            for moment, port, payload in list(self.packets):
                udp = struct.pack("!HHHH", port, self.port, 8 + len(payload), 0) + payload
                ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
                frame = bytes(12) + b"\x08\x00" + ip + udp
                out.write(struct.pack("<IIII", int(moment), int(moment % 1 * 1e6), len(frame), len(frame)) + frame)

    def tshark(self, *arguments: str) -> str:
        self.write()
        command = ["tshark", "-r", self.file, "-d", f"udp.port=={self.port},rtp", *arguments]
        command += ["-o", "rtpevent.event_payload_type_value:101"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def rtp(self) -> list[dict[str, str]]:
        """Every RTP packet as tshark reads it."""
        columns = [argument for field in FIELDS for argument in ("-e", field)]
        text = self.tshark("-Y", "rtp", "-T", "fields", "-E", "header=y", "-E", "separator=,", *columns)
        return list(csv.DictReader(io.StringIO(text)))


def hum(number: int) -> bytes:
    """A frame of 700 Hz in PCMU."""
    return bytes(mu_law(int(8_000 * math.sin(2 * math.pi * 700 * (number * 160 + i) / 8_000))) for i in range(160))


def mu_law(sample: int) -> int:
    """ITU-T G.711 by its definition."""
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, 32_635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> (exponent + 3) & 0x0F) & 0xFF
