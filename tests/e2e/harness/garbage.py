"""What nobody should send: noise, and messages of each protocol with something wrong in them. One seed, one garbage."""

import contextlib
import random
import socket
import struct

SIP = [
    "INVITE sip:a@127.0.0.1 SIP/2.0", "REGISTER sip:127.0.0.1 SIP/2.0", "OPTIONS sip:127.0.0.1 SIP/2.0",
    "BYE sip:a@127.0.0.1 SIP/2.0", "CANCEL sip:a@127.0.0.1 SIP/2.0", "ACK sip:a@127.0.0.1 SIP/2.0",
    "SIP/2.0 200 OK", "SIP/2.0 401 Unauthorized", "SIP/2.0 183 Session Progress", "CONJURE x y z",
]  # fmt: skip
FIELDS = [
    "Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{word};rport", "Via: SIP/2.0/TCP ;;branch=",
    "Max-Forwards: {number}", "From: <sip:a@127.0.0.1>;tag={word}", 'From: "{word} <sip:',
    "To: <sip:b@127.0.0.1>", "To: <sip:b@127.0.0.1>;tag={word}",
    "Call-ID: {word}@127.0.0.1", "CSeq: {number} INVITE", "CSeq: {number} {word}", "Contact: <sip:a@127.0.0.1:{port}>",
    "Contact: *", "Content-Length: {number}", "Content-Type: application/sdp",
    "Record-Route: <sip:{word};lr>",
    'WWW-Authenticate: Digest realm="{word}", nonce="', "Session-Expires: {number}", "RSeq: {number}", "Require: {word}",
    " folded {word}", ":", "X-{word}: \x00\x7f",
]  # fmt: skip
HTTP = [b"GET / HTTP/1.1", b"POST /twirp/livekit.SIP/x HTTP/1.1", b"BREW \xff HTTP/9.9", b"GET " + b"a" * 9_000]
HTTP_FIELDS = [
    b"Host: x", b"Content-Length: 99999999999999999999", b"Transfer-Encoding: chunked", b"\x00: \xff",
    b"Upgrade: websocket",
]  # fmt: skip
BODIES = ["", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nm=audio {port} RTP/AVP {number}\r\n", "m=audio\r\n" * 200]


class Garbage:
    """Makes garbage by kind; every kind has the first bytes that bring it past the first look."""

    def __init__(self, seed: int | None = None):
        self.seed = random.randrange(1 << 32) if seed is None else seed
        print(f"garbage of seed {self.seed}")
        self.dice = random.Random(self.seed)

    def noise(self, most: int = 1_400) -> bytes:
        return self.dice.randbytes(self.dice.randrange(1, most))

    def sip(self) -> bytes:
        lines = [self.dice.choice(SIP), *self.dice.choices(FIELDS, k=self.dice.randrange(0, 16))]
        text = "\r\n".join(lines) + "\r\n\r\n" + self.dice.choice(BODIES)
        for key in ("{port}", "{number}", "{word}"):
            text = text.replace(key, str(self.dice.randrange(0, 1 << 33) if key != "{port}" else 9))
        return self._bitten(text.encode("latin-1"))

    def rtp(self) -> bytes:
        head = struct.pack("!BBHII", 0x80 | self.dice.randrange(64), self.dice.randrange(256), *self._numbers())
        return head + self.noise(300)

    def rtcp(self) -> bytes:
        kind, length = self.dice.randrange(192, 224), self.dice.randrange(400)
        return struct.pack("!BBH", 0x80 | self.dice.randrange(64), kind, length) + self.noise(300)

    def stun(self) -> bytes:
        kind = self.dice.choice([0x0001, 0x0101, 0x0111, 0x0011])
        attributes = b""
        for _ in range(self.dice.randrange(5)):
            attribute = self.dice.choice([0x06, 0x08, 0x20, 0x24, 0x25, 0x8028])
            attributes += struct.pack("!HH", attribute, self.dice.randrange(40)) + self.noise(24)
        return struct.pack("!HHI", kind, len(attributes), 0x2112A442) + self.dice.randbytes(12) + attributes

    def dtls(self) -> bytes:
        kind, length = self.dice.randrange(20, 24), self.dice.randrange(500)
        return struct.pack("!BHHIH", kind, 0xFEFD, 0, 0, length) + self.noise()

    def http(self) -> bytes:
        lines = [self.dice.choice(HTTP), *self.dice.choices(HTTP_FIELDS, k=3)]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.noise()

    def signal(self) -> bytes:
        """A length-delimited member of a SignalRequest with anything in it."""
        body = self.noise(80)
        return bytes([(self.dice.randrange(1, 16) << 3) | 2, len(body) & 0x7F]) + body

    def _bitten(self, message: bytes) -> bytes:
        bytes_ = bytearray(message)
        for _ in range(self.dice.choice([0, 0, 1, 3])):
            bytes_[self.dice.randrange(len(bytes_))] = self.dice.randrange(256)
        return bytes(bytes_)

    def _numbers(self) -> tuple[int, int, int]:
        return self.dice.randrange(1 << 16), self.dice.randrange(1 << 32), self.dice.randrange(1 << 32)


def shoot(port: int, datagrams) -> None:
    """Sends datagrams from a port of their own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gun:
        gun.connect(("127.0.0.1", port))
        for datagram in datagrams:
            with contextlib.suppress(ConnectionError):  # nothing listens there: told by ICMP
                gun.send(datagram)


def pour(port: int, *pieces: bytes) -> None:
    """Sends pieces over one TCP connection, however the other side takes it."""
    with contextlib.suppress(ConnectionError, TimeoutError), socket.create_connection(("127.0.0.1", port), 5) as pipe:
        for piece in pieces:
            pipe.sendall(piece)
