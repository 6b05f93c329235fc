"""SIPp as the phone: a scenario of tests/sipp is its part in the story."""

import re
from datetime import datetime
from pathlib import Path

from .ports import free_port, free_ports
from .program import Program
from .server import ROOT
from .waiting import until, wait_until

SCENARIOS = ROOT / "tests" / "sipp"


class Sipp(Program):
    """One SIPp process on `host`; it plays the scenario for `calls` calls and then ends by itself.

    SIPp takes a message that is equal to the one before for a copy and keeps it from the scenario; with `-nr` among
    the `options` copies are part of the story.
    """

    def __init__(
        self,
        folder: Path,
        scenario: str,
        calls: int = 1,
        transport: str = "u1",
        seconds: int = 60,
        options=(),
        files: dict[str, bytes] | None = None,
        host: str = "127.0.0.1",
        **keys,
    ):
        super().__init__(folder, f"sipp-{scenario}", free_port())
        self.host = host
        # SIPp wants status codes as numbers in the file, so the keys are put in here and not with its own -key.
        text = (SCENARIOS / f"{scenario}.xml").read_text()
        for key, value in keys.items():
            text = text.replace(f"[{key}]", str(value))
        (self.folder / f"{scenario}.xml").write_text(text)
        for name, content in (files or {}).items():
            (self.folder / name).write_bytes(content)
        self.messages = self.folder / "messages.log"
        # A port for audio and, two further on, one for video, with their RTCP.
        self.run([
            "sipp", "-sf", f"{scenario}.xml", "-i", host, "-p", str(self.port), "-mp", str(free_ports(4)),
            "-t", transport, "-m", str(calls), "-nostdin", "-trace_msg", "-message_file", "messages.log",
            "-trace_err", "-error_file", "errors.log", "-timeout", str(seconds), "-timeout_error", *options,
        ])  # fmt: skip
        wait_until(self._listening, f"SIPp listens on {self.port}", 5)

    def _listening(self) -> bool:
        self.must_run()
        kinds = ("/proc/net/udp", "/proc/net/tcp", "/proc/net/udp6", "/proc/net/tcp6")
        wanted = f":{self.port:04X} "
        return any(wanted in Path(kind).read_text() for kind in kinds)

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def trace(self) -> str:
        return self.messages.read_text(errors="replace") if self.messages.exists() else ""

    def received(self, method: str) -> list[str]:
        """Every request of this method that SIPp received, whole."""
        blocks = re.split(r"-{20,} .*\n", self.trace())
        found = []
        for block in blocks:
            header, _, message = block.partition("\n\n")
            if "message received" in header and message.startswith(f"{method} "):
                found.append(message)
        return found

    def moments(self, start: str, within: str = "", way: str = "") -> list[float]:
        """When each message that begins so, and holds `within`, was sent or came (or only `message sent`, `message received`)."""
        moments = []
        for block in re.split(r"-{20,} ", self.trace())[1:]:
            header, _, message = block.partition("\n\n")
            if message.startswith(f"{start} ") and within in message and way in header:
                moments.append(datetime.fromisoformat(header.partition("\n")[0]).timestamp())
        return moments

    async def ends_well(self, seconds: float = 20.0) -> None:
        """The scenario was played to its end, every message as expected."""
        story = lambda: f"SIPp ends; its story so far:\n{self.trace()[-6_000:]}"  # noqa: E731
        await until(lambda: self.process.poll() is not None, story, seconds)
        code = self.process.returncode
        assert code == 0, f"SIPp ended with {code}: {self.errors()}\n{self.trace()[-3000:]}"

    def errors(self) -> str:
        """What SIPp complained of last."""
        errors = self.folder / "errors.log"
        return errors.read_text(errors="replace")[-2000:] if errors.exists() else ""

    def stop(self) -> None:
        """At once: it would wait for the ends of its calls."""
        self.process.kill()
        self.process.wait()
