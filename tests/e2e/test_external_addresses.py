"""Servers behind a NAT: clients and phones are told its address, by the configuration or by what a STUN server saw."""

import re
import socket

import pytest

from conftest import need
from harness.calls import call, hang_up
from harness.lossy import LossyPath
from harness.room import RATE, Participant
from harness.tones import hears
from harness.turn import Turn
from harness.waiting import until

AGENT_HERTZ, PHONE_HERTZ = 1_100, 700
# Two of RFC 5737: nobody's, so that what is told is what was configured.
FIXED, FIXED_FOR_AUDIO = "203.0.113.7", "203.0.113.9"
SEEN = "127.0.0.9"


@pytest.fixture
def stun(tmp_path):
    """A STUN server behind a path on which its clients seem to have another address, as behind a NAT."""
    need("turnserver")
    turn = Turn(tmp_path)
    nat = LossyPath(f"127.0.0.1:{turn.port}", loss=0, seen_as=SEEN).start()
    yield nat
    nat.stop()
    turn.stop()


@pytest.fixture
def server(make_server, request):
    settings = getattr(request, "param", None)
    if settings is None:
        nat = request.getfixturevalue("stun")
        rtc = {"node_ip": None, "use_external_ip": True, "stun_servers": [nat.address]}
        settings = {"rtc": rtc, "sip": {"listen_ip": "0.0.0.0", "use_external_ip": True}}
    return make_server(**settings)


async def candidates(agent: Participant) -> set[str]:
    """The addresses that the server told the participant for its media."""
    stats = await agent.room.get_rtc_stats()
    told = [*stats.publisher_stats, *stats.subscriber_stats]
    return {report.remote_candidate.candidate.address for report in told if report.HasField("remote_candidate")}


def addresses_in(invite: str) -> dict[str, str]:
    """What an INVITE says of where its sender is."""
    ip = r"(\d+\.\d+\.\d+\.\d+)"
    places = {"via": rf"^Via: SIP/2.0/UDP {ip}", "contact": rf"^Contact: <sip:\S*?{ip}", "audio": rf"^c=IN IP4 {ip}"}
    return {name: re.search(place, invite, re.M)[1] for name, place in places.items()}


async def call_heard_both_ways(livekit, join, sipp, ears, trunk_to) -> tuple[set[str], dict[str, str]]:
    """What the agent and the phone of a call were told of the server's addresses."""
    ear = ears(PHONE_HERTZ)
    phone = sipp("answer_for_an_ear", ear=ear.port)
    agent = await join("external", "agent")
    await agent.speak(AGENT_HERTZ)
    await call(livekit, await trunk_to(phone.address), "external")
    await until(lambda: hears(agent.recording("phone"), RATE, PHONE_HERTZ), "the agent hears the phone", 20)
    await until(lambda: ear.hears(AGENT_HERTZ), "the phone hears the agent", 20)
    told = await candidates(agent), addresses_in(phone.received("INVITE")[0])
    await hang_up(livekit, "external")
    await phone.ends_well()
    return told


async def test_what_a_stun_server_saw_is_told_to_clients_and_phones(server, livekit, join, sipp, ears, trunk_to):
    to_agent, to_phone = await call_heard_both_ways(livekit, join, sipp, ears, trunk_to)
    assert SEEN in to_agent
    assert to_phone == {"via": SEEN, "contact": SEEN, "audio": SEEN}


def has_a_network() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((FIXED, 9))
        except OSError:
            return False
        return not probe.getsockname()[0].startswith("127.")


FIXED_SETTINGS = {
    "rtc": {"node_ip": FIXED},
    "sip": {"listen_ip": "0.0.0.0", "nat_1_to_1_ip": FIXED, "media_nat_1_to_1_ip": FIXED_FOR_AUDIO},
}


@pytest.mark.skipif(not has_a_network(), reason="a machine without a network has no address for a NAT to stand for")
@pytest.mark.parametrize("server", [FIXED_SETTINGS], indirect=True, ids=["fixed"])
async def test_configured_addresses_are_told_to_clients_and_phones(server, livekit, join, sipp, ears, trunk_to):
    """The phone reaches us all the same: it answers to where audio comes from."""
    to_agent, to_phone = await call_heard_both_ways(livekit, join, sipp, ears, trunk_to)
    assert FIXED in to_agent
    assert to_phone == {"via": FIXED, "contact": FIXED, "audio": FIXED_FOR_AUDIO}
