"""A room participant in Node.js (node/participant.js), driven from Python."""

import asyncio
import itertools
import json
from pathlib import Path

import numpy as np
from harness.room import RATE
from harness.server import API_KEY, API_SECRET, Trunkline
from harness.tones import hears
from harness.waiting import until
from livekit import api

HERE = Path(__file__).parent / "node"


class NodeParticipant:
    """One process, one participant; `do` runs a deed of participant.js and returns what it says when done."""

    def __init__(self, server: Trunkline, folder: Path, room: str, identity: str):
        self.server, self.folder, self.room, self.identity = server, folder / f"node-{identity}", room, identity
        self.events: list[dict] = []
        self.numbers = itertools.count()

    async def join(self) -> "NodeParticipant":
        self.folder.mkdir()
        grants = api.VideoGrants(room_join=True, room=self.room, can_update_own_metadata=True)
        token = api.AccessToken(API_KEY, API_SECRET).with_identity(self.identity).with_grants(grants).to_jwt()
        environment = {**self.server.environment, "LIVEKIT_URL": self.server.ws_url, "TOKEN": token}
        self.errors = (self.folder / "errors.log").open("wb")
        self.process = await asyncio.create_subprocess_exec(
            "node", HERE / "participant.js", self.folder, env=environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=self.errors,
        )  # fmt: skip
        self.reading = asyncio.ensure_future(self._read())
        await self.told("connected", seconds=15)
        return self

    async def _read(self) -> None:
        async for line in self.process.stdout:
            if line.startswith(b"{"):
                self.events.append(json.loads(line))

    def all_told(self, event: str, **content) -> list[dict]:
        wanted = {"event": event, **content}.items()
        return [told for told in self.events if all(told.get(key) == value for key, value in wanted)]

    async def told(self, event: str, seconds: float = 10.0, **content) -> dict:
        def seen():
            assert self.process.returncode is None or event == "done", self.complaint()
            return self.all_told(event, **content)

        await until(seen, f"{self.identity} tells {event} {content}; told: {self.events[-10:]}", seconds)
        return seen()[0]

    def complaint(self) -> str:
        return f"{self.identity} ended early: {(self.folder / 'errors.log').read_text(errors='replace')[-2000:]}"

    async def do(self, deed: str, seconds: float = 15.0, **content) -> dict:
        number = next(self.numbers)
        self.process.stdin.write(json.dumps({"deed": deed, "number": number, **content}).encode() + b"\n")
        await self.process.stdin.drain()

        def finished():
            return self.all_told("done", number=number) or self.all_told("failed", number=number)

        await until(finished, f"{self.identity} has done {deed}: {self.events[-5:]}", seconds)
        assert finished()[0]["event"] == "done", finished()[0]
        return finished()[0]

    def recording(self, identity: str) -> np.ndarray:
        path = self.folder / f"{identity}.s16"
        content = path.read_bytes() if path.exists() else b""
        return np.frombuffer(content[: len(content) // 2 * 2], dtype="<i2")

    async def hears(self, identity: str, hertz: float, least_share: float = 0.8) -> None:
        what = f"{self.identity} hears {hertz} Hz from {identity}"
        await until(lambda: hears(self.recording(identity)[-5 * RATE :], RATE, hertz, least_share), what, 15)

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        self.reading.cancel()
        self.errors.close()
