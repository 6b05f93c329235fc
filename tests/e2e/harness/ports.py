"""Free ports on loopback.

They lie below those that the kernel gives to sockets that ask for none, and beside those that servers take for calls: nobody's
outgoing connection takes one between the moment it is found free and the moment a program binds it. No port is given twice in a
run until all have been.
"""

import os
import socket

FIRST, LAST = 20_001, 29_999
COUNT = LAST + 1 - FIRST

_given = os.getpid() * 97  # runs side by side begin at places of their own


def free_port() -> int:
    """A port that nobody on loopback has for UDP or TCP."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    global _given
    row = []
    for _ in range(COUNT):
        port = FIRST + _given % COUNT
        _given += 1
        if not _is_free(port):
            row = []
        elif row and port < row[-1]:
            row = [port]
        else:
            row.append(port)
        if len(row) == count:
            return row[0]
    raise RuntimeError(f"no {count} free ports in a row on loopback")


def _is_free(port: int) -> bool:
    for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
