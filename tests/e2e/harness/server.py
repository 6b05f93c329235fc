"""A trunkline server: the release binary, on free ports, with a data directory of its own."""

import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path

from .ports import free_port
from .waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("TRUNKLINE_BINARY", ROOT / "target" / "release" / "trunkline"))
API_KEY = "e2e-key"
API_SECRET = "e2e-secret-that-is-long-enough-for-hs256"


class Trunkline:
    """One server process. `start` may be called again after `stop` or `kill`: same ports, same data."""

    def __init__(self, folder: Path, launcher: list[str] = (), binary: Path = BINARY, **settings):
        self.folder = folder
        self.launcher = launcher
        self.binary = binary
        self.http_port = free_port()
        self.rtc_port = free_port()
        self.sip_port = free_port()
        self.log_path = folder / "trunkline.log"
        self.process = None
        config = {
            "port": self.http_port,
            "bind_addresses": ["127.0.0.1"],
            "keys": {API_KEY: API_SECRET},
            "data_dir": str(folder / "data"),
            "rtc": {"udp_port": self.rtc_port, "node_ip": "127.0.0.1"},
            "sip": {"sip_port": self.sip_port, "listen_ip": "127.0.0.1", "rtp_port": "30000-32000"},
            "logging": {"level": "debug", "json": True},
        }
        for key, value in settings.items():
            config[key] = {**config.get(key, {}), **value} if isinstance(value, dict) else value
        self.config_path = folder / "trunkline.yaml"
        self.config_path.write_text(json.dumps(config))  # JSON is YAML

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def credentials(self) -> tuple[str, str]:
        return API_KEY, API_SECRET

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.http_port}"

    @property
    def environment(self) -> dict:
        return {
            **os.environ,
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": API_KEY,
            "LIVEKIT_API_SECRET": API_SECRET,
        }

    def start(self) -> "Trunkline":
        log = self.log_path.open("ab")
        self.process = subprocess.Popen(
            [*self.launcher, self.binary, "serve", "--config", self.config_path], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        log.close()
        wait_until(self._healthy, f"the server answers on {self.url}; its log: {self.log_path}")
        return self

    def _healthy(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log_path.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(self.url, timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, seconds: float = 10.0) -> int:
        """SIGINT, as Ctrl-C: calls are ended, the process leaves."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        self.signal(signal.SIGINT)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def cli(self, *arguments, **options) -> subprocess.CompletedProcess:
        """Runs a trunkline command against this server."""
        return subprocess.run(
            [BINARY, *arguments], env=self.environment, capture_output=True, text=True, timeout=60, **options
        )
