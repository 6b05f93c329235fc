"""Keys pressed on either side during the call arrive at the other, each once and in order: as events (RFC 4733), and as
tones in the audio where a phone knows no events."""

import itertools
import struct

import numpy as np
import pytest

from harness import g711, rtp
from harness.calls import call, hang_up
from harness.ear import Ear
from harness.waiting import until

# ITU-T Q.23: the row's tone and the column's.
ROWS, COLUMNS = (697, 770, 852, 941), (1_209, 1_336, 1_477, 1_633)
PAD = ["123A", "456B", "789C", "*0#D"]
EVENTS = "0123456789*#ABCD"


@pytest.fixture
def ear(ears) -> Ear:
    return ears()


async def test_the_phone_presses_keys(livekit, join, baresip, trunk_to):
    phone = baresip()
    agent = await join("keys", "agent")
    await call(livekit, await trunk_to(phone.address), "keys")
    for position, key in enumerate("159#*0", start=1):
        phone.command("sndcode", key)
        await until(lambda: len(agent.digits) >= position, f"key {key} arrives; so far {agent.digits}")
    assert "".join(agent.digits) == "159#*0"


async def test_a_participant_presses_keys(livekit, join, baresip, trunk_to):
    phone = baresip()
    agent = await join("keys", "agent")
    await call(livekit, await trunk_to(phone.address), "keys")
    await agent.sees("phone", "active")
    for code, key in ((1, "1"), (10, "*"), (9, "9"), (11, "#")):
        await agent.room.local_participant.publish_dtmf(code=code, digit=key)
    await until(lambda: phone.digits() == "1*9#", f"the phone hears the keys; so far {phone.digits()}", 15)


def events(ear: Ear, payload_type: int) -> str:
    """The keys that came as events, each once however many packets told of it."""
    packets = [packet for _, _, packet in list(ear.packets) if packet[1] & 0x7F == payload_type]
    told = [(packet[4:8], EVENTS[packet[12]]) for packet in packets]
    return "".join(key for (_, key), _ in itertools.groupby(told))


async def test_every_key_in_either_case_and_pauses_are_dialled_after_the_answer(livekit, sipp, trunk_to, ear):
    phone = sipp("answer_for_an_ear", ear=ear.port)
    await call(livekit, await trunk_to(phone.address), "pad", dtmf="0123456789*#ABCDabcdw1W2")
    wanted = "0123456789*#ABCDABCD12"
    await until(lambda: events(ear, 101) == wanted, lambda: f"the keys come: {events(ear, 101)}", 20)
    starts = [moment for moment, _, packet in ear.packets if packet[1] == 0x80 | 101]
    steps = [round(after - before, 2) for before, after in itertools.pairwise(starts)]
    print("from key to key, in seconds:", steps)
    assert all(step > max(steps[:-2]) + 0.4 for step in steps[-2:]), "half a second for each pause"
    await hang_up(livekit, "pad")
    await phone.ends_well()


async def test_events_have_the_number_that_each_side_gave_them(livekit, join, sipp, trunk_to, ear):
    """RFC 3264 §5.1: whoever describes a payload type is sent it."""
    phone = sipp("answer_in_formats", ear=ear.port, formats="0 96", about="rtpmap:96 telephone-event/8000")
    agent = await join("unequal", "agent")
    await call(livekit, await trunk_to(phone.address), "unequal")
    await agent.sees("phone", "active")
    await agent.room.local_participant.publish_dtmf(code=5, digit="5")
    await until(lambda: events(ear, 96) == "5", lambda: f"the key comes as 96: {events(ear, 96)}", 15)

    def with_key(n: int) -> list[bytes]:
        """Frames, and from the hundredth on key 7 for 100 ms, by the number that we gave events."""
        if not 100 <= n < 105:
            return [rtp.packet(n, g711.hum(g711.PCMU, 700, n))]
        event = struct.pack("!BBH", 7, 10 | (0x80 if n == 104 else 0), (n - 99) * 160)
        return [rtp.packet(n, event, payload_type=101, ticks=100 * 160, marker=n == 100)]

    pressed = iter(range(10_000))
    ear.sends = lambda _: with_key(next(pressed))
    await until(lambda: agent.digits == ["7"], lambda: f"the phone's key comes: {agent.digits}", 15)
    await hang_up(livekit, "unequal")
    await phone.ends_well()


def key_in(frame: np.ndarray) -> str:
    """The key whose two tones are most of a frame; empty if there is none."""
    samples = frame.astype(np.float64)
    moments = np.arange(len(samples)) / g711.RATE
    power = lambda hertz: 2 * abs(np.mean(samples * np.exp(-2j * np.pi * hertz * moments))) ** 2  # noqa: E731
    row, column = max(ROWS, key=power), max(COLUMNS, key=power)
    loud = np.mean(samples**2)
    is_key = loud > 250**2 and power(row) + power(column) > 0.7 * loud and min(power(row), power(column)) > 0.1 * loud
    return PAD[ROWS.index(row)][COLUMNS.index(column)] if is_key else ""


def tones(key: str, number: int) -> bytes:
    row = next(row for row, keys in zip(ROWS, PAD, strict=True) if key in keys)
    column = COLUMNS[PAD[ROWS.index(row)].index(key)]
    moments = (np.arange(g711.FRAME) + number * g711.FRAME) / g711.RATE
    return g711.encode(g711.PCMU, 5_000 * np.sin(2 * np.pi * row * moments) + 5_000 * np.sin(2 * np.pi * column * moments))


async def test_where_a_phone_knows_no_events_keys_are_tones_both_ways(livekit, join, sipp, trunk_to, ear):
    phone = sipp("answer_in_formats", ear=ear.port, formats="0", about="maxptime:40")
    agent = await join("tones", "agent")
    await call(livekit, await trunk_to(phone.address), "tones")
    await agent.sees("phone", "active")
    for code, digit in ((1, "1"), (1, "1"), (11, "#"), (15, "D")):
        await agent.room.local_participant.publish_dtmf(code=code, digit=digit)
    # Of each key many frames: those of one press follow one another.
    heard = lambda: "".join(key for key, _ in itertools.groupby(map(key_in, (f for _, f in ear.frames()))))  # noqa: E731
    await until(lambda: heard() == "11#D", lambda: f"the phone hears the keys: {heard()}", 15)

    pressed = iter(range(10_000))

    def dialling(n: int) -> list[bytes]:
        """Quiet, and every 400 ms a key for 120 ms."""
        number = next(pressed)
        place, within = divmod(number, 20)
        key = "9*A9"[place] if within < 6 and place < 4 else ""
        payload = tones(key, number) if key else b"\xff" * 160
        return [rtp.packet(number, payload, source=78)]

    ear.sends = dialling
    await until(lambda: len(agent.digits) >= 4, lambda: f"the phone's keys come: {agent.digits}", 15)
    sent = len(ear.packets)
    await until(lambda: len(ear.packets) > sent + 100, "two seconds more", 15)
    assert "".join(agent.digits) == "9*a9", "as LiveKit writes them"
    await hang_up(livekit, "tones")
    await phone.ends_well()
