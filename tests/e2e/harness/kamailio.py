"""Kamailio as the carrier's proxy between the server and the phones."""

import socket
import subprocess
from pathlib import Path

from .certificates import Identity
from .ports import free_port
from .server import ROOT
from .waiting import wait_until

CONFIG = ROOT / "tests" / "kamailio" / "kamailio.cfg"


TLS = """\
[server:default]
method = TLSv1.2+
private_key = {identity.key}
certificate = {identity.certificate}
verify_certificate = {asks}
require_certificate = {asks}
ca_list = {ca}
[client:default]
verify_certificate = no
"""


class Kamailio:
    """One proxy on 127.0.0.1, UDP and TCP, that sends every call to all of `phones` at once.

    With an `identity` it takes TLS, too; with `asks_for`, an authority's certificate, only from who shows one of its.
    """

    def __init__(
        self,
        folder: Path,
        phones: list[str],
        algorithm: str | None = None,
        identity: Identity | None = None,
        asks_for: Path | None = None,
    ):
        self.port = free_port()
        self.folder = folder / f"kamailio-{self.port}"
        self.folder.mkdir(parents=True)
        defines = ["-A", f'PHONES="{",".join(phones)}"']
        if algorithm:
            defines += ["-A", f'ALGORITHM="{algorithm}"']
        if identity:
            self.tls_port = free_port()
            asks = "yes" if asks_for else "no"
            secured = TLS.format(identity=identity, asks=asks, ca=asks_for or identity.certificate)
            (self.folder / "tls.cfg").write_text(secured)
            defines += ["-A", f'SECURED="{self.folder / "tls.cfg"}"', "-l", f"tls:127.0.0.1:{self.tls_port}"]
        command = [
            "kamailio", "-DD", "-E", "-f", CONFIG, "-m", "32", "-M", "8", "-Y", self.folder, "-w", self.folder,
            "-l", f"udp:127.0.0.1:{self.port}", "-l", f"tcp:127.0.0.1:{self.port}", *defines,
        ]  # fmt: skip
        self.output = (self.folder / "screen.log").open("wb")
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdout=self.output, stderr=self.output, stdin=subprocess.DEVNULL
        )
        wait_until(self._answers, "Kamailio answers", 10)

    def _answers(self) -> bool:
        """OPTIONS without hops left is answered by the proxy itself."""
        if self.process.poll() is not None:
            raise RuntimeError(f"Kamailio ended early: {self.log()[-3000:]}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            probe.connect(("127.0.0.1", self.port))
            here = "127.0.0.1:%d" % probe.getsockname()[1]
            try:
                probe.send(
                    f"OPTIONS sip:ping@{self.address} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKping\r\n"
                    f"Max-Forwards: 0\r\nFrom: <sip:ping@{here}>;tag=p\r\nTo: <sip:ping@{self.address}>\r\n"
                    f"Call-ID: ping-{here}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".encode()
                )
                return probe.recv(4_096).startswith(b"SIP/2.0 483")
            except OSError:
                return False

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def log(self) -> str:
        return (self.folder / "screen.log").read_text(errors="replace")

    def inside(self, method: str) -> list[str]:
        """How requests of this method inside a dialog found their way: one line each."""
        return [line for line in self.log().splitlines() if f"INSIDE {method} " in line]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()
