"""What was seen to work with which client: tests prove features, and the table in docs/compatibility.md is made of it.

`with proves("mutes and unmutes", kind): ...` around what shows a feature; what the SDK has no call for is told by
`proves.nothing(...)`. The table of a run is in target/matrix.md; `cargo xtask matrix` puts it into the page.
"""

import contextlib
import json
import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SHOWN = ROOT / "target" / "matrix.md"
E2E = ROOT / "tests" / "e2e"


def clients() -> dict[str, str]:
    """The columns: kinds of clients and their names, with the versions that the tests pin."""
    python = re.search(r"^livekit==(.*)$", (E2E / "requirements.txt").read_text(), re.M)[1]
    npm = json.loads((E2E / "node" / "package-lock.json").read_text())["packages"]
    node = npm["node_modules/@livekit/rtc-node"]["version"]
    browser = npm["node_modules/livekit-client"]["version"]
    go = re.search(r"livekit/server-sdk-go/v2 v(\S+)", (E2E / "go" / "go.mod").read_text())[1]
    return {
        "python": f"Python `livekit` {python}",
        "python-dual": "the same, two peer connections",
        "node": f"Node `@livekit/rtc-node` {node}",
        "chromium": f"`livekit-client` {browser} in Chromium",
        "firefox": f"`livekit-client` {browser} in Firefox",
        "go": f"Go `server-sdk-go` {go}, two peer connections",
        "go-single": "the same, one",
    }


def read() -> dict[str, dict[str, str]]:
    """The cells of the run before, if it left any."""
    rows = SHOWN.read_text().splitlines()[2:] if SHOWN.exists() else []
    parts = [[part.strip() for part in row.split("|")[1:-1]] for row in rows]
    return {feature: dict(zip(clients(), cells, strict=True)) for feature, *cells in parts}


class Matrix:
    """The cells of one run, in the order in which they were proven."""

    def __init__(self):
        # What is run once more by itself adds to the table of the first run.
        self.cells: dict[str, dict[str, str]] = read() if os.environ.get("SECOND_RUN") else {}

    @contextlib.contextmanager
    def __call__(self, feature: str, *kinds: str):
        """Around what shows a feature of these clients."""
        for kind in kinds:
            self.cells.setdefault(feature, {})[kind] = "**no**"
        yield
        for kind in kinds:
            self.cells[feature][kind] = "yes"

    def nothing(self, feature: str, kind: str) -> None:
        """The SDK has no call for it."""
        self.cells.setdefault(feature, {})[kind] = "no such call"

    def broken(self, feature: str, kind: str) -> None:
        """It does not work, which is known and not mended yet: the page says no."""
        self.cells.setdefault(feature, {})[kind] = "**no**"

    def table(self) -> str:
        columns = clients()
        lines = ["| | " + " | ".join(columns.values()) + " |", "|---" * (len(columns) + 1) + "|"]
        for feature, cells in self.cells.items():
            lines.append(f"| {feature} | " + " | ".join(cells.get(kind, "not tried") for kind in columns) + " |")
        return "\n".join(lines)

    def write(self) -> None:
        SHOWN.parent.mkdir(exist_ok=True)
        SHOWN.write_text(self.table() + "\n")
