"""Headless browsers, each driven through its own remote protocol; every page is a room participant (browser/participant.js).

Chromium speaks its DevTools protocol, one socket per page; Firefox speaks WebDriver BiDi, one socket for all.
"""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path

import aiohttp
from aiohttp import web

from .waiting import wait_until

HERE = Path(__file__).resolve().parents[1]
LIVEKIT_CLIENT = HERE / "node" / "node_modules" / "livekit-client" / "dist" / "livekit-client.umd.js"
CHROMIUM_FLAGS = [
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
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
FIREFOX_PREFERENCES = {
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.autoplay.block-webaudio": False,
    "media.block-autoplay-until-in-foreground": False,
    "media.gmp-manager.url": "http://127.0.0.1:9/",
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "http://127.0.0.1:9/",
    "extensions.update.enabled": False,
    "remote.active-protocols": 1,
}


async def livekit_client(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(LIVEKIT_CLIENT)


class Wire:
    """A remote protocol's socket: every command has a number, and its answer has the same."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, on_event):
        self.socket, self.on_event = socket, on_event
        self.numbers = itertools.count(1)
        self.waiting: dict[int, asyncio.Future] = {}
        self.reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            content = json.loads(message.data)
            waiting = self.waiting.pop(content.get("id"), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(content)
            elif "method" in content:
                self.on_event(content)
        for waiting in self.waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the browser is gone"))

    async def command(self, method: str, **parameters) -> dict:
        number = next(self.numbers)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        # Not wait_for, which in Python 3.11 forgets that it was cancelled when the answer comes in the same moment.
        async with asyncio.timeout(60):
            answer = await self.waiting[number]
        assert "error" not in answer, answer
        return answer["result"]

    async def close(self) -> None:
        self.reading.cancel()
        await self.socket.close()


class ChromiumPage:
    def __init__(self, wire: Wire, target: str):
        self.wire, self.target = wire, target
        self.console: list[str] = []

    async def evaluate(self, expression: str) -> str:
        answer = await self.wire.command("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            said = answer["exceptionDetails"].get("exception", {}).get("description")
            raise AssertionError(f"{expression[:200]} throws {said}; the console: {self.console[-20:]}")
        return answer["result"].get("value")


class FirefoxPage:
    def __init__(self, wire: Wire, context: str):
        self.wire, self.context = wire, context
        self.console: list[str] = []

    async def evaluate(self, expression: str) -> str:
        answer = await self.wire.command(
            "script.evaluate", expression=expression, target={"context": self.context}, awaitPromise=True, userActivation=True
        )
        if answer["type"] == "exception":
            said = answer["exceptionDetails"]["text"]
            raise AssertionError(f"{expression[:200]} throws {said}; the console: {self.console[-20:]}")
        return answer["result"].get("value")


class Browser:
    """One browser process, and the web server that its pages come from."""

    program = ""

    def __init__(self, folder: Path):
        self.folder = folder / self.program
        self.environment: dict[str, str] = {}

    async def start(self) -> "Browser":
        application = web.Application()
        application.router.add_get("/livekit-client.js", livekit_client)
        application.router.add_static("/", HERE / "browser")
        self.runner = web.AppRunner(application, shutdown_timeout=1.0)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        self.folder.mkdir(exist_ok=True)
        self.log = (self.folder / "browser.log").open("wb")
        self.session = aiohttp.ClientSession()
        self.process = self.spawn(self.command(), **self.environment)
        await self.greet()
        return self

    def spawn(self, command: list, **environment: str) -> subprocess.Popen:
        return subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL
        )

    def command(self) -> list:
        raise NotImplementedError

    async def greet(self) -> None:
        """Waits until the browser can be spoken to."""
        raise NotImplementedError

    async def open(self):
        """A page of its own."""
        page = await self.new_page()
        while not await page.evaluate("String(Boolean(window.obey))") == "true":
            await asyncio.sleep(0.05)
        return page

    async def stop(self) -> None:
        """Asks it to end, and does not wait long: a browser that hangs is not what is tested."""
        await self.session.close()
        self.process.terminate()
        try:
            await asyncio.to_thread(self.process.wait, 10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)
        self.log.close()
        await self.runner.cleanup()


class Chromium(Browser):
    program = "chromium"

    def command(self) -> list:
        return [shutil.which(self.program), *CHROMIUM_FLAGS, f"--user-data-dir={self.folder}", "about:blank"]

    async def greet(self) -> None:
        door = self.folder / "DevToolsActivePort"
        await asyncio.to_thread(wait_until, lambda: door.exists() and door.read_text(), "Chromium opens its door", 30)
        self.devtools = f"http://127.0.0.1:{door.read_text().split()[0]}"

    async def new_page(self) -> ChromiumPage:
        async with self.session.put(f"{self.devtools}/json/new?{self.origin}/page.html") as answer:
            target = await answer.json()
        socket = await self.session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
        page = ChromiumPage(Wire(socket, lambda event: note(page, event)), target["id"])

        def note(page: ChromiumPage, event: dict) -> None:
            if event["method"] == "Runtime.consoleAPICalled":
                told = event["params"]["args"]
                page.console.append(" ".join(str(part.get("value", part.get("description"))) for part in told))

        await page.wire.command("Runtime.enable")
        return page

    async def close(self, page: ChromiumPage) -> None:
        await page.wire.close()
        # A page that does not go by itself, seen now and then with cameras on, goes with its browser.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10), self.session.get(f"{self.devtools}/json/close/{page.target}"):
                pass

    crash = close


class Firefox(Browser):
    """Its audio contexts run only where there is a sound device: PulseAudio plays one that nobody hears."""

    program = "firefox-esr"

    async def start(self) -> "Firefox":
        self.folder.mkdir()
        socket = self.folder / "sound"
        modules = ["-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1", "-L", "module-null-sink rate=48000"]
        command = ["pulseaudio", "-n", "--exit-idle-time=-1", "--daemonize=no", *modules]
        with (self.folder / "pulse.log").open("wb") as self.log:
            self.pulse = self.spawn(command, HOME=str(self.folder), XDG_RUNTIME_DIR=str(self.folder))
        await asyncio.to_thread(wait_until, socket.is_socket, "PulseAudio opens its socket", 20)
        self.environment = {"PULSE_SERVER": f"unix:{socket}"}
        return await super().start()

    def command(self) -> list:
        preferences = "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in FIREFOX_PREFERENCES.items())
        (self.folder / "user.js").write_text(preferences)
        program = shutil.which(self.program) or shutil.which("firefox")
        return [program, "--headless", "--no-remote", "--profile", self.folder, "--remote-debugging-port", "0"]

    async def greet(self) -> None:
        door = self.folder / "WebDriverBiDiServer.json"
        await asyncio.to_thread(wait_until, lambda: door.exists() and door.read_text(), "Firefox opens its door", 60)
        self.pages: dict[str, FirefoxPage] = {}
        address = json.loads(door.read_text())
        socket = await self.session.ws_connect(
            f"ws://{address['ws_host']}:{address['ws_port']}/session", max_msg_size=0
        )
        self.wire = Wire(socket, self._note)
        await self.wire.command("session.new", capabilities={})
        await self.wire.command("session.subscribe", events=["log.entryAdded"])

    def _note(self, event: dict) -> None:
        if event["method"] == "log.entryAdded":
            page = self.pages.get(event["params"]["source"].get("context"))
            if page is not None:
                page.console.append(str(event["params"].get("text")))

    async def new_page(self) -> FirefoxPage:
        made = await self.wire.command("browsingContext.create", type="tab")
        page = self.pages[made["context"]] = FirefoxPage(self.wire, made["context"])
        await self.wire.command(
            "browsingContext.navigate", context=page.context, url=f"{self.origin}/page.html", wait="complete"
        )
        return page

    async def close(self, page: FirefoxPage) -> None:
        await self.wire.command("browsingContext.close", context=page.context)

    crash = close

    async def stop(self) -> None:
        await self.wire.close()
        await super().stop()
        self.pulse.terminate()
        await asyncio.to_thread(self.pulse.wait, 10)
