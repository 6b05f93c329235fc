"""baresip as the phone: it hums a tone, records what it hears, and tells what happens over its control socket."""

import json
import socket
import threading
from pathlib import Path

import numpy as np

from .certificates import Identity
from .ports import free_port, free_ports
from .program import Program
from .tones import read_wav
from .waiting import wait_until

MODULES = Path("/usr/lib/baresip/modules")

# baresip answers only calls to its own account.
NUMBER = "+15105550123"

CONFIG = """\
sip_listen {host}:{sip_port}
{tls}
audio_source ausine,{hertz}
audio_player aubridge,ear
audio_alert aufile,/dev/null
ausrc_srate 48000
auplay_srate 8000
ausrc_channels 2
auplay_channels 1
rtp_ports {rtp_port}-{rtp_port_end}
call_local_timeout 120
opus_bitrate 32000
opus_inbandfec {fec}
rtcp_enable yes
rtcp_mux {mux}
module_path {modules}
{codecs}
module ausine.so
module aufile.so
module aubridge.so
module sndfile.so
snd_path {folder}
module ctrl_tcp.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
ctrl_tcp_listen 127.0.0.1:{control_port}
"""


class Baresip(Program):
    """One baresip process with one account."""

    def __init__(
        self,
        folder: Path,
        hertz: int = 700,
        answer: str = "auto",
        codecs=("g711",),
        account: str = "",
        host: str = "127.0.0.1",
        identity: Identity | None = None,
        fec: bool = False,
        mux: bool = False,
    ):
        super().__init__(folder, "baresip", free_ports(2))  # it takes the next port for TLS
        self.host = f"[{host}]" if ":" in host else host
        self.control_port = free_port()
        rtp_port = free_ports(21)
        self.events: list[dict] = []
        (self.folder / "config").write_text(
            CONFIG.format(
                sip_port=self.port, control_port=self.control_port, hertz=hertz, folder=self.folder,
                rtp_port=rtp_port, rtp_port_end=rtp_port + 20, modules=MODULES, host=self.host,
                tls=f"sip_certificate {identity.both}" if identity else "",
                fec="yes" if fec else "no", mux="yes" if mux else "no",
                codecs="\n".join(f"module {codec}.so" for codec in codecs),
            )  # fmt: skip
        )
        transport = ";transport=tls" if identity else ""
        (self.folder / "accounts").write_text(
            f"<sip:{NUMBER}@{self.host}{transport}>;regint=0;answermode={answer}{account}\n"
        )
        self.run(["baresip", "-f", self.folder, "-v"])
        self.control = wait_until(self._connect, "baresip opens its control socket", 10)
        threading.Thread(target=self._read_events, daemon=True).start()

    def _connect(self):
        self.must_run()
        try:
            return socket.create_connection(("127.0.0.1", self.control_port), timeout=1)
        except OSError:
            return None

    def _read_events(self) -> None:
        self.control.settimeout(None)
        pending = b""
        while True:
            try:
                chunk = self.control.recv(65_536)
            except OSError:
                return
            if not chunk:
                return
            pending += chunk
            while b":" in pending:  # netstrings: length ":" text ","
                length, _, rest = pending.partition(b":")
                if len(rest) < int(length) + 1:
                    break
                self.events.append(json.loads(rest[: int(length)]))
                pending = rest[int(length) + 1 :]

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def tls_port(self) -> int:
        """Where it takes TLS, when it has a certificate."""
        return self.port + 1

    def command(self, name: str, parameters: str = "") -> None:
        text = json.dumps({"command": name, "params": parameters})
        self.control.sendall(f"{len(text)}:{text},".encode())

    def happened(self, kind: str) -> list[dict]:
        return [event for event in list(self.events) if event.get("type") == kind]

    def waits_for(self, kind: str, seconds: float = 10.0) -> dict:
        return wait_until(
            lambda: self.happened(kind), f"baresip tells {kind}; told: {[e.get('type') for e in self.events]}", seconds
        )[0]

    def digits(self) -> str:
        return "".join(event.get("param", "") for event in self.happened("CALL_DTMF_START"))

    def recording(self) -> tuple[np.ndarray, int]:
        """What the last call's audio decoder gave out, lost packets and all."""
        dumps = sorted(self.folder.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime)
        return read_wav(dumps[-1]) if dumps else (np.zeros(0, np.int16), 8_000)

    def stop(self) -> None:
        self.control.close()
        super().stop()
