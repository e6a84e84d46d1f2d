"""A mail store that speaks LMTP as a test wants it, in a thread of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

# What it says at the beginning, and to each command; "" closes the connection, None says nothing.  To a message it
# says a line for each recipient, the last one as often as it takes.
Script = Mapping[str, str | None]
USUAL: Script = {
    "": "220 store.example LMTP",
    "LHLO": "250-store.example\r\n250-PIPELINING\r\n250-SIZE 10000000\r\n250 8BITMIME",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    ".": "250 2.0.0 stored",
    "QUIT": "221 bye",
}


class Store:
    """What the store has heard: commands, and messages with their dots as they came."""

    def __init__(self, listener: socket.socket, script: Script) -> None:
        """Take connections at *listener*."""
        self.commands: list[str] = []
        self.messages: list[bytes] = []
        self._listener = listener
        self._script = {**USUAL, **script}
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            is_open, recipients = self._say(connection, ""), 0
            while is_open and (line := lines.readline()):
                command = line.decode("utf-8").rstrip("\r\n")
                self.commands.append(command)
                verb = command.upper().partition(" ")[0]
                recipients += verb == "RCPT" and self._accepts("MAIL") and self._accepts("RCPT")
                if verb != "DATA" or recipients:
                    is_open = self._say(connection, verb)
                else:
                    # RFC 2033 §4.2
                    connection.sendall(b"503 5.5.1 nobody is to get it\r\n")
                if verb == "DATA" and recipients and (self._script["DATA"] or "").startswith("354"):
                    self.messages.append(_message(lines))
                    is_open = self._say_to_each(connection, recipients)

    def _say_to_each(self, connection: socket.socket, recipients: int) -> bool:
        replies = self._script["."]
        if not replies:
            return self._say(connection, ".")
        lines = replies.split("\n")
        for position in range(recipients):
            line = lines[min(position, len(lines) - 1)]
            if not line:
                return False
            connection.sendall(line.encode() + b"\r\n")
        return True

    def _accepts(self, verb: str) -> bool:
        return (self._script[verb] or "").startswith("2")

    def _say(self, connection: socket.socket, verb: str) -> bool:
        reply = self._script[verb]
        if reply:
            connection.sendall(reply.encode() + b"\r\n")
        if reply is None:
            # Whoever says nothing once says nothing more.
            while connection.recv(4096):
                pass
        return bool(reply)

    def close(self) -> None:
        """End, and wait for the thread."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def _message(lines: BinaryIO) -> bytes:
    """Read up to the dot, or to the end of the connection."""
    return b"".join(iter(partial(next, lines, b".\r\n"), b".\r\n"))


@contextmanager
def store(place: Path | tuple[str, int], script: Script | None = None) -> Iterator[Store]:
    """Have a store at *place*: the path of a socket, or a host and a port."""
    listener = socket.socket(socket.AF_UNIX if isinstance(place, Path) else socket.AF_INET)
    listener.bind(str(place) if isinstance(place, Path) else place)
    listener.listen()
    opened = Store(listener, script or {})
    try:
        yield opened
    finally:
        opened.close()
