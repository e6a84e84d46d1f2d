"""The other side of the control socket: asks a server, and believes nothing that has not the right form."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

from smtpdsl.runtime.control.commands import ControlError, Item
from smtpdsl.runtime.control.frames import MAX_ANSWER_OCTETS, VERSION, FrameError, FrameReader, Object, encode

_CHUNK_OCTETS = 64 * 1024


class NoServerError(Exception):
    """Nobody listens at the socket."""


class ControlClient:
    """A connection to a server; blocks while it waits."""

    def __init__(self, path: str) -> None:
        """Connect to the socket *path*.

        Raises:
            NoServerError: Nobody listens there.
            ControlError: It may not be opened.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            self._socket.close()
            raise NoServerError from None
        except PermissionError:
            self._socket.close()
            message = f"permission denied: {path} is for root and for whoever has started the server"
            raise ControlError(message, "not-permitted") from None
        except OSError as error:
            self._socket.close()
            message = f"cannot open the control socket {path}: {(error.strerror or str(error)).lower()}"
            raise ControlError(message) from None
        self._reader = FrameReader(MAX_ANSWER_OCTETS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def ask(self, command: str, arguments: Mapping[str, object]) -> Iterator[Item]:
        """Yield what the server answers to *command*.

        Raises:
            ControlError: It cannot be done, or the connection broke.
        """
        request = encode({"version": VERSION, "command": command, "arguments": arguments})
        try:
            self._socket.sendall(request)
        except BrokenPipeError:
            # The server has something to say that it did not want to wait with.
            pass
        except OSError as error:
            raise _broken(error) from None
        while True:
            match self._receive():
                case {"item": dict(item)}:
                    yield item
                case {"error": str(text), "kind": str(kind)}:
                    raise ControlError(text, kind)
                case {"end": True}:
                    return
                case _:
                    message = "the server has answered something else than was asked for"
                    raise ControlError(message)

    def _receive(self) -> Object:
        try:
            while (found := self._reader.next()) is None:
                octets = self._socket.recv(_CHUNK_OCTETS)
                if not octets:
                    message = "the server has ended the connection without an answer"
                    raise ControlError(message)
                self._reader.feed(octets)
        except FrameError as error:
            message = f"the server has answered something else than was asked for: {error}"
            raise ControlError(message) from None
        except OSError as error:
            raise _broken(error) from None
        return found


def _broken(error: OSError) -> ControlError:
    return ControlError(f"the connection to the server broke: {(error.strerror or str(error)).lower()}")
