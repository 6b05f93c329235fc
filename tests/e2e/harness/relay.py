"""A TCP relay in front of a server's HTTP port that can be cut, as a path is: without a word to either side's program."""

import asyncio
import contextlib


class Relay:
    """`cut()` aborts every connection; between `hold()` and `mend()` new ones are taken and wait."""

    def __init__(self, port: int):
        self.target = port
        self.way = asyncio.Event()
        self.way.set()
        self.accepted = 0
        self.writers: set[asyncio.StreamWriter] = set()
        self.listener = None

    async def start(self) -> "Relay":
        self.listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.listener.sockets[0].getsockname()[1]}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        await self.way.wait()
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self.writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))
        finally:
            self.writers -= {writer, far_writer}

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()
        with contextlib.suppress(ConnectionError, RuntimeError):
            writer.close()

    def cut(self) -> None:
        for writer in list(self.writers):
            writer.transport.abort()

    def hold(self) -> None:
        self.way.clear()

    def mend(self) -> None:
        self.way.set()

    async def stop(self) -> None:
        self.cut()
        self.listener.close()
