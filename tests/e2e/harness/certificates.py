"""An authority and what it vouches for, made with openssl: what a carrier's TLS needs."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclass
class Identity:
    certificate: Path
    key: Path

    @property
    def both(self) -> Path:
        """One file with key and certificate, as baresip wants it."""
        path = self.certificate.with_suffix(".both.pem")
        path.write_text(self.key.read_text() + self.certificate.read_text())
        return path


class Authority:
    """Signs certificates for host names and addresses."""

    def __init__(self, folder: Path, name: str = "e2e authority"):
        self.folder = folder
        folder.mkdir(parents=True)
        self.certificate, self.key = folder / "authority.pem", folder / "authority.key"
        _openssl(
            "req", "-x509", *KEY, "-keyout", self.key, "-out", self.certificate, "-subj", f"/CN={name}", "-days", "2",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def identity(self, *names: str) -> Identity:
        """A certificate for these names; those that begin with a digit or a colon are addresses."""
        made = Identity(self.folder / f"{names[0].replace(':', '_')}.pem", self.folder / f"{names[0].replace(':', '_')}.key")
        request, extensions = made.key.with_suffix(".csr"), made.key.with_suffix(".ext")
        kinds = ["IP" if name[0].isdigit() or ":" in name else "DNS" for name in names]
        extensions.write_text(
            "subjectAltName=" + ",".join(f"{kind}:{name}" for kind, name in zip(kinds, names, strict=True)) + "\n"
        )
        _openssl("req", "-new", *KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={names[0]}")
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "2",
            "-extfile", extensions, "-out", made.certificate,
        )  # fmt: skip
        return made


def _openssl(*arguments) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr[-2000:]}")
