"""The room participant on the official Go SDK: how its program is made."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "go"


def build(target: Path) -> Path:
    """Compiles the program; its modules come from the Go module proxy the first time."""
    made = subprocess.run(["go", "build", "-o", target, "."], cwd=SOURCE, capture_output=True, text=True, timeout=600)
    if made.returncode != 0:
        raise RuntimeError(f"go build failed:\n{made.stderr[-4000:]}")
    return target
