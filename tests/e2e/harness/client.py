"""Room participants on the official client SDKs, all told what to do in the same words, whatever they are written in.

A client is a program or a page that knows deeds (`speak`, `send`, `mute`, ...) and says what happens to it (`subscribed`,
`data`, `left`, ...) as JSON. The programs: python/participant.py, node/participant.js, go/, browser/participant.js.
"""

import asyncio
import base64
import itertools
import json
import sys
from pathlib import Path

import numpy as np

from . import g711, packets
from .room import access_token
from .tones import hears
from .waiting import until

HERE = Path(__file__).resolve().parents[1]
RATE = 48_000


class Client:
    """What all clients have in common; a subclass carries orders to the program, and what it says back."""

    def __init__(self, folder: Path, url: str, room: str, identity: str, token: str | None = None, **options):
        self.folder = folder / f"{room}-{identity}"
        self.url, self.room, self.identity, self.options = url, room, identity, options
        self.token = token or access_token(room, identity)
        self.events: list[dict] = []

    async def do(self, deed: str, seconds: float = 20.0, **content) -> dict:
        raise NotImplementedError

    def told(self, event: str, **fields) -> list[dict]:
        """What it has said of this kind, with these fields."""
        wanted = {"event": event, **fields}.items()
        return [told for told in self.events if all(told.get(key) == value for key, value in wanted)]

    async def tells(self, event: str, seconds: float = 10.0, times: int = 1, **fields) -> dict:
        what = lambda: f"{self.identity} tells {event} {fields}; told so far: {self.events[-20:]}{self.complaint()}"  # noqa: E731
        await until(lambda: len(self.told(event, **fields)) >= times, what, seconds)
        return self.told(event, **fields)[-1]

    def complaint(self) -> str:
        """What went wrong with the program itself."""
        return ""

    async def recording(self, identity: str, seconds: float = 3.0) -> tuple[np.ndarray, int]:
        """The last seconds of what it heard of a participant since `forget`."""
        raise NotImplementedError

    async def forget(self) -> None:
        """Only what is heard from now on counts."""
        raise NotImplementedError

    async def hears(
        self, identity: str, hertz: float, least_share: float = 0.8, seconds: float = 15.0, top: float = 3_400
    ) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not hears(*await self.recording(identity), hertz, least_share, top):
            late = asyncio.get_running_loop().time() > deadline
            assert not late, f"{self.identity} does not hear {hertz} Hz from {identity}; told: {self.events[-20:]}{self.complaint()}"
            await asyncio.sleep(0.1)


class Program(Client):
    """A client that is a process: one line of JSON is one order, or one event."""

    def __init__(self, command: list, *rest, environment: dict | None = None, **options):
        super().__init__(*rest, **options)
        self.command, self.environment = command, environment or {}
        self.numbers = itertools.count(1)
        self.process = None

    async def join(self) -> "Program":
        self.folder.mkdir()
        self.errors = (self.folder / "errors.log").open("wb")
        self.process = await asyncio.create_subprocess_exec(
            *self.command, env=self.environment, limit=1 << 26,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=self.errors,
        )  # fmt: skip
        self.reading = asyncio.ensure_future(self._read())
        await self.tells("connected", seconds=30)
        return self

    async def _read(self) -> None:
        async for line in self.process.stdout:
            if line.startswith(b"{") and "event" in (told := json.loads(line)):  # Node's SDK logs in JSON too
                self.events.append(told)

    def complaint(self) -> str:
        ended = self.process is not None and self.process.returncode is not None
        return f"; it ended: {(self.folder / 'errors.log').read_text(errors='replace')[-2000:]}" if ended else ""

    async def do(self, deed: str, seconds: float = 20.0, **content) -> dict:
        number = next(self.numbers)
        self.process.stdin.write(json.dumps({"deed": deed, "number": number, **content}).encode() + b"\n")
        await self.process.stdin.drain()

        def finished():
            return self.told("done", number=number) or self.told("failed", number=number)

        await until(finished, lambda: f"{self.identity} has done {deed}; told: {self.events[-10:]}{self.complaint()}", seconds)
        assert finished()[0]["event"] == "done", f"{self.identity} could not {deed}: {finished()[0]}"
        return finished()[0]

    async def recording(self, identity: str, seconds: float = 3.0) -> tuple[np.ndarray, int]:
        path = self.folder / f"{identity}.s16"
        content = path.read_bytes() if path.exists() else b""
        samples = np.frombuffer(content[: len(content) // 2 * 2], dtype="<i2")
        return samples[-int(seconds * RATE) :], RATE

    async def forget(self) -> None:
        for kind in ("s16", "opus", "pcmu"):
            for path in self.folder.glob(f"*.{kind}"):
                path.write_bytes(b"")

    async def leave(self) -> None:
        """Leaves the room as its SDK does it, if it still runs; a program that does not end is ended."""
        if self.process is None:
            return
        if self.process.returncode is None:
            self.process.stdin.write(json.dumps({"deed": "leave", "number": 0}).encode() + b"\n")
            try:
                await asyncio.wait_for(self.process.wait(), 5)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        self.reading.cancel()
        self.errors.close()

    async def vanish(self) -> None:
        """Ends without a word to the server's signalling."""
        self.process.kill()
        await self.process.wait()


def _environment(environment: dict, client: dict) -> dict:
    return {**environment, **client}


class PythonClient(Program):
    def __init__(self, environment: dict, folder: Path, url: str, room: str, identity: str, single: bool = True, **options):
        folder_of_it = folder / f"{room}-{identity}"
        command = [sys.executable, HERE / "python" / "participant.py", folder_of_it]
        super().__init__(command, folder, url, room, identity, **options)
        subscribe = options.get("subscribe", True)
        self.environment = {
            **environment, "LIVEKIT_URL": url, "TOKEN": self.token,
            "SINGLE": str(single).lower(), "SUBSCRIBE": str(subscribe).lower(),
        }  # fmt: skip


class NodeClient(Program):
    def __init__(self, environment: dict, folder: Path, url: str, room: str, identity: str, **options):
        folder_of_it = folder / f"{room}-{identity}"
        command = ["node", HERE / "node" / "participant.js", folder_of_it]
        super().__init__(command, folder, url, room, identity, **options)
        subscribe = options.get("subscribe", True)
        self.environment = {**environment, "LIVEKIT_URL": url, "TOKEN": self.token, "SUBSCRIBE": str(subscribe).lower()}


class GoClient(Program):
    """With two peer connections unless `single`; writes down what it hears packet by packet."""

    def __init__(self, program: Path, environment: dict, folder: Path, url: str, room: str, identity: str, single: bool = False, **options):
        super().__init__([], folder, url, room, identity, environment=environment, **options)
        subscribe = str(options.get("subscribe", True)).lower()
        self.command = [
            program, "-url", url, "-token", self.token, "-record", self.folder,
            f"-single={str(single).lower()}", f"-subscribe={subscribe}",
        ]  # fmt: skip

    async def recording(self, identity: str, seconds: float = 3.0) -> tuple[np.ndarray, int]:
        files = [file for codec in ("pcmu", "pcma", "opus") if (file := self.folder / f"{identity}.{codec}").exists()]
        if not files:
            return np.zeros(0, np.int16), g711.RATE
        last = max(files, key=lambda file: file.stat().st_mtime)
        if last.suffix == ".opus":
            return await asyncio.to_thread(packets.from_opus, last.read_bytes(), seconds)
        law = g711.PCMA if last.suffix == ".pcma" else g711.PCMU
        return packets.from_g711(law, last.read_bytes(), seconds)


class PageClient(Client):
    """A client that is a page of a browser; `evaluate` runs an expression in it and returns its text."""

    def __init__(self, browser, *rest, **options):
        super().__init__(*rest, **options)
        self.browser = browser
        self.page = None

    async def join(self) -> "PageClient":
        self.page = await self.browser.open()
        self.watching = asyncio.ensure_future(self._watch())
        deed = self.options.get("deed", "join")
        joined = await self.do(deed, url=self.url, token=self.token, subscribe=self.options.get("subscribe", True))
        self.events.append({"event": "connected", "identity": self.identity, "sid": joined["sid"]})
        return self

    async def _watch(self) -> None:
        count = 0
        while True:
            told = json.loads(await self.page.evaluate(f"toldSince({count})"))
            count += len(told)
            self.events += told
            await asyncio.sleep(0.05)

    def complaint(self) -> str:
        return f"; its console: {self.page.console[-20:]}" if self.page and self.page.console else ""

    async def do(self, deed: str, seconds: float = 20.0, **content) -> dict:
        order = f"obey({json.dumps(deed)}, {json.dumps(content)})"
        async with asyncio.timeout(seconds):
            return json.loads(await self.page.evaluate(order))

    async def recording(self, identity: str, seconds: float = 3.0) -> tuple[np.ndarray, int]:
        told = await self.do("recording", identity=identity, seconds=seconds)
        return np.frombuffer(base64.b64decode(told["samples"]), dtype="<i2"), RATE

    async def forget(self) -> None:
        await self.do("forget")

    async def leave(self) -> None:
        if self.page is not None:
            await self._watch_no_more()
            await self.browser.close(self.page)
            self.page = None

    async def vanish(self) -> None:
        await self._watch_no_more()
        await self.browser.crash(self.page)

    async def _watch_no_more(self) -> None:
        self.watching.cancel()
        await asyncio.gather(self.watching, return_exceptions=True)
