"""The only path to a server, for signalling and media, that can be cut, narrowed, and moved to another address.

It needs no rights: the signalling passes through a relay that tells clients the relay's own port for media and hides
their candidates from the server, so neither side knows a way around it. A NAT does the same to a path.
"""

import asyncio
import contextlib
import random
import re
import selectors
import socket
import struct
import threading
import time
from collections import deque

from livekit.protocol import rtc as signalling

BINARY, PIECE_END = 0x2, 0x80
HEAD_END = b"\r\n\r\n"


class Path:
    """`cut_signalling` and `cut_media` until `mend`; `move` gives every client another address, as seen from the server."""

    def __init__(self, http_port: int, rtc_port: int):
        self.http_port, self.rtc_port = http_port, rtc_port
        self.way = asyncio.Event()
        self.way.set()
        self.flow = asyncio.Event()
        self.flow.set()
        self.accepted = 0
        self.writers: set[asyncio.StreamWriter] = set()
        self.media = MediaPath(rtc_port)

    async def start(self) -> "Path":
        self.listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.media.start()
        return self

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.listener.sockets[0].getsockname()[1]}"

    def cut_signalling(self, hold: bool = True) -> None:
        """Aborts every connection; new ones are taken and wait, if `hold`."""
        if hold:
            self.way.clear()
        for writer in list(self.writers):
            writer.transport.abort()

    def stall_signalling(self) -> None:
        """Connections stay, and what is said on them arrives only after `mend`."""
        self.flow.clear()

    def cut_media(self) -> None:
        self.media.cut = True

    def mend(self) -> None:
        self.media.cut = False
        self.way.set()
        self.flow.set()

    def move(self) -> None:
        self.media.moves += 1

    async def stop(self) -> None:
        self.cut_signalling()
        self.listener.close()
        await asyncio.to_thread(self.media.stop)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await reader.readuntil(HEAD_END)
            await self.way.wait()
            if not reader.at_eof():  # where there is no way, a connection that was given up is never made
                await self._carry(request, reader, writer)
        self.writers.discard(writer)
        writer.close()

    async def _carry(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.http_port)
        self.writers.add(far_writer)
        try:
            there = self._pass_on(request, reader, far_writer, self._from_client)
            back = self._pass_on(b"", far_reader, writer, self._from_server)
            await asyncio.gather(there, back)
        finally:
            self.writers.discard(far_writer)

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change) -> None:
        """Heads of requests and answers as they are; the frames of a WebSocket through `change`."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = head or await reader.readuntil(HEAD_END)
            writer.write(head)
            if b"websocket" in head.lower():
                while True:
                    frame = await self._frame(reader, change)
                    await self.flow.wait()
                    writer.write(frame)
                    await writer.drain()
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()
        with contextlib.suppress(ConnectionError, RuntimeError):
            writer.close()

    @staticmethod
    async def _frame(reader: asyncio.StreamReader, change) -> bytes:
        """One frame (RFC 6455 §5.2), changed if it is a whole binary message. No client splits its messages."""
        first, second = await reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await reader.readexactly(8))
        masked = second & 0x80
        mask = await reader.readexactly(4) if masked else b""
        payload = await reader.readexactly(length)
        if masked:
            repeated = mask * (length // 4 + 1)
            payload = bytes(a ^ b for a, b in zip(payload, repeated))
        if first == BINARY | PIECE_END:
            payload = change(payload)
        sizes = [len(payload)] if len(payload) < 126 else [126, len(payload)] if len(payload) < 65_536 else [127, len(payload)]
        packed = bytes([sizes[0] | masked])
        if len(sizes) == 2:
            packed += struct.pack("!H" if sizes[0] == 126 else "!Q", sizes[1])
        return bytes([first]) + packed + (bytes(4) if masked else b"") + payload

    @staticmethod
    def _from_client(payload: bytes) -> bytes:
        request = signalling.SignalRequest.FromString(payload)
        kind = request.WhichOneof("message")
        if kind == "trickle":
            return b""  # an empty request: the server ignores it
        descriptions = {"offer": [request.offer], "answer": [request.answer]}
        descriptions["sync_state"] = [request.sync_state.offer, request.sync_state.answer]
        for description in descriptions.get(kind, []):
            description.sdp = re.sub(r"a=candidate:[^\r\n]*\r?\n", "", description.sdp)
        return request.SerializeToString() if kind in descriptions else payload

    def _from_server(self, payload: bytes) -> bytes:
        response = signalling.SignalResponse.FromString(payload)
        kind = response.WhichOneof("message")
        there, near = f"127.0.0.1 {self.rtc_port} typ", f"{self.media.address} {self.media.port} typ"
        here = lambda text: text.replace(there, near)  # noqa: E731
        if kind in ("offer", "answer"):
            description = getattr(response, kind)
            description.sdp = here(description.sdp)
        elif kind == "trickle":
            response.trickle.candidateInit = here(response.trickle.candidateInit)
        else:
            return payload
        return response.SerializeToString()


class MediaPath:
    """Relays UDP: every client, told by where it sends from, has a socket of its own towards the server."""

    def __init__(self, rtc_port: int):
        self.server = ("127.0.0.1", rtc_port)
        self.near = _socket(_own_address())
        self.address, self.port = self.near.getsockname()
        self.flows: dict[tuple, socket.socket] = {}
        self.clients: dict[socket.socket, tuple] = {}
        self.cut = False
        self.loss = 0.0
        """The share of RTP packets that get lost, each way."""
        self.dice = random.Random(7)
        self.rtp: list[tuple[float, bool, int]] = []
        """Of each RTP packet: when it came, whether a client sent it, and its payload type."""
        self.moves = self.moved = 0
        self.rate: float | None = None
        """Bytes per second that reach each client; more wait in a queue of a quarter second, and what does not fit is lost."""
        self.queues: dict[tuple, tuple[float, deque]] = {}
        self.over = threading.Event()
        self.selector = selectors.DefaultSelector()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self.selector.register(self.near, selectors.EVENT_READ)
        self.thread.start()

    def _run(self) -> None:
        while not self.over.is_set():
            for key, _ in self.selector.select(0.005 if self.queues else 0.1):
                for _ in range(64):
                    try:
                        datagram, sender = key.fileobj.recvfrom(65_536)
                    except (BlockingIOError, ConnectionError):
                        break
                    self._relay(key.fileobj, datagram, sender)
            self._release()
            if self.moved != self.moves:
                self.moved = self.moves
                self._forget()

    def _relay(self, came_on: socket.socket, datagram: bytes, sender: tuple) -> None:
        if _is_rtp(datagram):
            self.rtp.append((time.time(), came_on is self.near, datagram[1] & 0x7F))
            if self.dice.random() < self.loss:
                return
        if self.cut:
            return
        with contextlib.suppress(OSError):
            if came_on is self.near:
                self._flow(sender).sendto(datagram, self.server)
            elif came_on in self.clients:
                self._to_client(self.clients[came_on], datagram)

    def _to_client(self, client: tuple, datagram: bytes) -> None:
        if self.rate is None:
            self.near.sendto(datagram, client)
            return
        free, queue = self.queues.setdefault(client, (time.monotonic(), deque()))
        if len(queue) * 1_200 < self.rate / 4:
            queue.append(datagram)

    def _release(self) -> None:
        """Sends what the narrow path has room for by now."""
        now = time.monotonic()
        for client, (free, queue) in list(self.queues.items()):
            free = max(free, now - 0.05)
            while queue and free <= now:
                datagram = queue.popleft()
                free += len(datagram) / (self.rate or 1e12)
                with contextlib.suppress(OSError):
                    self.near.sendto(datagram, client)
            self.queues[client] = (free, queue)

    def _flow(self, client: tuple) -> socket.socket:
        if client not in self.flows:
            made = self.flows[client] = _socket()
            self.clients[made] = client
            self.selector.register(made, selectors.EVENT_READ)
        return self.flows[client]

    def _forget(self) -> None:
        """Every client gets another address: what comes to the old one is lost."""
        for made in self.flows.values():
            self.selector.unregister(made)
            made.close()
        self.flows.clear()
        self.clients.clear()

    def stop(self) -> None:
        self.over.set()
        self.thread.join()
        self._forget()
        self.near.close()


def _is_rtp(datagram: bytes) -> bool:
    """Neither STUN nor DTLS nor RTCP (RFC 7983, RFC 5761 §4)."""
    return len(datagram) > 1 and datagram[0] >> 6 == 2 and not 192 <= datagram[1] <= 223


def _own_address() -> str:
    """The machine's own, as the default route has it: Firefox uses no other, and would not pair it with the loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return probe.getsockname()[0]
    return "127.0.0.1"


def _socket(address: str = "127.0.0.1") -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, 0))
    made.setblocking(False)
    return made
