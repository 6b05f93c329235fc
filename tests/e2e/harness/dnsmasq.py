"""dnsmasq as the name server that knows where trunks are."""

import re
import struct
from pathlib import Path

from .ports import free_port
from .program import LOOPBACK, Program
from .waiting import wait_until


class Dnsmasq(Program):
    """One name server on 127.0.0.1, silent until it is told something. Names under `test` that no record tells of do not exist.

    Records are dnsmasq's own options: `host-record=a.test,127.0.0.1`, `srv-host=_sip._udp.trunk.test,a.test,5060,10,1`
    (priority, weight), `naptr-record=trunk.test,10,1,s,SIP+D2U,,_sip._udp.trunk.test` (order, preference).
    """

    def __init__(self, folder: Path):
        super().__init__(folder, "dnsmasq", free_port())

    def tell(self, *records: str) -> None:
        """Begins to answer."""
        self.run([
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", f"--port={self.port}", "--user=root",
            f"--listen-address={LOOPBACK}", "--bind-interfaces", "--no-resolv", "--no-hosts", "--local=/test/",
            "--log-queries", "--log-facility=-", f"--pid-file={self.folder / 'pid'}",
            *(f"--{record}" for record in records),
        ])  # fmt: skip
        wait_until(self._answers, "dnsmasq answers", 10)

    def _answers(self) -> bool:
        self.must_run()
        question = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + b"\x07waiting\x04test\0" + struct.pack("!2H", 1, 1)
        return bool(self.asked(lambda _here: question))

    def questions(self) -> list[tuple[str, str]]:
        """Type and name of every question, in order; types that dnsmasq has no word for are `type=33` and the like."""
        return re.findall(r"query\[(\S+)\] (\S+) from", self.log())
