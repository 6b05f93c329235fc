"""Kamailio as the carrier's proxy between the server and the phones."""

from pathlib import Path

from .certificates import Identity
from .ports import free_port
from .program import LOOPBACK, Program
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


class Kamailio(Program):
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
        super().__init__(folder, "kamailio", free_port())
        defines = ["-A", f'PHONES="{",".join(phones)}"']
        if algorithm:
            defines += ["-A", f'ALGORITHM="{algorithm}"']
        if identity:
            self.tls_port = free_port()
            asks = "yes" if asks_for else "no"
            secured = TLS.format(identity=identity, asks=asks, ca=asks_for or identity.certificate)
            (self.folder / "tls.cfg").write_text(secured)
            defines += ["-A", f'SECURED="{self.folder / "tls.cfg"}"', "-l", f"tls:{LOOPBACK}:{self.tls_port}"]
        self.run([
            "kamailio", "-DD", "-E", "-f", CONFIG, "-m", "32", "-M", "8", "-Y", self.folder, "-w", self.folder,
            "-l", f"udp:{self.address}", "-l", f"tcp:{self.address}", *defines,
        ])  # fmt: skip
        wait_until(self._answers, "Kamailio answers", 10)

    def _answers(self) -> bool:
        """OPTIONS without hops left is answered by the proxy itself."""
        self.must_run()
        return self.asked(self._options).startswith(b"SIP/2.0 483")

    def _options(self, here: str) -> bytes:
        return (
            f"OPTIONS sip:ping@{self.address} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKping\r\n"
            f"Max-Forwards: 0\r\nFrom: <sip:ping@{here}>;tag=p\r\nTo: <sip:ping@{self.address}>\r\n"
            f"Call-ID: ping-{here}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    def inside(self, method: str) -> list[str]:
        """How requests of this method inside a dialog found their way: one line each."""
        return [line for line in self.log().splitlines() if f"INSIDE {method} " in line]
