"""Headless Chromium, driven through its DevTools protocol: every page is a room participant (browser/participant.js)."""

import asyncio
import itertools
import json
import shutil
import subprocess
from pathlib import Path

import aiohttp
from aiohttp import web
from livekit import api

from harness.server import API_KEY, API_SECRET, Trunkline
from harness.waiting import until, wait_until

HERE = Path(__file__).parent
LIVEKIT_CLIENT = HERE / "node" / "node_modules" / "livekit-client" / "dist" / "livekit-client.umd.js"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-port=0",
]


async def livekit_client(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(LIVEKIT_CLIENT)


class Page:
    """One page, one participant."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, identity: str):
        self.socket, self.identity = socket, identity
        self.numbers = itertools.count(1)
        self.lock = asyncio.Lock()
        self.console: list[str] = []

    async def command(self, method: str, **parameters) -> dict:
        async with self.lock:
            number = next(self.numbers)
            await self.socket.send_json({"id": number, "method": method, "params": parameters})
            while True:
                answer = await self.socket.receive_json(timeout=30)
                self._note_console(answer)
                if answer.get("id") == number:
                    assert "error" not in answer, answer
                    return answer["result"]

    def _note_console(self, message: dict) -> None:
        if message.get("method") == "Runtime.consoleAPICalled":
            told = message["params"]["args"]
            self.console.append(" ".join(str(part.get("value", part.get("description"))) for part in told))

    async def evaluate(self, expression: str):
        answer = await self.command("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            said = answer["exceptionDetails"].get("exception", {}).get("description")
            raise AssertionError(f"{self.identity}: {expression} throws {said}; its console: {self.console[-20:]}")
        return answer["result"].get("value")

    async def do(self, deed: str, *arguments):
        """Runs one of the page's deeds and returns what it returns."""
        return await self.evaluate(f"deeds.{deed}({', '.join(json.dumps(argument) for argument in arguments)})")

    async def hears(self, identity: str, hertz: float, least_share: float = 0.8, seconds: float = 15.0) -> None:
        heard: dict = {}

        async def now() -> bool:
            heard.update(await self.do("hears", identity, hertz))
            return heard["share"] >= least_share and heard["loudest"] > -50

        await self.comes_true(now, lambda: f"{self.identity} hears {hertz} Hz from {identity}; now {heard}", seconds)

    async def told(self, what: str, seconds: float = 10.0) -> None:
        seen: dict = {}

        async def now() -> bool:
            seen.update(await self.do("told"))
            return what in seen["events"]

        await self.comes_true(now, lambda: f"{self.identity} tells {what!r}; told {seen}", seconds)

    async def received(self, seconds: float = 10.0, **packet) -> None:
        seen: dict = {}

        async def now() -> bool:
            seen.update(await self.do("told"))
            return any(packet.items() <= got.items() for got in seen["data"] + seen["texts"])

        await self.comes_true(now, lambda: f"{self.identity} receives {packet}; told {seen}", seconds)

    @staticmethod
    async def comes_true(condition, what, seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not await condition():
            assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s: {what()}"
            await asyncio.sleep(0.05)


class Browser:
    """One Chromium process, and the web server that its pages come from."""

    def __init__(self, server: Trunkline, folder: Path):
        self.server, self.folder = server, folder / "chromium"
        self.pages: list[Page] = []

    async def start(self) -> "Browser":
        application = web.Application()
        application.router.add_get("/livekit-client.js", livekit_client)
        application.router.add_static("/", HERE / "browser")
        self.runner = web.AppRunner(application)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        self.folder.mkdir()
        self.log = (self.folder / "chromium.log").open("wb")
        self.process = subprocess.Popen(
            [shutil.which("chromium"), *FLAGS, f"--user-data-dir={self.folder}", "about:blank"],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        door = self.folder / "DevToolsActivePort"
        await asyncio.to_thread(wait_until, lambda: door.exists() and door.read_text(), "Chromium opens its door", 30)
        self.devtools = f"http://127.0.0.1:{door.read_text().split()[0]}"
        self.session = aiohttp.ClientSession()
        return self

    async def join(self, room: str, identity: str) -> Page:
        """A page of its own joins the room."""
        async with self.session.put(f"{self.devtools}/json/new?{self.origin}/page.html") as answer:
            target = await answer.json()
        page = Page(await self.session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0), identity)
        self.pages.append(page)
        await page.command("Runtime.enable")

        async def loaded() -> bool:
            return await page.evaluate("Boolean(window.deeds)")

        await page.comes_true(loaded, lambda: "the page is loaded", 15)
        grants = api.VideoGrants(room_join=True, room=room, can_update_own_metadata=True)
        token = api.AccessToken(API_KEY, API_SECRET).with_identity(identity).with_grants(grants).to_jwt()
        await page.do("join", self.server.ws_url, token)
        return page

    async def stop(self) -> None:
        await self.session.close()
        self.process.terminate()
        await until(lambda: self.process.poll() is not None, "Chromium ends", 10)
        self.log.close()
        await self.runner.cleanup()
