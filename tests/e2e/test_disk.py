"""A disk that is full, or takes nothing any more: new calls are refused with the reason, those that run go on, and all is well
again as soon as there is room."""

import contextlib
import os
import resource
import subprocess
from pathlib import Path

import pytest
from livekit import api
from livekit.protocol.sip import CreateSIPParticipantRequest

from harness.calls import hang_up
from harness.ear import Ear
from harness.room import RATE, Participant
from harness.server import Trunkline
from harness.tones import hears
from harness.waiting import until

AGENT_HERTZ = 1_100
# A mount that only the server sees; without root where the system allows users namespaces of their own.
ASIDE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]


class Full:
    """The server's data is on a disk of 8 MB of its own."""

    def __init__(self, make_server, folder: Path):
        if subprocess.run([*ASIDE, "true"], capture_output=True).returncode != 0:
            pytest.skip("no mount can be made here")
        disk = folder / "disk"
        disk.mkdir()
        mount = ["sh", "-c", 'mount -t tmpfs -o size=8m disk "$0" && exec "$@"', str(disk)]
        self.server: Trunkline = make_server(launcher=[*ASIDE, *mount], data_dir=str(disk))
        self.filler = Path(f"/proc/{self.server.process.pid}/root{disk}/filler")

    def break_down(self) -> None:
        with contextlib.suppress(OSError), self.filler.open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4_096))

    def mend(self) -> None:
        self.filler.unlink()


class Unwritable:
    """Every write to a file fails. What the server says goes by a pipe, so that it can still be read."""

    def __init__(self, make_server, _folder: Path):
        by_pipe = ["bash", "-c", 'exec "$@" > >(cat) 2>&1', "bash", "env", "--ignore-signal=XFSZ"]
        self.server: Trunkline = make_server(launcher=by_pipe)

    def break_down(self) -> None:
        self.allow(0)

    def mend(self) -> None:
        self.allow(resource.RLIM_INFINITY)

    def allow(self, size: int) -> None:
        resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def inline(phone, identity: str) -> CreateSIPParticipantRequest:
    return CreateSIPParticipantRequest(
        trunk=api.SIPOutboundConfig(hostname=phone.address),
        sip_number="+15105550199",
        sip_call_to="+15105550123",
        room_name="disk",
        participant_identity=identity,
        wait_until_answered=True,
    )


@pytest.mark.parametrize("kind", [Full, Unwritable])
async def test_a_disk_that_takes_nothing_any_more_costs_new_calls_and_no_others(make_server, sipp, tmp_path, kind):
    disk = kind(make_server, tmp_path)
    ear = Ear(tmp_path)
    agent = Participant(disk.server, "disk", "agent")
    try:
        async with api.LiveKitAPI(disk.server.url, *disk.server.credentials) as livekit:
            await agent.join()
            await agent.speak(AGENT_HERTZ)
            before, after = sipp("answer_for_an_ear", ear=ear.port), sipp("answer_until_bye")
            await livekit.sip.create_sip_participant(inline(before, "before"))
            await until(lambda: ear.hears(AGENT_HERTZ), "the call is up")

            disk.break_down()
            with pytest.raises(api.ServerError) as refused:
                await livekit.sip.create_sip_participant(inline(after, "after"))
            assert refused.value.code == "unavailable" and "cannot be written" in refused.value.message, refused.value
            trunk = api.SIPOutboundTrunkInfo(name="t", address=after.address, numbers=["+15105550100"])
            with pytest.raises(api.ServerError) as refused:
                await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
            assert refused.value.code == "unavailable" and "cannot be written" in refused.value.message, refused.value
            assert not after.received("INVITE"), "nobody is called"

            ear.packets.clear()
            agent.forget()
            await until(lambda: ear.hears(AGENT_HERTZ), "the phone still hears the agent")
            await until(lambda: hears(agent.recording("before"), RATE, ear.hertz), "the agent still hears the phone")
            await hang_up(livekit, "disk", "before")
            await before.ends_well()

            disk.mend()
            await livekit.sip.create_sip_participant(inline(after, "after"))
            await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
            await hang_up(livekit, "disk", "after")
            await after.ends_well()
    finally:
        await agent.leave()
        ear.stop()
