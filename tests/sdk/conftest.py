"""What the stories of the Python suite share: the SDK's client, and the world's door (tests/sdk/world.py)."""

import asyncio
import itertools
import json
import os
import re
import time
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest_asyncio
from livekit import api

CALLEE = "+15105550123"
rooms = (f"python-{os.getpid()}-{number}" for number in itertools.count(1))


class World:
    """Phones and listeners, asked for by HTTP."""

    def __init__(self, session: aiohttp.ClientSession):
        self.session = session
        self.url = os.environ["WORLD_URL"]

    async def post(self, path: str, **body):
        return await self._answer(self.session.post(self.url + path, json=body))

    async def get(self, path: str):
        return await self._answer(self.session.get(self.url + path))

    @staticmethod
    async def _answer(request):
        async with request as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def phone(self, scenario: str, keys: dict | None = None, **options) -> "Phone":
        if scenario == "baresip":
            return Phone(self, await self.post("/phones", baresip=True, **options))
        return Phone(self, await self.post("/phones", scenario=scenario, keys=keys or {}, **options))

    async def listener(self, room: str) -> "Listener":
        return Listener(self, await self.post("/listeners", room=room))


class Phone:
    def __init__(self, world: World, made: dict):
        self.world, self.path, self.address = world, f"/phones/{made['id']}", made["address"]

    async def requests(self, method: str, count: int = 1) -> list[str]:
        return await self.world.get(f"{self.path}/requests/{method}?count={count}")

    async def invite(self) -> str:
        return (await self.requests("INVITE"))[0]

    async def digits(self, count: int) -> str:
        return await self.world.get(f"{self.path}/digits?count={count}")

    async def hears(self, hertz: float) -> bool:
        return await self.world.get(f"{self.path}/hears?hertz={hertz}")

    async def dies(self) -> None:
        """Ends without a word, as a phone whose line is cut."""
        await self.world.post(f"{self.path}/death")

    async def story(self) -> dict:
        return await self.world.get(f"{self.path}/story")


class Listener:
    def __init__(self, world: World, made: dict):
        self.world, self.path, self.identity = world, f"/listeners/{made['id']}", made["identity"]

    async def hears(self, identity: str, hertz: float) -> bool:
        return await self.world.get(f"{self.path}/hears/{identity}?hertz={hertz}")

    async def speaks(self, hertz: float) -> str:
        """Hums; returns the sid of its track."""
        return (await self.world.post(f"{self.path}/voice", hertz=hertz))["track"]

    async def answers(self, method: str) -> None:
        await self.world.post(f"{self.path}/method", name=method)

    async def silence(self, identity: str) -> bool:
        return await self.world.get(f"{self.path}/silence/{identity}")

    async def sees(self, identity: str, **known: str) -> dict:
        return await self.world.get(f"{self.path}/sees/{identity}?{urlencode(known)}")

    async def room(self, **known: str) -> dict:
        return await self.world.get(f"{self.path}/room?{urlencode(known)}")

    async def data(self, count: int) -> list[dict]:
        return await self.world.get(f"{self.path}/data?count={count}")

    async def statuses(self, identity: str, last: str) -> list[str]:
        return await self.world.get(f"{self.path}/statuses/{identity}?last={last}")

    async def left(self, identity: str) -> int:
        return await self.world.get(f"{self.path}/left/{identity}")


def headers(message: str, name: str) -> list[str]:
    """The values of a header of a SIP message, in order."""
    head = message.replace("\r\n", "\n").partition("\n\n")[0].split("\n")[1:]
    found = [line.partition(":") for line in head]
    return [value.strip() for key, _, value in found if key.lower() == name.lower()]


def header(message: str, name: str) -> str | None:
    found = headers(message, name)
    return found[0] if found else None


def body(message: str) -> str:
    return message.replace("\r\n", "\n").partition("\n\n")[2]


def stories(name: str) -> list:
    """What a file beside this one tells; `{x*257}` in it stands for 257 times x."""
    text = (Path(__file__).parent / name).read_text()
    return json.loads(re.sub(r"\{(.)\*(\d+)\}", lambda found: found[1] * int(found[2]), text))


async def ask(livekit, method: str, request, answer):
    """Asks by the SDK's own client for what none of its calls asks for."""
    sip = livekit.sip
    return await sip._client.request("SIP", method, request, sip._admin_headers(), answer)


async def eventually(condition, what: str, seconds: float = 15.0) -> None:
    """Waits until a coroutine's answer is true."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)


@pytest_asyncio.fixture
async def world():
    async with aiohttp.ClientSession() as session:
        yield World(session)


@pytest_asyncio.fixture
async def livekit():
    """The SDK, configured by the environment as its users do."""
    client = api.LiveKitAPI()
    yield client
    await client.aclose()


@pytest_asyncio.fixture
async def trunk_to(livekit):
    async def create(address: str, **fields) -> str:
        trunk = api.SIPOutboundTrunkInfo(**{"name": "python", "address": address, "numbers": ["+15105550100"], **fields})
        return (await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))).sip_trunk_id

    return create


def call(trunk_id: str, /, **fields) -> api.CreateSIPParticipantRequest:
    """A request to call; every story has a room of its own."""
    plain = {"sip_trunk_id": trunk_id, "sip_call_to": CALLEE, "room_name": next(rooms), "participant_identity": "callee"}
    return api.CreateSIPParticipantRequest(**{**plain, **fields})
