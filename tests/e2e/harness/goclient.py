"""A room participant on the official Go SDK: the program of tests/e2e/go, driven over its standard input and output."""

import asyncio
import json
import subprocess
from pathlib import Path

import numpy as np

from .room import access_token
from .server import Trunkline
from .waiting import until

SOURCE = Path(__file__).resolve().parents[1] / "go"
PCMU_RATE = 8_000


def build(target: Path) -> Path:
    """Compiles the program; its modules come from the Go module proxy the first time."""
    made = subprocess.run(["go", "build", "-o", target, "."], cwd=SOURCE, capture_output=True, text=True, timeout=600)
    if made.returncode != 0:
        raise RuntimeError(f"go build failed:\n{made.stderr[-4000:]}")
    return target


class GoParticipant:
    """Keeps every event the program tells of, in order."""

    def __init__(self, program: Path, folder: Path, server: Trunkline, room_name: str, identity: str, **options):
        self.program = program
        self.folder = folder
        self.server = server
        self.room_name = room_name
        self.identity = identity
        self.options = options
        self.events: list[dict] = []
        self.process = None
        self.reading = None

    async def join(self) -> "GoParticipant":
        url = self.options.pop("url", self.server.ws_url)
        arguments = ["-url", url, "-token", access_token(self.room_name, self.identity), "-record", str(self.folder)]
        for name, value in self.options.items():
            arguments.append(f"-{name}={str(value).lower() if isinstance(value, bool) else value}")
        with (self.folder / "go.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                self.program, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        self.reading = asyncio.ensure_future(self._read())
        await self.tells("connected", seconds=20)
        return self

    async def _read(self) -> None:
        async for line in self.process.stdout:
            self.events.append(json.loads(line))

    def told(self, event: str, **fields) -> list[dict]:
        """The events of this name that have these fields."""
        wanted = {"event": event, **fields}.items()
        return [told for told in self.events if wanted <= {k: v for k, v in told.items() if _plain(v)}.items()]

    async def tells(self, event: str, seconds: float = 15.0, times: int = 1, **fields) -> dict:
        await until(
            lambda: len(self.told(event, **fields)) >= times, f"{event} {fields}; told so far: {self.events}", seconds
        )
        return self.told(event, **fields)[-1]

    def command(self, line: str) -> None:
        self.process.stdin.write(f"{line}\n".encode())

    def recording(self, identity: str) -> tuple[np.ndarray, int]:
        """What it heard of a participant that speaks PCMU."""
        path = self.folder / f"{identity}.s16"
        content = path.read_bytes() if path.exists() else b""
        return np.frombuffer(content[: len(content) // 2 * 2], dtype="<i2"), PCMU_RATE

    def forget(self, identity: str) -> None:
        """Drops what was recorded of a participant; the recording goes on."""
        (self.folder / f"{identity}.s16").write_bytes(b"")

    async def leave(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        self.command("leave")
        try:
            await asyncio.wait_for(self.process.wait(), 5)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        self.reading.cancel()


def _plain(value) -> bool:
    return isinstance(value, str | int | float | bool)
