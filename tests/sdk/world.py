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
    POST /servers {"api": {...}}             a second server with these settings                   -> {"url"}
    POST /phones/ID/death                     the phone is gone, without a word
    GET  /phones/ID/hears?hertz=1100          whether a baresip phone hears this tone
    POST /listeners {"room"}                  a participant (the Python room SDK) that records    -> {"id", "identity"}
    POST /listeners/ID/voice {"hertz"}        it hums                                             -> {"track"}
    POST /listeners/ID/method {"name"}        it answers this RPC method with the payload, in capitals
    GET  /listeners/ID/hears/PHONE?hertz=425  whether it hears this tone from that participant
    GET  /listeners/ID/silence/PHONE          waits for a second in which it hears nothing from that participant
    GET  /listeners/ID/sees/PHONE?muted=true  what it knows of that participant, once that is as the query says: any of
                                              muted, name, metadata, and attributes by their names
    GET  /listeners/ID/room?metadata=x        what it knows of its room, once that is as the query says: name, metadata
    GET  /listeners/ID/data?count=1           the data it got, once there is so much: [{"from", "text", "topic"}]
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
from harness.tones import hears, loudness  # noqa: E402
from harness.waiting import until  # noqa: E402


class World:
    """Everything outside the suite's own process."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.server = Trunkline(folder)
        self.others: list[Trunkline] = []
        self.phones: list[Sipp | Baresip] = []
        self.listeners: list[Participant] = []
        self.data: dict[str, list[dict]] = {}

    def door(self) -> web.Application:
        application = web.Application(middlewares=[told_as_text])
        application.add_routes([
            web.post("/servers", self.add_server),
            web.post("/phones", self.add_phone),
            web.get("/phones/{id}/requests/{method}", self.requests),
            web.get("/phones/{id}/digits", self.digits),
            web.get("/phones/{id}/story", self.story),
            web.post("/phones/{id}/death", self.death),
            web.get("/phones/{id}/hears", self.phone_hears),
            web.post("/listeners", self.add_listener),
            web.post("/listeners/{id}/voice", self.voice),
            web.post("/listeners/{id}/method", self.method),
            web.get("/listeners/{id}/silence/{identity}", self.silence),
            web.get("/listeners/{id}/sees/{identity}", self.sees),
            web.get("/listeners/{id}/room", self.room),
            web.get("/listeners/{id}/data", self.received_data),
            web.get("/listeners/{id}/hears/{identity}", self.hears),
            web.get("/listeners/{id}/statuses/{identity}", self.statuses),
            web.get("/listeners/{id}/left/{identity}", self.left),
        ])  # fmt: skip
        return application

    async def add_server(self, request: web.Request) -> web.Response:
        folder = self.folder / f"server{len(self.others)}"
        folder.mkdir()
        server = Trunkline(folder, **await request.json())
        self.others.append(server)
        await asyncio.to_thread(server.start)
        return web.json_response({"url": server.url})

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
        number = len(self.listeners)
        self.listeners.append(listener)
        got = self.data.setdefault(listener.identity, [])

        @listener.room.on("data_received")
        def data(packet):
            sender = packet.participant.identity if packet.participant else ""
            got.append({"from": sender, "text": packet.data.decode(), "topic": packet.topic})

        await listener.join()
        return web.json_response({"id": number, "identity": listener.identity})

    async def voice(self, request: web.Request) -> web.Response:
        listener = self._listener(request)
        await listener.speak(float((await request.json())["hertz"]))
        [publication] = listener.room.local_participant.track_publications.values()
        return web.json_response({"track": publication.sid})

    async def method(self, request: web.Request) -> web.Response:
        async def answer(data) -> str:
            return data.payload.upper()

        name = (await request.json())["name"]
        self._listener(request).room.local_participant.register_rpc_method(name, answer)
        return web.json_response({})

    async def silence(self, request: web.Request) -> web.Response:
        listener, identity = self._listener(request), request.match_info["identity"]

        def silent() -> bool:
            last = listener.recording(identity, 1.0)
            return len(last) >= 0.9 * RATE and loudness(last) < -50

        await until(silent, f"{listener.identity} hears nothing from {identity}", 15)
        return web.json_response(True)

    async def sees(self, request: web.Request) -> web.Response:
        listener, identity = self._listener(request), request.match_info["identity"]

        def seen() -> dict | None:
            known = listener.room.remote_participants.get(identity)
            if known is None:
                return None
            about = {**known.attributes, "name": known.name, "metadata": known.metadata}
            tracks = known.track_publications.values()
            about["muted"] = str(bool(tracks) and all(track.muted for track in tracks)).lower()
            return about if all(about.get(key) == value for key, value in request.query.items()) else None

        what = f"{listener.identity} sees {identity} with {dict(request.query)}"
        return web.json_response(await until(seen, what, 10))

    async def room(self, request: web.Request) -> web.Response:
        room = self._listener(request).room

        def known() -> dict | None:
            about = {"name": room.name, "metadata": room.metadata}
            return about if all(about.get(key) == value for key, value in request.query.items()) else None

        return web.json_response(await until(known, f"its room is {dict(request.query)}", 10))

    async def received_data(self, request: web.Request) -> web.Response:
        got, count = self.data[self._listener(request).identity], int(request.query.get("count", "1"))
        await until(lambda: len(got) >= count, f"{count} data messages arrive; so far {got}")
        return web.json_response(got)

    async def phone_hears(self, request: web.Request) -> web.Response:
        phone, hertz = self._phone(request), float(request.query["hertz"])
        await until(lambda: hears(*phone.recording(), hertz), f"the phone hears {hertz} Hz", 15)
        return web.json_response(True)

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
        codes = [await asyncio.to_thread(server.stop) for server in (self.server, *self.others)]
        return next((code for code in codes if code), 0)


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
