"""`trunkline serve --dev`: what it prints works when it is pasted."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess

import pytest

from harness.ports import free_port
from harness.server import BINARY
from harness.waiting import wait_until


@contextlib.contextmanager
def development(folder, *arguments, **ports):
    """A --dev server on free ports, called the way a developer calls it: by a path."""
    config = {
        "port": ports.get("port", free_port()),
        "prometheus_port": free_port(),
        "data_dir": str(folder / "data"),
        "rtc": {"udp_port": free_port()},
        "sip": {"sip_port": free_port(), "rtp_port": "32200-32300"},
    }
    (folder / "dev.yaml").write_text(json.dumps(config))
    screen = (folder / "screen.txt").open("wb")
    process = subprocess.Popen(
        [os.path.relpath(BINARY, folder), "serve", "--dev", "--config", "dev.yaml", *arguments],
        cwd=folder, stdout=screen, stderr=screen, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process, lambda: (folder / "screen.txt").read_text(errors="replace")
    finally:
        screen.close()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(10)


def steps(screen: str) -> list[str]:
    """The commands, each block of indented lines by its paragraph."""
    blocks = re.split(r"\n\n", screen[screen.index("Place a call") :])
    return [block for block in blocks if block.startswith("  ")]


def paste(command: str, folder, seconds: float = 60) -> subprocess.CompletedProcess:
    """In another terminal, in another folder."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("LIVEKIT_")}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=plain, capture_output=True, text=True, timeout=seconds
    )


def test_the_next_steps_work_when_pasted(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with development(tmp_path, "--phone", f"127.0.0.1:{free_port()}") as (process, screen):
        wait_until(lambda: "See how the server is" in screen() or process.poll() is not None, "the next steps")
        assert process.poll() is None, screen()
        call, demo, health = steps(screen())
        assert demo.split() == [str(BINARY.resolve()), "demo"], "the program is named so that it is found from anywhere"

        called = paste(call, elsewhere)
        assert called.returncode == 0, called.stdout + called.stderr
        assert "SIPCallID: SCL_" in called.stdout

        seen = paste(health, elsewhere)
        assert seen.returncode == 0, seen.stderr
        assert seen.stdout.startswith("OK")
        assert re.search(r"livekit_sip_invite_accepted\{.*\} 1", seen.stdout)
        assert re.search(r"trunkline_rooms\{.*\} 1", seen.stdout)


def test_a_port_of_the_phone_that_is_taken_is_told_in_one_line(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        taken = f"127.0.0.1:{holder.getsockname()[1]}"
        with development(tmp_path, "--phone", taken) as (process, screen):
            assert process.wait(20) == 1
            (line,) = [line for line in screen().splitlines() if "cannot start" in line]
            assert taken in line and "--phone" in line


@pytest.mark.parametrize("argument", [[], ["--dev"]])
def test_a_port_of_the_api_that_is_taken_is_told_in_one_line(tmp_path, argument):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        config = {"port": port, "bind_addresses": ["127.0.0.1"], "keys": {"k": "s" * 32}, "data_dir": str(tmp_path)}
        (tmp_path / "taken.yaml").write_text(json.dumps(config))
        ran = subprocess.run(
            [BINARY, "serve", *argument, "--config", tmp_path / "taken.yaml"],
            capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert ran.returncode == 1
        (line,) = [line for line in ran.stderr.splitlines() if "cannot listen" in line]
        assert str(port) in line and "`port`" in line
