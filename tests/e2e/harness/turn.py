"""coturn: a TURN server with one user."""

import shutil
import subprocess
from pathlib import Path

from .ports import free_port
from .waiting import wait_until

USER, PASSWORD = "relayed", "turn-password"


class Turn:
    def __init__(self, folder: Path):
        self.port = free_port()
        self.log_path = folder / "turn.log"
        self.log = self.log_path.open("wb")
        self.process = subprocess.Popen(
            [
                shutil.which("turnserver"), "-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file", "stdout", "--verbose",
                "--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--listening-port", str(self.port),
                "--lt-cred-mech", "--user", f"{USER}:{PASSWORD}", "--realm", "trunkline.test", "--allow-loopback-peers",
                "--pidfile", str(folder / "turn.pid"), "--userdb", str(folder / "turn.db"),
            ],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(lambda: "listener opened on" in self.said(), lambda: f"coturn listens; it says {self.said()[-2000:]}", 15)

    def said(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def settings(self) -> dict:
        """It as one of `rtc.turn_servers`."""
        return {"host": "127.0.0.1", "port": self.port, "protocol": "udp", "username": USER, "credential": PASSWORD}

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
