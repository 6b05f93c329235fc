"""Rooms of a server with several media workers."""

import json

from livekit import api

from .server import Trunkline


async def make_rooms(server: Trunkline, livekit: api.LiveKitAPI, *names: str) -> None:
    """Makes rooms, each on a worker of its own while there are any: workers that have nothing to do take turns."""
    for name in names:
        await livekit.room.create_room(api.CreateRoomRequest(name=name))
    lines = [json.loads(line) for line in server.log().splitlines() if "a room is made" in line]
    places = {line["room"]: line["worker"] for line in lines}
    assert len({places[name] for name in names}) == min(server.workers, len(names)), places
