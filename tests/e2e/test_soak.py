"""A busy time at random, after which nothing is left: memory, files, tasks, threads and ports are back where they were.

Joins, leaves, silent deaths, mutes, tracks, data, lost signalling, calls of every end, removals and deleted rooms, drawn
from a seed that is printed. `cargo xtask soak [SECONDS] [SEED]` runs it for as long as wanted, and with the same seed does the same things as
far as the clients' own timing lets it.
"""

import asyncio
import contextlib
import os
import random
import subprocess
import time
import urllib.request
from collections import Counter

import pytest
import pytest_asyncio
from livekit import api, rtc

from harness.calls import call
from harness.path import Path
from harness.ports import free_port
from harness.room import Participant
from harness.server import API_KEY, API_SECRET, BINARY, Trunkline
from harness.waiting import wait_until

SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
SEED = int(os.environ.get("SOAK_SEED") or random.randrange(1 << 32))
ROOMS = 4
PEOPLE = 10
"""At a time: what two cores carry with ease."""
RECORDERS = 0.1
"""How many of them take every frame of what they hear."""
CALLS = 8
HANDS = 3
"""Things done at the same time."""
SETTLED = 60.0
"""Seconds after which nothing may be left: a client that has died is given up 27 s after its last packet, a SIP transaction 32 s."""
REMEMBERED = ("sip_probes", "sip_penalties", "sip_datagram_peers", "sip_tls_peers")
"""Tables of what was learnt of peers: they forget when they are full."""
KEPT_FILES = 2
"""Files that are opened when they are first needed and kept: of the store, of the resolver."""
# trunkline's own phone answers, rings first, is busy, never answers, plays early media, does not exist.
NUMBERS = ["+15550100", "+15550100", "+15550101", "+15550102", "+15550104", "+15550106", "+15550109"]

pytestmark = pytest.mark.timeout(SECONDS + 240)


class Soak:
    """The clients and calls of the run, and what can be done with them."""

    def __init__(self, server: Trunkline, path: Path, livekit: api.LiveKitAPI, trunk: str, seed: int):
        self.server, self.path, self.livekit, self.trunk = server, path, livekit, trunk
        self.dice = random.Random(seed)
        self.people: list[Participant] = []
        self.between: list[Participant] = []
        """Those who have not got in or out in time; they may yet get in."""
        self.tracks: dict[Participant, rtc.LocalAudioTrack] = {}
        self.calls: set[asyncio.Task] = set()
        self.in_calls: list[tuple[str, str]] = []
        self.numbers = 0
        self.done: Counter[str] = Counter()

    def room(self) -> str:
        return f"soak-{self.dice.randrange(ROOMS)}"

    def name(self, kind: str) -> str:
        self.numbers += 1
        return f"{kind}-{self.numbers}"

    def somebody(self) -> Participant | None:
        return self.dice.choice(self.people) if self.people else None

    async def join(self) -> None:
        if len(self.people) >= PEOPLE:
            return await self.leave()
        person = Participant(self.server, self.room(), self.name("person"), records=self.dice.random() < RECORDERS)
        through = self.path.url if self.dice.random() < 0.5 else None
        self.between.append(person)
        await person.join(url=through, single_peer_connection=self.dice.random() < 0.7)
        self.between.remove(person)
        self.people.append(person)
        if self.dice.random() < 0.8:
            self.tracks[person] = await person.speak(self.dice.randrange(300, 3_000))
        return None

    async def leave(self) -> None:
        if person := self.somebody():
            await self.see_out(person)

    async def see_out(self, person: Participant) -> None:
        self.people.remove(person)
        self.between.append(person)
        self.tracks.pop(person, None)
        await person.leave()
        self.between.remove(person)

    async def mute(self) -> None:
        if track := self.tracks.get(self.somebody()):
            track.mute() if self.dice.random() < 0.5 else track.unmute()

    async def unpublish(self) -> None:
        person = self.somebody()
        if (track := self.tracks.pop(person, None)) and person.room.isconnected():
            await person.room.local_participant.unpublish_track(track.sid)

    async def subscribe(self) -> None:
        if person := self.somebody():
            for other in person.room.remote_participants.values():
                for publication in other.track_publications.values():
                    publication.set_subscribed(self.dice.random() < 0.5)

    async def talk(self) -> None:
        if (person := self.somebody()) and person.room.isconnected():
            me = person.room.local_participant
            await me.publish_data(os.urandom(self.dice.randrange(15_000)), reliable=self.dice.random() < 0.7)
            await me.set_attributes({"turn": f"{self.numbers}"})

    async def stream(self) -> None:
        if (person := self.somebody()) and person.room.isconnected():
            await person.room.local_participant.send_text("word " * self.dice.randrange(1, 20_000), topic="soak")

    async def lose_signalling(self) -> None:
        self.path.cut_signalling(hold=False)

    async def lose_media(self) -> None:
        self.path.cut_media()
        await asyncio.sleep(self.dice.uniform(0.5, 3))  # the outage itself
        self.path.mend()

    async def move(self) -> None:
        self.path.move()

    async def call(self) -> None:
        if len(self.calls) >= CALLS:
            return
        room, identity = self.room(), self.name("phone")
        task = asyncio.ensure_future(self._call(room, identity, self.dice.choice(NUMBERS), self.dice.random() < 0.5))
        self.calls.add(task)
        task.add_done_callback(self.calls.discard)

    async def _call(self, room: str, identity: str, number: str, waits: bool) -> None:
        self.in_calls.append((room, identity))
        fields = {"sip_call_to": number, "participant_identity": identity, "wait_until_answered": waits}
        with contextlib.suppress(api.TwirpError, TimeoutError):
            await asyncio.wait_for(call(self.livekit, self.trunk, room, **fields), 30)

    async def hang_up(self) -> None:
        if self.in_calls:
            room, identity = self.in_calls.pop(self.dice.randrange(len(self.in_calls)))
            await self.remove(room, identity)

    async def put_out(self) -> None:
        if person := self.somebody():
            await self.remove(person.room_name, person.identity)
            if person in self.people:
                await self.see_out(person)

    async def remove(self, room: str, identity: str) -> None:
        with contextlib.suppress(api.TwirpError):
            await self.livekit.room.remove_participant(api.RoomParticipantIdentity(room=room, identity=identity))

    async def delete(self) -> None:
        with contextlib.suppress(api.TwirpError):
            await self.livekit.room.delete_room(api.DeleteRoomRequest(room=self.room()))

    DEEDS = {
        join: 10, leave: 4, mute: 6, unpublish: 2, subscribe: 3, talk: 10, stream: 3, lose_signalling: 2, lose_media: 1, move: 1,
        call: 8, hang_up: 5, put_out: 2, delete: 1,
    }  # fmt: skip

    async def run(self, seconds: float) -> None:
        await asyncio.gather(*(self.hand(seconds) for _ in range(HANDS)))

    async def hand(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            (deed,) = self.dice.choices(list(self.DEEDS), list(self.DEEDS.values()))
            self.done[deed.__name__] += 1
            # What was lost meanwhile makes a deed fail; nothing that a client does may take for ever.
            with contextlib.suppress(Exception):
                await asyncio.wait_for(deed(self), 20)
            await asyncio.sleep(self.dice.uniform(0, 0.2))

    async def end(self) -> None:
        self.path.mend()
        for room, identity in self.in_calls:
            await self.remove(room, identity)
        self.in_calls.clear()
        if self.calls:
            await asyncio.wait(self.calls, timeout=30)
        await asyncio.gather(*(person.leave() for person in (*self.people, *self.between)))
        for left in (self.people, self.between, self.tracks):
            left.clear()


def held(server: Trunkline) -> dict[str, float]:
    """What the server holds, by its own metrics and by the system's account."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=5) as page:
        lines = page.read().decode().splitlines()
    families = (
        "trunkline_signal_sessions", "trunkline_rooms", "trunkline_participants", "trunkline_tasks", "trunkline_sip_legs",
        "livekit_sip_calls_active", "trunkline_held", "process_threads", "process_open_fds",
    )  # fmt: skip
    found: dict[str, float] = {}
    for line in lines:
        name = line.split("{")[0].split(" ")[0]
        if name in families:
            label = line.split('what="')[1].split('"')[0] if 'what="' in line else ""
            if label in REMEMBERED:
                continue
            key = f"{name} {label}".strip()
            found[key] = found.get(key, 0.0) + float(line.rsplit(" ", 1)[1])
    return found


def memory(server: Trunkline) -> float:
    """Resident, in MB."""
    with open(f"/proc/{server.process.pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


@pytest.fixture
def phone(tmp_path):
    """trunkline's own phone: it answers as many calls as come, each number in its way."""
    port = free_port()
    with (tmp_path / "phone.log").open("wb") as log:
        process = subprocess.Popen(
            [BINARY, "phone", "--listen", f"127.0.0.1:{port}", "--until-input-ends"], stdin=subprocess.PIPE, stdout=log, stderr=log
        )
    yield f"127.0.0.1:{port}"
    process.stdin.close()
    process.wait(10)


@pytest_asyncio.fixture
async def soak(make_server, phone):
    metrics_port = free_port()
    server = make_server(prometheus_port=metrics_port, room={"departure_timeout": "1s"}, logging={"level": "info", "json": True})
    server.metrics_port = metrics_port
    path = await Path(server.http_port, server.rtc_port).start()
    livekit = api.LiveKitAPI(server.url, API_KEY, API_SECRET)
    trunk = api.SIPOutboundTrunkInfo(name="soak", address=phone, numbers=["+15105550100"])
    made = await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
    print(f"seed {SEED}, {SECONDS:.0f} s")
    yield Soak(server, path, livekit, made.sip_trunk_id, SEED)
    await livekit.aclose()
    await path.stop()


async def settled(soak: Soak, fresh: dict[str, float]) -> dict[str, float]:
    """Waits until there is no more of anything than at the start."""

    def more() -> dict[str, float]:
        return {name: value for name, value in held(soak.server).items() if value > fresh.get(name, 0)}

    what = lambda: f"seed {SEED}: nothing is left; there is {more()}, at the start there was {fresh}"  # noqa: E731
    await asyncio.to_thread(wait_until, lambda: not more(), what, SETTLED)
    return held(soak.server)


async def test_a_busy_time_leaves_nothing_behind(soak):
    fresh = held(soak.server)
    fresh["process_open_fds"] += KEPT_FILES
    await soak.run(SECONDS / 4)
    at_first = memory(soak.server)
    await soak.run(SECONDS * 3 / 4)
    busiest = held(soak.server)
    await soak.end()
    begun = time.monotonic()
    after = await settled(soak, fresh)
    at_end = memory(soak.server)
    print(f"done: {dict(soak.done)}; settled within {time.monotonic() - begun:.0f} s")
    print(f"at the start: {fresh}\nwhen busy: {busiest}\nafter: {after}")
    print(f"memory: {at_first:.1f} MB after a quarter of the time, {at_end:.1f} MB in the end")
    assert soak.done["join"] > 2 and soak.done["call"] > 2
    assert at_end < at_first * 1.25 + 16, f"seed {SEED}: memory grew from {at_first:.1f} to {at_end:.1f} MB"
    assert "panicked" not in soak.server.log()
