"""Digest credentials (RFC 7616, RFC 8760) checked from outside: computed again with Python's own hashes."""

import hashlib
import re

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


def header(message: str, name: str) -> list[str]:
    """Every value of a header field, in order."""
    return re.findall(rf"^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)


def fields(value: str) -> dict[str, str]:
    """The parameters of an Authorization header, without their quotation marks."""
    pairs = re.findall(r'(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|[^",\s]+)', value.partition(" ")[2])
    return {name.lower(): text.strip('"') for name, text in pairs}


def is_right(value: str, method: str, user: str, password: str) -> bool:
    """Whether the digest in this header is that of the user and the password for this method."""
    told = fields(value)
    algorithm = told.get("algorithm", "MD5")

    def digest(*parts: str) -> str:
        return hashlib.new(HASHES[algorithm], ":".join(parts).encode()).hexdigest()

    secret = digest(user, told["realm"], password)
    request = digest(method, told["uri"])
    middle = [told["nonce"]]
    if "qop" in told:
        middle += [told["nc"], told["cnonce"], told["qop"]]
    return told["username"] == user and told["response"] == digest(secret, *middle, request)
