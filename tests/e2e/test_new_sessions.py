"""Where a session cannot be resumed, each client begins a new one: everybody hears everybody again, the phone included."""

import pytest

from conftest import need
from harness.client import Client
from harness.world import PHONE_HERTZ, World

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

KINDS = ["python", "python-dual", "node", "chromium", "firefox", "go", "go-single"]
# By livekit-client's names. Go has no full reconnect of its own accord: it has the server ask for one.
WAYS = ["full-reconnect", "node-failure", "migration"]
WAYS_OF_GO = ["leave-full-reconnect", "node-failure", "migration"]


async def begins_anew(client: Client, way: str) -> None:
    before = (await client.do("me"))["sid"]
    count = len(client.told("reconnected"))
    await client.do("simulate", scenario=way)
    await client.tells("reconnected", seconds=40, times=count + 1)
    assert (await client.do("me"))["sid"] != before, f"{way} is no resume"


@pytest.mark.parametrize("kind", KINDS)
async def test_who_cannot_resume_begins_anew_and_is_heard(kind, module_server, clients, livekit_api, baresip, proves):
    need("baresip")
    tones = {kind: 1_700, "python partner": 1_100}
    world = World(clients, module_server.ws_url, baresip(hertz=PHONE_HERTZ), f"anew-{kind}", tones)
    client, partner = [await world.join(name) for name in tones]
    await world.call(livekit_api)
    await world.everybody_hears_everybody()
    with proves("begins a new session where it cannot resume, and all hear each other again", kind):
        for way in WAYS_OF_GO if kind.startswith("go") else WAYS:
            await begins_anew(client, way)
            await world.everybody_hears_everybody()
            world.phone_is_up()
    for person in (client, partner):
        await person.leave()
