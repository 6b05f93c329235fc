"""`trunkline demo`: the first thing a newcomer runs places a call, proves that it is heard, and leaves pictures of it."""

import subprocess

from harness.server import BINARY
from harness.tones import loudness, read_wav


def test_the_demo_places_a_call_and_proves_it(tmp_path):
    ran = subprocess.run(
        [BINARY, "demo"], cwd=tmp_path, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for word in ("dialing", "ringing", "automation", "active", "hangup", "INVITE", "BYE", "*123#456"):
        assert word in ran.stdout, f"{word} is not told:\n{ran.stdout}"
    recordings = sorted(tmp_path.rglob("*.wav"))
    assert len(recordings) >= 2, f"two recordings are expected: {recordings}"
    for recording in recordings:
        samples, _rate = read_wav(recording)
        assert loudness(samples) > -50, f"{recording} is silent"
    assert list(tmp_path.rglob("*.svg")) or list(tmp_path.rglob("*.png")), "the picture of the call"
