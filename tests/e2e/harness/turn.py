"""coturn: a TURN server with one user."""

import shutil
from pathlib import Path

from .ports import free_port
from .program import LOOPBACK, Program
from .waiting import wait_until

USER, PASSWORD = "relayed", "turn-password"


class Turn(Program):
    def __init__(self, folder: Path):
        super().__init__(folder, "turn", free_port())
        self.run([
            shutil.which("turnserver"), "-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file", "stdout", "--verbose",
            "--listening-ip", LOOPBACK, "--relay-ip", LOOPBACK, "--listening-port", str(self.port),
            "--lt-cred-mech", "--user", f"{USER}:{PASSWORD}", "--realm", "trunkline.test", "--allow-loopback-peers",
            "--pidfile", str(self.folder / "turn.pid"), "--userdb", str(self.folder / "turn.db"),
        ])  # fmt: skip
        wait_until(lambda: "listener opened on" in self.log(), lambda: f"coturn listens; it says {self.log()[-2000:]}", 15)

    @property
    def settings(self) -> dict:
        """It as one of `rtc.turn_servers`."""
        return {"host": LOOPBACK, "port": self.port, "protocol": "udp", "username": USER, "credential": PASSWORD}
