"""The world around an SDK suite: one trunkline server, phones, listeners, and a door through which a suite reaches them.

    python tests/sdk/world.py -- node --test tests/sdk/node

starts the server on free ports, opens a small HTTP door on loopback and runs the command with LIVEKIT_URL,
LIVEKIT_API_KEY, LIVEKIT_API_SECRET and WORLD_URL in its environment. The suite speaks to the server through its SDK only;
through the door it asks for phones and for what they saw on the wire, in JSON:

    POST /phones {"scenario": "refuse", "keys": {...}, "transport": "u1"}   a SIPp phone       -> {"id", "address"}
    POST /phones {"baresip": true, "answer": "auto"}                        a baresip phone    -> {"id", "address"}
    GET  /phones/ID/requests/INVITE?count=1   the requests it received, whole, once there are so many
    GET  /phones/ID/digits?count=5            the digits a baresip phone heard, once there are so many
    GET  /phones/ID/story                     waits until a SIPp phone has played its part: {"code", "trace"}
    POST /phones/ID/death                     the phone is gone, without a word
    POST /listeners {"room"}                  a participant (the Python room SDK) that records    -> {"id"}
    GET  /listeners/ID/hears/PHONE?hertz=425  whether it hears this tone from that participant
    GET  /listeners/ID/statuses/PHONE?last=active   every sip.callStatus it saw, once the last is this one
    GET  /listeners/ID/left/PHONE             the reason with which that participant left, once it has

The command's exit status is the world's.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from aiohttp import web

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from harness.baresip import Baresip  # noqa: E402
from harness.room import RATE, Participant  # noqa: E402
from harness.server import BINARY, Trunkline  # noqa: E402
from harness.sipp import Sipp  # noqa: E402
from harness.tones import hears  # noqa: E402
from harness.waiting import until  # noqa: E402


class World:
    """Everything outside the suite's own process."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.server = Trunkline(folder)
        self.phones: list[Sipp | Baresip] = []
        self.listeners: list[Participant] = []

    def door(self) -> web.Application:
        application = web.Application(middlewares=[told_as_text])
        application.add_routes([
            web.post("/phones", self.add_phone),
            web.get("/phones/{id}/requests/{method}", self.requests),
            web.get("/phones/{id}/digits", self.digits),
            web.get("/phones/{id}/story", self.story),
            web.post("/phones/{id}/death", self.death),
            web.post("/listeners", self.add_listener),
            web.get("/listeners/{id}/hears/{identity}", self.hears),
            web.get("/listeners/{id}/statuses/{identity}", self.statuses),
            web.get("/listeners/{id}/left/{identity}", self.left),
        ])  # fmt: skip
        return application

    async def add_phone(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        if wanted.get("baresip"):
            phone = await asyncio.to_thread(Baresip, self.folder, answer=wanted.get("answer", "auto"))
        else:
            options = {key: wanted[key] for key in ("calls", "transport") if key in wanted}
            keys = wanted.get("keys", {})
            phone = await asyncio.to_thread(Sipp, self.folder, wanted["scenario"], **options, **keys)
        self.phones.append(phone)
        return web.json_response({"id": len(self.phones) - 1, "address": phone.address})

    async def requests(self, request: web.Request) -> web.Response:
        phone, method = self._phone(request), request.match_info["method"]
        count = int(request.query.get("count", "1"))
        await until(lambda: len(phone.received(method)) >= count, f"{count} x {method} arrive:\n{phone.trace()}")
        return web.json_response(phone.received(method))

    async def digits(self, request: web.Request) -> web.Response:
        phone, count = self._phone(request), int(request.query.get("count", "1"))
        await until(lambda: len(phone.digits()) >= count, f"{count} digits arrive; so far {phone.digits()!r}", 20)
        return web.json_response(phone.digits())

    async def story(self, request: web.Request) -> web.Response:
        phone = self._phone(request)
        await phone.ends_well()
        return web.json_response({"code": phone.process.returncode, "trace": phone.trace()})

    async def death(self, request: web.Request) -> web.Response:
        process = self._phone(request).process
        process.kill()
        await asyncio.to_thread(process.wait)
        return web.json_response({})

    async def add_listener(self, request: web.Request) -> web.Response:
        room = (await request.json())["room"]
        listener = Participant(self.server, room, f"listener-{len(self.listeners)}")
        self.listeners.append(listener)
        await listener.join()
        return web.json_response({"id": len(self.listeners) - 1})

    async def hears(self, request: web.Request) -> web.Response:
        listener, identity = self._listener(request), request.match_info["identity"]
        hertz = float(request.query["hertz"])
        heard = lambda: hears(listener.recording(identity), RATE, hertz)  # noqa: E731
        await until(heard, f"{listener.identity} hears {hertz} Hz from {identity}", 15)
        return web.json_response(True)

    async def statuses(self, request: web.Request) -> web.Response:
        listener, identity = self._listener(request), request.match_info["identity"]
        await listener.sees(identity, request.query["last"])
        return web.json_response(listener.statuses_of(identity))

    async def left(self, request: web.Request) -> web.Response:
        return web.json_response(await self._listener(request).sees_leave(request.match_info["identity"]))

    def _phone(self, request: web.Request):
        return self.phones[int(request.match_info["id"])]

    def _listener(self, request: web.Request) -> Participant:
        return self.listeners[int(request.match_info["id"])]

    async def close(self) -> int:
        for listener in self.listeners:
            await listener.leave()
        for phone in self.phones:
            await asyncio.to_thread(phone.stop)
        return await asyncio.to_thread(self.server.stop)


@web.middleware
async def told_as_text(request: web.Request, handler) -> web.StreamResponse:
    """What went wrong is the answer's text: the suite shows it."""
    try:
        return await handler(request)
    except Exception as error:  # whatever it is, the suite is to tell it
        return web.Response(status=500, text=f"{type(error).__name__}: {error}")


async def run(command: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="trunkline-sdk-") as folder:
        world = World(Path(folder))
        world.server.start()
        runner = web.AppRunner(world.door(), shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        environment = {**world.server.environment, "WORLD_URL": f"http://127.0.0.1:{port}"}
        suite = await asyncio.create_subprocess_exec(*command, env=environment)
        code = await suite.wait()
        ended = await world.close()
        await runner.cleanup()
        if code != 0 or ended != 0:
            print(f"the suite ended with {code}, the server with {ended}; the server's log, its end:")
            print(world.server.log()[-6000:])
        return code or ended


if __name__ == "__main__":
    if not BINARY.exists():
        sys.exit(f"{BINARY} is missing: cargo build --release")
    if sys.argv[1:2] != ["--"] or len(sys.argv) < 3:
        sys.exit(f"usage: {os.path.basename(sys.argv[0])} -- COMMAND ...")
    sys.exit(asyncio.run(run(sys.argv[2:])))
