"""A network that loses datagrams, between the server and a phone: each one, either way, with the same probability."""

import random
import select
import socket
import threading
from collections import Counter


class LossyPath:
    """Relays UDP between whoever sends to `address` and `target`; what gets lost is drawn from a seed that is printed.

    Of copies of the same datagram the fifth arrives at the latest: a test of twenty calls fails for no bad luck. What passes
    comes from `seen_as`, so that without loss it is a NAT.
    """

    def __init__(self, target: str, loss: float, seed: int | None = None, seen_as: str = "127.0.0.1"):
        self.seed = random.randrange(1 << 32) if seed is None else seed
        print(f"loss {loss:.0%}, seed {self.seed}")
        self.dice = random.Random(self.seed)
        self.loss = loss
        host, port = target.split(":")
        self.target = (host, int(port))
        self.near = self._socket("127.0.0.1")  # the server sends here
        self.far = self._socket(seen_as)  # the phone sees this one
        self.peer: tuple[str, int] | None = None
        self.passed = self.lost = 0
        self.unlucky: Counter[bytes] = Counter()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    @staticmethod
    def _socket(host: str) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((host, 0))
        return made

    @property
    def address(self) -> str:
        return "127.0.0.1:%d" % self.near.getsockname()[1]

    def aim(self, target: str) -> None:
        host, port = target.split(":")
        self.target = (host, int(port))

    def start(self) -> "LossyPath":
        self.thread.start()
        return self

    def _run(self) -> None:
        while not self.over.is_set():
            for readable in select.select([self.near, self.far], [], [], 0.1)[0]:
                self._relay(readable)

    def _relay(self, readable: socket.socket) -> None:
        try:
            datagram, sender = readable.recvfrom(65_536)
        except ConnectionError:
            return
        if readable is self.near:
            self.peer = sender
        if self.dice.random() < self.loss and self.unlucky[datagram] < 4:
            self.unlucky[datagram] += 1
            self.lost += 1
            return
        self.passed += 1
        if readable is self.near:
            self.far.sendto(datagram, self.target)
        elif self.peer:
            self.near.sendto(datagram, self.peer)

    def stop(self) -> None:
        self.over.set()
        self.thread.join()
        self.near.close()
        self.far.close()
