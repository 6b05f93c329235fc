"""A phone and room clients in one room, each with a tone of its own: who hears whom, and for how long not."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from livekit import api

from .baresip import Baresip
from .calls import call
from .client import Client
from .tones import hears, loudness
from .waiting import until

PHONE_HERTZ = 700
LONGEST = 30.0
"""Seconds of a recording that are looked at."""


@dataclass
class Hearing:
    """What a listener has of a talker since `forget`."""

    gap: float
    """The longest silence, in seconds."""
    missing: float
    """By how many seconds the recording is shorter than the time that passed."""


class World:
    """A room, and who is in it: `enter` lets clients join, as `conftest.Clients` does."""

    def __init__(self, enter: Callable, url: str, phone: Baresip, room: str, tones: dict[str, float]):
        self.enter, self.url, self.phone, self.room, self.tones = enter, url, phone, room, tones
        self.people: dict[str, Client] = {}
        self.forgotten: dict[str, float] = {}

    async def join(self, name: str) -> Client:
        """The first word of the name is the kind of client."""
        person = await self.enter(name.split()[0], self.room, name.replace(" ", "-"), url=self.url)
        self.people[name] = person
        await person.do("speak", hertz=self.tones[name])
        return person

    async def call(self, livekit: api.LiveKitAPI) -> None:
        trunk = api.SIPOutboundTrunkInfo(name=self.room, address=self.phone.address, numbers=["+15105550100"])
        made = await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
        await call(livekit, made.sip_trunk_id, self.room)

    async def forget(self) -> None:
        for name, person in self.people.items():
            await person.forget()
            self.forgotten[name] = time.monotonic()

    async def everybody_hears_everybody(self, seconds: float = 20.0) -> None:
        """From now on."""
        heard = len(self.phone.recording()[0])
        await self.forget()
        await asyncio.gather(*(self.hears_all(person, seconds) for person in self.people.values()))
        for name in self.people:
            await until(lambda: self.phone_hears(self.tones[name], heard), f"the phone hears {name}", seconds)

    async def hears_all(self, listener: Client, seconds: float) -> None:
        for name, talker in self.people.items():
            if talker is not listener:
                await listener.hears(talker.identity, self.tones[name], 0.7, seconds)
        await listener.hears("phone", PHONE_HERTZ, 0.7, seconds)

    async def hearings(self) -> dict[tuple[str, str], Hearing]:
        """Of who hears whom, the phone among those who are heard."""
        found = {}
        for name, listener in self.people.items():
            for identity in ("phone", *(talker.identity for talker in self.people.values() if talker is not listener)):
                passed = min(LONGEST, time.monotonic() - self.forgotten[name])
                samples, rate = await listener.recording(identity, LONGEST)
                found[listener.identity, identity] = Hearing(gap(samples, rate), passed - len(samples) / rate)
        return found

    async def sessions(self) -> dict[str, str]:
        return {name: (await person.do("me"))["sid"] for name, person in self.people.items()}

    def phone_hears(self, hertz: float, since: int) -> bool:
        samples, rate = self.phone.recording()
        return hears(samples[since:][-3 * rate :], rate, hertz, 0.4 / max(1, len(self.people)))

    def phone_is_up(self) -> None:
        assert not self.phone.happened("CALL_CLOSED"), self.phone.events[-3:]


def gap(samples: np.ndarray, rate: int) -> float:
    """The longest silence, in seconds, found in steps of 20 ms."""
    step = rate // 50
    longest = current = 0
    for start in range(0, len(samples) - step, step):
        current = current + 1 if loudness(samples[start : start + step]) < -50 else 0
        longest = max(longest, current)
    return longest / 50
