"""The server as it is deployed: TLS in front, few file descriptors, the files under deploy/."""

import asyncio
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import need
from harness.certificates import Authority
from harness.ports import free_port
from harness.room import access_token
from harness.server import API_KEY, API_SECRET, ROOT
from harness.waiting import wait_until


class Nginx:
    """nginx with the project's own example, its names and ports replaced."""

    def __init__(self, folder: Path, upstream: int):
        self.port = free_port()
        self.authority = Authority(folder / "authority")
        identity = self.authority.identity("localhost")
        site = (ROOT / "deploy" / "nginx.conf").read_text()
        site = site.replace("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl").replace("calls.example.com;", "localhost;")
        site = re.sub(r"ssl_certificate +\S+;", f"ssl_certificate {identity.certificate};", site)
        site = re.sub(r"ssl_certificate_key +\S+;", f"ssl_certificate_key {identity.key};", site)
        site = site.replace("127.0.0.1:7880", f"127.0.0.1:{upstream}")
        kinds = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = folder / "nginx.conf"
        config.write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
            f"http {{ access_log off; {kinds}\n{site}\n}}\n"
        )
        self.process = subprocess.Popen(["nginx", "-e", folder / "error.log", "-p", folder, "-c", config])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def tls(server, tmp_path):
    need("nginx")
    folder = tmp_path / "nginx"
    folder.mkdir(mode=0o777)
    proxy = Nginx(folder, server.http_port)
    yield proxy
    proxy.stop()


async def test_browsers_and_sdks_join_through_tls(server, tls):
    """The Python SDK checks the certificate; a room is joined and its API called through the proxy."""
    client = f"import asyncio, os, sys\n{CLIENT}"
    arguments = [f"localhost:{tls.port}", access_token("secure", "alice"), API_KEY, API_SECRET]
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", client, *arguments],
        env={**os.environ, "SSL_CERT_FILE": str(tls.authority.certificate)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["joined", "alice"]


CLIENT = """
from livekit import api, rtc

async def main(host, token, key, secret):
    room = rtc.Room()
    await asyncio.wait_for(room.connect(f"wss://{host}", token), 20)
    print("joined")
    async with api.LiveKitAPI(f"https://{host}", key, secret) as client:
        found = await client.room.list_participants(api.ListParticipantsRequest(room="secure"))
    print(*(participant.identity for participant in found.participants))
    await room.disconnect()

asyncio.run(main(*sys.argv[1:]))
sys.stdout.flush()
os._exit(0)  # the SDK's threads abort the interpreter when it ends in its own way
"""


def test_too_few_file_descriptors_are_told_at_the_start(make_server):
    few = make_server(launcher=["prlimit", "--nofile=600:600"])
    wait_until(lambda: "file descriptors: 600 are allowed" in few.log(), "the warning is in the log")
    assert "LimitNOFILE" in few.log()


def test_the_soft_limit_is_raised_to_the_hard_one(make_server):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    server = make_server(launcher=["prlimit", f"--nofile=512:{hard}"])
    limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    assert re.search(rf"Max open files +{hard} +{hard} ", limits), limits


def test_the_unit_is_one_that_systemd_understands(tmp_path):
    need("systemd-analyze")
    unit = (ROOT / "deploy" / "trunkline.service").read_text()
    copy = tmp_path / "trunkline.service"
    copy.write_text(unit.replace("/usr/local/bin/trunkline", shutil.which("true")))
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, timeout=30)
    assert (verified.returncode, verified.stderr) == (0, "")
