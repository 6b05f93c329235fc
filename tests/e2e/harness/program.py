"""A program that runs beside a test: its screen goes into a file, and it ends with the test."""

import socket
import subprocess
from pathlib import Path

LOOPBACK = "127.0.0.1"


class Program:
    """One process on a port of its own, with a folder of its own."""

    def __init__(self, folder: Path, name: str, port: int):
        self.name = name
        self.port = port
        self.folder = folder / f"{name}-{port}"
        self.folder.mkdir(parents=True)
        self.screen = self.folder / "screen.log"
        self.process = None

    def run(self, command: list) -> None:
        with self.screen.open("wb") as screen:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=screen, stderr=screen, stdin=subprocess.DEVNULL
            )

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def log(self) -> str:
        return self.screen.read_text(errors="replace") if self.screen.exists() else ""

    def must_run(self) -> None:
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended early: {self.log()[-3000:]}")

    def asked(self, make) -> bytes:
        """What it answers to the datagram that `make` makes for the asker's address, if it does at once."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            probe.connect((LOOPBACK, self.port))
            try:
                probe.send(make(f"{LOOPBACK}:{probe.getsockname()[1]}"))
                return probe.recv(4_096)
            except OSError:
                return b""

    def stop(self) -> None:
        """Asks it to end, and does not wait long."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
