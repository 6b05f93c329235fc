"""The server as it is deployed: TLS in front, few file descriptors, the files under deploy/."""

import asyncio
import base64
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from conftest import Clients, need
from harness.browsers import Chromium
from harness.certificates import Authority
from harness.ports import free_port
from harness.room import RATE, access_token
from harness.server import API_KEY, API_SECRET, BINARY, ROOT, Trunkline
from harness.tones import hears
from harness.waiting import until, wait_until


class Nginx:
    """nginx with the project's own example, its names and ports replaced."""

    def __init__(self, folder: Path, upstream: int):
        self.port = free_port()
        self.authority = Authority(folder / "authority")
        self.identity = identity = self.authority.identity("localhost")
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


class Trusting(Chromium):
    """Chromium that takes this one key for good, whoever vouches for it; all else of the certificate it checks."""

    key = ""

    def command(self) -> list:
        *command, page = super().command()
        return [*command, f"--ignore-certificate-errors-spki-list={self.key}", page]


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate's public key, in Base64."""
    pem = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], capture_output=True, check=True)
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=pem.stdout, capture_output=True, check=True)
    return base64.b64encode(hashlib.sha256(der.stdout).digest()).decode()


async def test_a_browser_joins_through_tls_and_is_heard(server, tls, join, tmp_path, go_builder):
    need("chromium")
    python = await join("secure", "python")
    await python.speak(1_100)
    clients = Clients(server, tmp_path, go_builder)
    clients.browsers["chromium"] = browser = Trusting(tmp_path)
    browser.key = fingerprint(tls.identity.certificate)
    try:
        await browser.start()
        page = await clients("chromium", "secure", "page", url=f"wss://localhost:{tls.port}")
        await page.do("speak", hertz=1_700)
        await page.hears("python", 1_100, seconds=60)
        await until(lambda: hears(python.recording("page"), RATE, 1_700), "the page is heard", 60)
    finally:
        await clients.stop()


async def test_sdks_join_through_tls(server, tls):
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


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
C_LIBRARY = {"linux-vdso.so.1", "libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


@pytest.fixture
def image():
    """What the image is made of: the program, in a place that anybody may read, and a folder for its data."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield shutil.copy(BINARY, folder / "trunkline")


def test_the_image_holds_all_that_its_command_needs(image):
    """Its base has a C library and certificates, its user no rights; there is no Docker here to try more."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    parts = [json.loads(re.search(rf"^{word} (\[.*\])$", dockerfile, re.M)[1]) for word in ("ENTRYPOINT", "CMD")]
    assert sum(parts, []) == ["trunkline", "serve", "--config", "/etc/trunkline.yaml"], "as the harness starts it"
    linked = subprocess.run(["ldd", image], capture_output=True, text=True, check=True).stdout
    assert {Path(line.split()[0]).name for line in linked.splitlines()} <= C_LIBRARY, linked

    server = Trunkline(image.parent, launcher=NOBODY if os.geteuid() == 0 else [], binary=image)
    server.config_path.chmod(0o444)
    try:
        server.start()
        users = re.search(r"^Uid:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text(), re.M)
        assert users[1] != "0"
        assert server.cli("room", "create", "image").returncode == 0
    finally:
        assert server.stop() == 0
    assert (image.parent / "data" / "trunkline.db").exists()


def test_the_unit_is_one_that_systemd_understands(tmp_path):
    need("systemd-analyze")
    unit = (ROOT / "deploy" / "trunkline.service").read_text()
    copy = tmp_path / "trunkline.service"
    copy.write_text(unit.replace("/usr/local/bin/trunkline", shutil.which("true")))
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, timeout=30)
    assert (verified.returncode, verified.stderr) == (0, "")
