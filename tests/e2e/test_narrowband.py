"""Publishers to whom only phones listen are asked for a telephone's band: which clients do as they are asked, and that
whoever hears more gets all of it again. What comes in is counted by the server, packet by packet."""

import re

import numpy as np
import pytest
from livekit import api

from harness.calls import call, hang_up
from harness.client import RATE
from harness.server import Trunkline
from harness.tones import hears
from harness.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def module_server(tmp_path_factory):
    server = Trunkline(tmp_path_factory.mktemp("server"), rtc={"narrowband_for_phones": True}).start()
    yield server
    assert server.stop() == 0


LOW_HERTZ, HIGH_HERTZ = 1_100, 6_000
TALK = 8  # seconds
# Those with two connections cannot be asked while they publish; Go sends what was encoded beforehand.
DO_AS_ASKED, DO_NOT = ["python", "node", "chromium"], ["python-dual", "go", "go-single"]


async def call_phone(livekit, phone, room: str) -> None:
    trunk = api.SIPOutboundTrunkInfo(name=room, address=phone.address, numbers=["+15105550100"])
    made = await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
    await call(livekit, made.sip_trunk_id, room)


def ended_calls(server) -> list[tuple[int, int]]:
    """Of each call that is over: packets that came from the room, and those of them in narrowband."""
    found = re.findall(r'"fromRoom":(\d+),"fromRoomNarrowband":(\d+)', server.log())
    return [(int(packets), int(narrow)) for packets, narrow in found]


async def end(livekit, server, room: str) -> tuple[int, int]:
    before = len(ended_calls(server))
    await hang_up(livekit, room)
    await until(lambda: len(ended_calls(server)) > before, "the call's last line in the log")
    return ended_calls(server)[-1]


async def record(phone, seconds: float) -> None:
    samples, rate = phone.recording()
    most = len(samples) + seconds * rate
    await until(lambda: len(phone.recording()[0]) >= most, f"{seconds} s of the call", 10 * seconds)


@pytest.mark.parametrize("kind", DO_AS_ASKED + DO_NOT)
async def test_what_a_phone_alone_is_sent(kind, clients, livekit_api, module_server, baresip):
    room = f"narrow-{kind}"
    phone = baresip()
    client = await clients(kind, room, "agent")
    await client.do("speak", hertz=LOW_HERTZ)
    await call_phone(livekit_api, phone, room)
    await until(lambda: hears(*phone.recording(), LOW_HERTZ, 0.15), f"the phone hears {LOW_HERTZ} Hz", 20)
    await record(phone, TALK)
    packets, narrow = await end(livekit_api, module_server, room)
    await client.leave()
    print(f"{kind}: {narrow} of {packets} packets in narrowband")
    assert packets > 40 * TALK
    if kind in DO_AS_ASKED:
        assert narrow > 0.8 * packets


def strength(samples: np.ndarray, hertz: float) -> float:
    """The part of all energy that lies within 12 Hz of a tone."""
    energy = np.abs(np.fft.rfft(samples.astype(np.float64) * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(energy[np.abs(frequencies - hertz) <= 12].sum() / max(energy.sum(), 1.0))


@pytest.mark.parametrize("kind", DO_AS_ASKED)
async def test_who_joins_a_narrow_call_hears_all_of_it(kind, clients, livekit_api, module_server, baresip):
    room = f"wide-{kind}"
    phone = baresip()
    client = await clients(kind, room, "agent")
    await client.do("speak", hertz=HIGH_HERTZ)
    await call_phone(livekit_api, phone, room)
    await until(lambda: len(phone.recording()[0]) > 0, "the phone's first audio", 20)
    await record(phone, 3)
    listener = await clients("python", room, "listener")
    for _ in range(60):
        samples, _ = await listener.recording("agent", 0.5)
        if len(samples) == RATE // 2 and strength(samples, HIGH_HERTZ) > 0.8:
            break
        await record(phone, 0.25)
    else:
        pytest.fail("the listener does not hear what no phone carries")
    packets, narrow = await end(livekit_api, module_server, room)
    await listener.leave()
    await client.leave()
    print(f"{kind}: {narrow} of {packets} packets in narrowband before the listener came")
    assert 50 < narrow < packets
