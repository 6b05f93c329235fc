"""A telephone of a few lines over UDP, for what SIPp cannot do: several messages in one moment, in any order."""

import re
import socket
import threading
from collections.abc import Callable

DESCRIPTION = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
COPIED = ("Via", "From", "Call-ID", "CSeq", "Record-Route")


class Handset:
    """One phone; `rings` is called with its first INVITE and says what goes out at once, one datagram behind the other."""

    def __init__(self, rings: Callable[["Handset", str], list[str]], media_port: int = 9):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.media_port = media_port
        self.rings = rings
        self.got: list[str] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                message, caller = self.socket.recvfrom(65_536)
            except OSError:
                return
            self.got.append(message.decode())
            if len(self.of("INVITE")) == 1 and self.got[-1].startswith("INVITE "):
                for answer in self.rings(self, self.got[-1]):
                    self.socket.sendto(answer.encode(), caller)

    def of(self, start: str) -> list[str]:
        """What came that begins so: a method, or `SIP/2.0 200`."""
        return [message for message in list(self.got) if message.startswith(f"{start} ")]

    def response(self, invite: str, status: str, body: bool = False) -> str:
        lines = re.findall(rf"^(?:{'|'.join(COPIED)}):[^\r\n]*", invite, re.MULTILINE)
        return self._message(f"SIP/2.0 {status}", [*lines, self._party(invite, "To")], body)

    def answer(self, invite: str) -> str:
        return self.response(invite, "200 OK", body=True)

    def bye(self, invite: str) -> str:
        target = re.search(r"^Contact:\s*<([^>]+)>", invite, re.MULTILINE)[1]
        lines = [
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bKhandset",
            self._party(invite, "To").replace("To:", "From:", 1),
            re.search(r"^From:[^\r\n]*", invite, re.MULTILINE)[0].replace("From:", "To:", 1),
            re.search(r"^Call-ID:[^\r\n]*", invite, re.MULTILINE)[0],
            "CSeq: 1 BYE",
            "Max-Forwards: 70",
        ]
        return self._message(f"BYE {target} SIP/2.0", lines, False)

    def _party(self, invite: str, name: str) -> str:
        return re.search(rf"^{name}:[^\r\n]*", invite, re.MULTILINE)[0] + ";tag=handset"

    def _message(self, start: str, lines: list[str], body: bool) -> str:
        text = DESCRIPTION.format(port=self.media_port) if body else ""
        kind = ["Content-Type: application/sdp"] if body else []
        contact = f"Contact: <sip:phone@{self.address}>"
        return "\r\n".join([start, *lines, contact, *kind, f"Content-Length: {len(text)}", "", text])

    def stop(self) -> None:
        self.socket.close()
