"""dnsmasq as the name server that knows where trunks are."""

import re
import socket
import struct
import subprocess
from pathlib import Path

from .ports import free_port
from .waiting import wait_until


class Dnsmasq:
    """One name server on 127.0.0.1, silent until it is told something. Names under `test` that no record tells of do not exist.

    Records are dnsmasq's own options: `host-record=a.test,127.0.0.1`, `srv-host=_sip._udp.trunk.test,a.test,5060,10,1`
    (priority, weight), `naptr-record=trunk.test,10,1,s,SIP+D2U,,_sip._udp.trunk.test` (order, preference).
    """

    def __init__(self, folder: Path):
        self.port = free_port()
        self.folder = folder / f"dnsmasq-{self.port}"
        self.folder.mkdir(parents=True)
        self.output = (self.folder / "screen.log").open("wb")
        self.process = None

    def tell(self, *records: str) -> None:
        """Begins to answer."""
        command = [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", f"--port={self.port}", "--user=root",
            "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts", "--local=/test/",
            "--log-queries", "--log-facility=-", f"--pid-file={self.folder / 'pid'}",
            *(f"--{record}" for record in records),
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=self.output, stderr=self.output, stdin=subprocess.DEVNULL)
        wait_until(self._answers, "dnsmasq answers", 10)

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"dnsmasq ended early: {self.log()[-2000:]}")
        question = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + b"\x07waiting\x04test\0" + struct.pack("!2H", 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            probe.connect(("127.0.0.1", self.port))
            try:
                probe.send(question)
                return len(probe.recv(512)) > 0
            except OSError:
                return False

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def log(self) -> str:
        return (self.folder / "screen.log").read_text(errors="replace")

    def questions(self) -> list[tuple[str, str]]:
        """Type and name of every question, in order; types that dnsmasq has no word for are `type=33` and the like."""
        return re.findall(r"query\[(\S+)\] (\S+) from", self.log())

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()
