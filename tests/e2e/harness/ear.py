"""The audio end of a phone that SIPp plays: it hums, and keeps what comes with the kernel's own time of each packet.

The packets go into a pcap file for tshark to judge; so nothing needs the right to capture on an interface.
"""

import base64
import csv
import io
import os
import re
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pylibsrtp
from pylibsrtp import Policy
from pylibsrtp._binding import ffi

from . import g711, rtp
from .tones import hears, is_tone

SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python does not name it
ETHERNET = 1
# What libsrtp calls the suites of RFC 4568 and RFC 7714.
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
# The rest of them (RFC 6188) is built into libsrtp too, but has no name there: cipher, key and salt, HMAC-SHA1, its key, the tag
# of RTP and RTCP, and that both are wanted, as in srtp_crypto_policy_t.
AES_256_CM = {
    "AES_256_CM_HMAC_SHA1_80": [(5, 46, 3, 20, 10, 3), (5, 46, 3, 20, 10, 3)],
    "AES_256_CM_HMAC_SHA1_32": [(5, 46, 3, 20, 4, 3), (5, 46, 3, 20, 10, 3)],
}
FIELDS = [
    "frame.time_epoch", "rtp.ssrc", "rtp.seq", "rtp.timestamp", "rtp.p_type", "rtp.marker",
    "rtpevent.event_id", "rtpevent.end_of_event", "rtpevent.duration",
]  # fmt: skip


class Ear:
    """One UDP port that gets RTP (G.711, telephone-event 101) and hums: 20 ms of its tone every 20 ms to where it comes from.

    With `encrypt` all of it is SRTP; what does not open is counted in `refused`.
    """

    def __init__(self, folder: Path, hertz: float = 700):
        self.folder = folder
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.hertz = hertz
        self.payload_type = g711.PCMU
        # Whether it says anything; and since when it has, by the clock of its packets.
        self.speaks = True
        # How often each packet goes out; and what goes out for the 20 ms of this number, if not the usual packet.
        self.copies = 1
        self.sends: Callable[[int], list[bytes]] | None = None
        self.began: float | None = None
        self.packets: list[tuple[float, int, bytes]] = []
        self.sent: list[bytes] = []
        self.refused = 0
        self.peer: tuple[str, int] | None = None
        self.incoming: pylibsrtp.Session | None = None
        self.outgoing: pylibsrtp.Session | None = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return self.socket.getsockname()[1]

    def _run(self) -> None:
        number, due = 0, 0.0
        while not self.over.is_set():
            wait = 0.05 if self.peer is None else max(0.0, due - time.monotonic())
            if select.select([self.socket], [], [], wait)[0]:
                self._take()
                due = due or time.monotonic()
            elif self.peer is not None:
                if self.speaks:
                    self._hum(number)
                number, due = number + 1, due + 0.02

    def _hum(self, number: int) -> None:
        if self.sends is not None:
            self.say(self.sends(number))
            return
        packet = rtp.packet(number, g711.hum(self.payload_type, self.hertz, number), payload_type=self.payload_type)
        self.sent.append(self.outgoing.protect(packet) if self.outgoing else packet)
        self.began = self.began or time.time()
        for _ in range(self.copies):
            self.socket.sendto(self.sent[-1], self.peer)

    def say(self, packets: list[bytes]) -> None:
        """Sends packets as they are."""
        for packet in packets:
            self.socket.sendto(packet, self.peer)

    def _take(self) -> None:
        payload, extra, _, self.peer = self.socket.recvmsg(2_048, 128)
        seconds, nanoseconds = next(
            struct.unpack("qq", data) for level, kind, data in extra if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS)
        )
        try:
            opened = self.incoming.unprotect(payload) if self.incoming else payload
            self.packets.append((seconds + nanoseconds / 1e9, self.peer[1], opened))
        except pylibsrtp.Error:
            self.refused += 1

    def encrypt(self, suite: str, incoming: str, outgoing: str) -> None:
        """From now on SRTP of this suite, with keys as `a=crypto` has them."""
        self.incoming = pylibsrtp.Session(policy(suite, incoming, Policy.SSRC_ANY_INBOUND))
        self.outgoing = pylibsrtp.Session(policy(suite, outgoing, Policy.SSRC_ANY_OUTBOUND))

    def heard(self) -> np.ndarray:
        """The audio of what came, packet behind packet, at 8 kHz."""
        frames = [frame for _, frame in self.frames()]
        return np.concatenate(frames) if frames else np.zeros(0, np.int16)

    def frames(self) -> list[tuple[float, np.ndarray]]:
        """The audio packets that came, each with the kernel's time."""
        return [
            (moment, g711.decode(packet[1] & 0x7F, packet[12:]))
            for moment, _, packet in list(self.packets)
            if packet[1] & 0x7F in (g711.PCMU, g711.PCMA)
        ]

    def hears(self, hertz: float) -> bool:
        return hears(self.heard(), g711.RATE, hertz)

    def times_of(self, hertz: float) -> list[float]:
        """When the packets came that hold this tone."""
        return [moment for moment, frame in self.frames() if is_tone(frame, g711.RATE, hertz)]

    def stop(self) -> None:
        self.over.set()
        self.thread.join()
        self.socket.close()

    def write(self) -> None:
        """What came so far, as a capture file."""
        with (self.folder / f"ear-{self.port}.pcap").open("wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, ETHERNET))
            for moment, port, payload in list(self.packets):
                udp = struct.pack("!HHHH", port, self.port, 8 + len(payload), 0) + payload
                ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
                frame = bytes(12) + b"\x08\x00" + ip + udp
                out.write(struct.pack("<IIII", int(moment), int(moment % 1 * 1e6), len(frame), len(frame)) + frame)

    def tshark(self, *arguments: str) -> str:
        self.write()
        command = ["tshark", "-r", self.folder / f"ear-{self.port}.pcap", "-d", f"udp.port=={self.port},rtp", *arguments]
        command += ["-o", "rtpevent.event_payload_type_value:101"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def rtp(self) -> list[dict[str, str]]:
        """Every RTP packet as tshark reads it."""
        columns = [argument for field in FIELDS for argument in ("-e", field)]
        text = self.tshark("-Y", "rtp", "-T", "fields", "-E", "header=y", "-E", "separator=,", *columns)
        return list(csv.DictReader(io.StringIO(text)))


def policy(suite: str, key: str, ssrc: int) -> Policy:
    made = Policy(base64.b64decode(key), ssrc, srtp_profile=SUITES.get(suite, SUITES["AES_CM_128_HMAC_SHA1_80"]))
    for part, values in zip((made._policy.rtp, made._policy.rtcp), AES_256_CM.get(suite, ()), strict=False):
        ffi.cast("uint32_t *", ffi.addressof(part))[0 : len(values)] = values
    return made


def key(suite: str) -> str:
    """A new key of the suite's length, as `a=crypto` has it."""
    length = {"AES_CM_128": 30, "AES_256_CM": 46, "AEAD_AES_128": 28, "AEAD_AES_256": 44}
    return base64.b64encode(os.urandom(next(n for name, n in length.items() if suite.startswith(name)))).decode()


def key_of(message: str, suite: str) -> str:
    return re.search(rf"a=crypto:\d+ {suite} inline:([A-Za-z0-9+/=]+)", message)[1]
