"""The project's own commands take the JSON, the flags and the environment that `lk` takes, and tell scripts how it went."""

import asyncio
import json
import os
import re
import signal
import subprocess

import pytest
from livekit import api, rtc

from harness.room import RATE
from harness.server import BINARY
from harness.tones import hears
from harness.waiting import until

CALLED = "+15105550123"


@pytest.fixture
def trunk(server):
    """Creates a trunk that leads to an address, by the command line."""

    def create(address: str) -> str:
        document = {"trunk": {"name": "cli", "address": address, "numbers": ["+15105550100"]}}
        made = server.cli("sip", "outbound", "create", "-", input=json.dumps(document))
        assert made.returncode == 0, made.stderr
        return made.stdout.split()[1]

    return create


class Running:
    """A command that goes on; its lines are read as they come."""

    def __init__(self, server, *arguments):
        self.process = subprocess.Popen(
            [BINARY, *arguments], env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        os.set_blocking(self.process.stderr.fileno(), False)
        self.said = ""

    def has_said(self, text: str) -> bool:
        self.said += (self.process.stderr.read() or b"").decode()
        return text in self.said

    async def says(self, text: str) -> None:
        await until(lambda: self.has_said(text), lambda: f"the command says {text!r}; it said {self.said!r}")

    async def ends(self) -> int:
        await until(lambda: self.process.poll() is not None, "the command ends")
        self.has_said("")
        return self.process.returncode


def test_a_trunk_is_created_listed_and_deleted(server, tmp_path):
    file = tmp_path / "trunk.json"
    trunk = {"name": "cli", "address": "sip.example.com", "numbers": ["+15105550100"], "auth_password": "hidden"}
    file.write_text(json.dumps({"trunk": trunk}))
    made = server.cli("sip", "outbound", "create", str(file))
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("SIPTrunkID: ST_")
    trunk_id = made.stdout.split()[1]
    listed = server.cli("sip", "outbound", "list")
    assert trunk_id in listed.stdout
    assert "hidden" not in listed.stdout
    updated = server.cli("sip", "outbound", "update", "--id", trunk_id, "--name", "renamed")
    assert updated.returncode == 0, updated.stderr
    shown = json.loads(server.cli("sip", "outbound", "list", "--json").stdout)
    assert [(item["name"], item["authPassword"]) for item in shown["items"]] == [("renamed", "****")]
    assert server.cli("sip", "outbound", "delete", trunk_id).returncode == 0
    assert trunk_id not in server.cli("sip", "outbound", "list").stdout


def test_a_call_is_placed_from_the_documented_file(server, sipp, trunk, tmp_path):
    phone = sipp("refuse", code=486, reason="Busy Here")
    file = tmp_path / "sip-participant.json"
    document = {
        "sip_trunk_id": trunk(phone.address),
        "sip_call_to": CALLED,
        "room_name": "my-sip-room",
        "participant_identity": "sip-test",
        "participant_name": "Test Caller",
        "krisp_enabled": True,
        "wait_until_answered": True,
    }
    file.write_text(json.dumps(document))
    called = server.cli("sip", "participant", "create", str(file))
    assert called.returncode == 10, called.stderr
    assert "SIPStatusCode: 486" in called.stdout
    assert "SIPStatus: Busy Here" in called.stdout


@pytest.mark.parametrize(("status", "reason", "exit_code"), [(603, "Decline", 12), (404, "Not Found", 13), (503, "Out", 14)])
def test_scripts_can_tell_failures_apart(server, sipp, trunk, status, reason, exit_code):
    phone = sipp("refuse", code=status, reason=reason, calls=1)
    arguments = ["--trunk", trunk(phone.address), "--call", CALLED, "--room", "r", "--identity", "i", "--wait", "--json"]
    called = server.cli("sip", "participant", "create", *arguments)
    assert called.returncode == exit_code, called.stderr
    refusal = json.loads(called.stdout)
    assert refusal["meta"]["sip_status_code"] == str(status)


async def test_every_flag_of_a_call_is_in_its_invite(server, sipp, trunk):
    phone = sipp("answer_until_bye")
    called = server.cli(
        "sip", "participant", "create", "--room", "flags", "--identity", "phone", "--name", "Ann", "--trunk", trunk(phone.address),
        "--call", CALLED, "--number", "+15105550100", "--display-name", "Front Desk", "--header", "X-One: 1", "--header", "X-Two: two",
        "--timeout", "20s", "--media-enc", "allow", "--codecs", "PCMU/8000", "--no-default-codecs", "--wait", "--json",
    )  # fmt: skip
    assert called.returncode == 0, called.stderr
    assert json.loads(called.stdout)["participantIdentity"] == "phone"
    (invite,) = phone.received("INVITE")
    assert re.search(r'^From: "Front Desk" ?<sip:\+15105550100@', invite, re.MULTILINE), invite
    for line in (r"X-One: 1", r"X-Two: two", r"m=audio \d+ RTP/S?AVP 0( 101)?", r"a=crypto:1 .*"):
        assert re.search(f"^{line}\r?$", invite, re.MULTILINE), (line, invite)

    def seen(room: str = "flags") -> dict:
        return json.loads(server.cli("room", "participants", "get", "--room", room, "phone").stdout)

    assert seen()["name"] == "Ann"
    updated = server.cli(
        "room", "participants", "update", "--room", "flags", "phone", "--name", "Bea", "--metadata", "m", "--attribute", "a=1",
        "--attribute", "b=2", "--permissions", '{"can_publish_data": false}',
    )  # fmt: skip
    assert updated.returncode == 0, updated.stderr
    assert (seen()["name"], seen()["metadata"]) == ("Bea", "m")
    assert seen()["attributes"].items() >= {"a": "1", "b": "2"}.items()
    assert seen()["permission"]["canPublish"] and not seen()["permission"].get("canPublishData", False)
    assert server.cli("room", "participants", "update", "--room", "flags", "phone", "--attribute", "a=").returncode == 0
    assert "a" not in seen()["attributes"] and seen()["attributes"]["b"] == "2"

    (track,) = (found["sid"] for found in seen()["tracks"])
    # LiveKit's server unmutes nobody unless its configuration says so: what is muted stays so.
    for flag, is_done in (("--mute", True), ("--unmute", False)):
        done = server.cli("room", "mute-track", "--room", "flags", "--identity", "phone", track, flag)
        assert (done.returncode == 0) == is_done, done.stderr
        assert seen()["tracks"][0]["muted"]
    assert server.cli("room", "update", "flags", "--metadata", "of the room").returncode == 0
    assert '"of the room"' in server.cli("room", "list", "--json").stdout
    moved = server.cli("room", "participants", "move", "--room", "flags", "--destination-room", "elsewhere", "phone")
    assert moved.returncode == 0, moved.stderr
    assert seen("elsewhere")["name"] == "Bea"
    assert server.cli("room", "participants", "remove", "--room", "elsewhere", "phone").returncode == 0
    await phone.ends_well()


async def test_a_request_comes_by_standard_input_and_without_a_callers_name(server, sipp, trunk):
    phone = sipp("refuse", code=486, reason="Busy Here")
    document = {"sip_trunk_id": trunk(phone.address), "sip_call_to": CALLED, "room_name": "r", "participant_identity": "i"}
    called = server.cli("sip", "participant", "create", "-", "--no-display-name", "--wait", input=json.dumps(document))
    assert called.returncode == 10, called.stderr
    assert re.search(r"^From: <sip:\+15105550100@", phone.received("INVITE")[0], re.MULTILINE)


async def test_data_and_subscriptions_by_the_command_line(server, join):
    one, other = await join("commands", "one"), await join("commands", "other")
    await one.speak(700)
    await until(lambda: other.recording("one").any(), "it is heard", 15)
    for flags, receivers in ((("--topic", "t"), {one, other}), (("--identity", "other", "--lossy"), {other})):
        text = f"sent with {' '.join(flags)}"
        sent = server.cli("room", "send-data", "--room", "commands", *flags, text)
        assert sent.returncode == 0, sent.stderr
        for receiver in receivers:
            await until(lambda r=receiver, t=text: ("", t.encode()) in r.data, f"{receiver.identity} gets {text!r}")
    assert not any(b"--identity" in data for _, data in one.data)
    (track,) = one.room.local_participant.track_publications
    arguments = ["room", "update-subscriptions", "--room", "commands", "--identity", "other"]

    def is_heard() -> bool:
        return hears(other.recording("one", 0.5), RATE, 700)

    for flags, wanted in (("--unsubscribe", False), ("--subscribe", True)):
        assert server.cli(*arguments, flags, track).returncode == 0
        other.forget()
        await asyncio.sleep(0.7)  # what is heard within this time is looked at
        await until(lambda wanted=wanted: is_heard() == wanted, f"after {flags}", 15)


async def test_a_trunk_is_replaced_by_a_document(server, trunk):
    made = trunk("sip.example.com")
    document = {"name": "anew", "address": "sip.example.org", "transport": "SIP_TRANSPORT_TCP", "numbers": ["+15105550111"]}
    replaced = server.cli("sip", "outbound", "update", "--id", made, "-", input=json.dumps(document))
    assert replaced.returncode == 0, replaced.stderr
    (item,) = json.loads(server.cli("sip", "outbound", "list", "--json").stdout)["items"]
    assert (item["name"], item["address"], item["transport"], item["numbers"]) == (*list(document.values()),)


async def test_a_call_that_is_detached_goes_on(server, livekit, sipp, trunk):
    phone = sipp("answer_until_bye")
    arguments = ["--trunk", trunk(phone.address), "--room", "on", "--from", "+15105550100", "--identity", "p", "--detach"]
    call = Running(server, "call", CALLED, *arguments)
    assert await call.ends() == 0, call.said
    assert "+15105550100@" in phone.received("INVITE")[0]
    found = await livekit.room.list_participants(api.ListParticipantsRequest(room="on"))
    assert [participant.identity for participant in found.participants] == ["p"]
    assert not phone.received("BYE")
    await livekit.room.remove_participant(api.RoomParticipantIdentity(room="on", identity="p"))
    await phone.ends_well()


def test_other_failures_have_codes_too(server):
    assert server.cli("sip", "participant", "create", "--trunk", "ST_x", "--call", "+1", "--room", "r").returncode == 4
    assert server.cli("room", "participants", "get", "--room", "no-room", "nobody").returncode == 4
    assert server.cli("--no-such-flag").returncode == 2
    assert server.cli("room", "list", "--api-secret", "a-secret-that-is-wrong-but-long-enough-to-be-one").returncode == 3
    gone = server.cli("room", "list", "--url", "http://127.0.0.1:9")
    assert gone.returncode == 5
    assert "cannot reach http://127.0.0.1:9" in gone.stderr


async def test_a_number_is_called_and_hung_up_with_ctrl_c(server, livekit, sipp, trunk):
    phone = sipp("answer_until_bye")
    trunk(phone.address)  # the only one: it need not be named
    call = Running(server, "call", CALLED, "--room", "short")
    await call.says("active")
    found = await livekit.room.list_participants(api.ListParticipantsRequest(room="short"))
    assert [participant.identity for participant in found.participants] == [f"phone-{CALLED}"]
    call.process.send_signal(signal.SIGINT)
    assert await call.ends() == 0
    assert "hangup" in call.said
    await phone.ends_well()


async def test_a_phone_that_still_rings_is_hung_up_with_ctrl_c(server, sipp, trunk):
    phone = sipp("ring_until_cancelled")
    call = Running(server, "call", CALLED, "--room", "ringing", "--trunk", trunk(phone.address))
    await call.says("ringing")
    call.process.send_signal(signal.SIGINT)
    assert await call.ends() == 130
    await phone.ends_well()


async def test_the_command_ends_when_the_phone_hangs_up(server, sipp, trunk):
    phone = sipp("answer_then_hang_up")
    call = Running(server, "call", CALLED, "--trunk", trunk(phone.address))
    assert await call.ends() == 0, call.said
    assert call.said.split("\n").count("active") == 1
    await phone.ends_well()


def test_rooms_are_created_listed_and_deleted(server):
    made = server.cli("room", "create", "cli-room", "--empty-timeout", "60", "--metadata", "m")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["name"] == "cli-room"
    listed = json.loads(server.cli("room", "list", "--json").stdout)
    assert [(room["name"], room["emptyTimeout"], room["metadata"]) for room in listed["rooms"]] == [("cli-room", 60, "m")]
    assert "cli-room" in server.cli("room", "list").stdout
    assert server.cli("room", "delete", "cli-room").returncode == 0
    assert "cli-room" not in server.cli("room", "list").stdout
    assert server.cli("room", "delete", "cli-room").returncode == 4


async def test_a_token_lets_the_official_sdk_join_and_the_participant_is_seen_and_removed(server):
    arguments = ["--join", "--room", "tokens", "--identity", "alice", "--attribute", "team=blue", "--valid-for", "1m"]
    token = server.cli("token", "create", *arguments, "--token-only").stdout.strip()
    room = rtc.Room()
    gone = asyncio.Event()
    room.on("disconnected", lambda _reason: gone.set())
    await room.connect(server.ws_url, token)
    listed = await asyncio.to_thread(server.cli, "room", "participants", "list", "tokens")
    assert "alice" in listed.stdout
    shown = await asyncio.to_thread(server.cli, "room", "participants", "get", "--room", "tokens", "alice")
    assert json.loads(shown.stdout)["attributes"] == {"team": "blue"}
    removed = await asyncio.to_thread(server.cli, "room", "participants", "remove", "--room", "tokens", "alice")
    assert removed.returncode == 0, removed.stderr
    await asyncio.wait_for(gone.wait(), 10)


def test_a_token_that_permits_nothing_is_not_made(server):
    refused = server.cli("token", "create", "--room", "r")
    assert refused.returncode == 1
    assert "--join" in refused.stderr
    claims = json.loads(server.cli("token", "create", "--sip-call", "--json", "--identity", "i").stdout)
    assert claims["grants"]["sip"] == {"call": True}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_the_commands(server, shell):
    script = server.cli("completion", shell)
    assert script.returncode == 0
    assert "participants" in script.stdout


def test_bash_takes_the_completions(server, tmp_path):
    script = tmp_path / "trunkline.bash"
    script.write_text(server.cli("completion", "bash").stdout)
    ask = f"source {script}; COMP_WORDS=(trunkline room pa); COMP_CWORD=2; _trunkline trunkline pa room; echo ${{COMPREPLY[@]}}"
    assert subprocess.run(["bash", "-c", ask], capture_output=True, text=True, timeout=20).stdout.strip() == "participants"
