"""Where timing matters: what a phone gets, packet by packet, with the kernel's times and read by tshark."""

import itertools
import json
import re
import statistics
from datetime import datetime

import pytest
from livekit import api

from conftest import need
from harness.calls import call, hang_up
from harness.ear import Ear
from harness.waiting import until

KEYS = [(1, "1"), (15, "D"), (10, "*")]


@pytest.fixture
def ear(ears) -> Ear:
    need("tshark")
    return ears()


async def test_a_phone_gets_a_frame_every_20_ms_and_digits_in_the_same_stream(livekit, join, sipp, trunk_to, ear):
    phone = sipp("answer_for_an_ear", ear=ear.port)
    agent = await join("steady", "agent")
    await agent.speak(1_100)
    await call(livekit, await trunk_to(phone.address), "steady")
    await until(lambda: len(ear.packets) > 250, "five seconds of audio", 20)
    for code, digit in KEYS:
        await agent.room.local_participant.publish_dtmf(code=code, digit=digit)
    await until(lambda: len({event["rtp.timestamp"] for event in events(ear.rtp())}) == len(KEYS), "the digits", 20)
    length = len(ear.packets)
    await until(lambda: len(ear.packets) > length + 100, "two seconds more", 10)
    await hang_up(livekit, "steady")
    await phone.ends_well()

    packets = ear.rtp()
    assert len({packet["rtp.ssrc"] for packet in packets}) == 1, "one source for audio and digits"
    numbers = [int(packet["rtp.seq"]) for packet in packets]
    assert all((after - before) % 65_536 == 1 for before, after in itertools.pairwise(numbers)), "an unbroken sequence"
    print(ear.tshark("-q", "-z", "rtp,streams"))
    assert_steady([packet for packet in packets if packet["rtp.p_type"] == "0"][50:250])  # the first second finds the talker's step
    assert_digits(packets)


def assert_steady(audio: list[dict[str, str]]) -> None:
    """50 frames a second: by the clock on the whole, and by the timestamps exactly."""
    moments = [float(packet["frame.time_epoch"]) for packet in audio]
    gaps = sorted((after - before) * 1e3 for before, after in itertools.pairwise(moments))
    rate = (len(moments) - 1) / (moments[-1] - moments[0])
    print(f"{rate:.2f} frames/s; gaps p50 {statistics.median(gaps):.1f} p99 {gaps[-3]:.1f} most {gaps[-1]:.1f} ms")
    assert 49.5 < rate < 50.5
    assert 18 < statistics.median(gaps) < 22
    ticks = [int(packet["rtp.timestamp"]) for packet in audio]
    assert {(after - before) % 2**32 for before, after in itertools.pairwise(ticks)} == {160}


def events(packets: list[dict[str, str]]) -> list[dict[str, str]]:
    return [packet for packet in packets if packet["rtpevent.event_id"]]


def assert_digits(packets: list[dict[str, str]]) -> None:
    """RFC 4733: a marker at the start, one timestamp, a growing duration that is true, the end three times."""
    by_event = [list(group) for _, group in itertools.groupby(events(packets), lambda event: event["rtp.timestamp"])]
    assert [int(event[0]["rtpevent.event_id"]) for event in by_event] == [code for code, _ in KEYS]
    for event in by_event:
        true = ("1", "True")
        ends = [packet for packet in event if packet["rtpevent.end_of_event"] in true]
        assert len(ends) == 3 and event[-3:] == ends, "the end comes three times"
        assert [packet["rtp.marker"] in true for packet in event] == [True] + [False] * (len(event) - 1)
        durations = [int(packet["rtpevent.duration"]) for packet in event]
        assert durations == sorted(durations) and len(set(durations[-3:])) == 1
        told = durations[-1] / 8
        lasted = (float(ends[0]["frame.time_epoch"]) - float(event[0]["frame.time_epoch"])) * 1e3
        print(f"event {event[0]['rtpevent.event_id']}: {told:.0f} ms told, {lasted:.0f} ms from first packet to end")
        assert 40 <= told <= 500 and abs(told - lasted) <= 40, "as long as it says, within two packets"


async def test_the_answer_is_acknowledged_at_once(livekit, sipp, trunk_to):
    calls = 10
    phone = sipp("answer_until_bye", calls=calls)
    trunk = await trunk_to(phone.address)
    for number in range(calls):
        await call(livekit, trunk, f"ack-{number}")
        await livekit.room.delete_room(api.DeleteRoomRequest(room=f"ack-{number}"))
    await phone.ends_well()
    waits = acknowledgements(phone.trace())
    print(f"200 to ACK, ms: {[round(wait, 2) for wait in sorted(waits)]}")
    assert len(waits) == calls and statistics.median(waits) < 5


def acknowledgements(trace: str) -> list[float]:
    """From each 200 to an INVITE to the ACK, in milliseconds, by SIPp's clock."""
    answered: dict[str, datetime] = {}
    waits = []
    for block in re.split(r"-{20,} ", trace)[1:]:
        moment = datetime.fromisoformat(block.partition("\n")[0])
        call = re.search(r"^Call-ID: (\S+)", block, re.MULTILINE)
        if "\nSIP/2.0 200" in block and re.search(r"^CSeq: \d+ INVITE", block, re.MULTILINE):
            answered[call[1]] = moment
        elif "\nACK " in block and call[1] in answered:
            waits.append((moment - answered.pop(call[1])).total_seconds() * 1e3)
    return waits


@pytest.mark.parametrize("mux", [False, True], ids=["rtcp-port", "rtcp-mux"])
async def test_the_record_tells_how_the_audio_was_on_both_sides(livekit, join, baresip, trunk_to, server, mux):
    phone = baresip(mux=mux)
    agent = await join("reports", "agent")
    await agent.speak(1_100)
    await call(livekit, await trunk_to(phone.address), "reports")
    # The phone's reports name one of ours, which come every five seconds.
    await until(lambda: len(agent.recording("phone")) > 14 * 48_000, "fourteen seconds of call", 40)
    await hang_up(livekit, "reports")
    await until(lambda: "call ended" in server.log(), "the record")

    record = json.loads(next(line for line in server.log().splitlines() if '"call ended"' in line))
    figures = {name: value for name, value in record.items() if name.startswith("rtp")}
    print(figures)
    assert 0 <= figures["rtpRttMs"] < 500, "the round trip, by the phone's reports"
    assert figures["rtpRemoteLost"] <= 5 and figures["rtpRemoteJitterMs"] < 50
    assert figures["rtpLost"] == 0 and figures["rtpReceived"] > 600
