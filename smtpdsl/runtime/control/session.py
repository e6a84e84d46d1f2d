"""One client of the control socket, who costs nothing but this connection whatever they send.

    request ──▶ command ──▶ item, item, item … end ──▶ next request
                              └─ the client does not read: the command waits for it, and nobody else does

Garbage gets one answer that says what was expected, and ends the connection.  What a command has
begun to change in the queue it completes page by page, also when its client has gone away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

from smtpdsl.runtime.control.commands import Commands, ControlError, answer
from smtpdsl.runtime.control.frames import MAX_REQUEST_OCTETS, VERSION, FrameError, FrameReader, Object, encode
from smtpdsl.runtime.fault import describe_fault
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.acceptor import Credentials

# How long a client may take for a request, and how long it may leave an answer unread: people use pagers.
REQUEST_SECONDS = 60.0
READING_SECONDS = 3600.0
# So many items are sent together, or octets.
_AT_ONCE = 32
_WORTHWHILE_OCTETS = 64 * 1024
# Commands that change nothing need no line of the log.
_SILENT = "show "
_MAX_SHOWN = 200


class Terms(NamedTuple):
    """What sessions share: the commands, who may give them, and the log."""

    commands: Commands
    may_come: Callable[[int], bool]
    log: Log
    request_seconds: float = REQUEST_SECONDS
    reading_seconds: float = READING_SECONDS


class ControlSession(asyncio.Protocol):
    """A connection, from its first octet to its end."""

    def __init__(self, terms: Terms, credentials: Credentials | None, on_end: Callable[[ControlSession], None]) -> None:
        """Serve who has *credentials*, and tell *on_end*."""
        self._terms = terms
        self._uid = credentials.uid if credentials is not None else None
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(MAX_REQUEST_OCTETS)
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        # What is not sent yet of the answer.
        self._gathered = bytearray()
        self._has_room = asyncio.Event()
        self._has_room.set()

    # ------------------------------------------------------------ what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Listen to who may be here, and send the others away."""
        # A stream's; that of uvloop is no subclass.
        self._transport = cast("asyncio.Transport", transport)
        if self._uid is None or not self._terms.may_come(self._uid):
            self._refuse(ControlError("not permitted: this server belongs to somebody else", "not-permitted"))
            return
        self._set_timer(self._terms.request_seconds)

    def data_received(self, octets: bytes) -> None:
        """Take what the client says."""
        if self._transport.is_closing():
            return
        self._reader.feed(octets)
        if self._task is None:
            self._look_for_request()
        else:
            # It asks before it has heard the answer: it will be read when there is time.
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Let the command wait for a client that does not read."""
        self._has_room.clear()
        self._set_timer(self._terms.reading_seconds)

    def resume_writing(self) -> None:
        """Go on; who has read the end of an answer at last, has time for another request."""
        self._set_timer(self._terms.request_seconds if self._task is None else None)
        self._has_room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop what was asked for."""
        del exc
        self._set_timer(None)
        self._has_room.set()
        if self._task is not None:
            self._task.cancel()
        self._on_end(self)

    def close(self) -> None:
        """End now."""
        self._transport.abort()

    # ------------------------------------------------------------ requests

    def _look_for_request(self) -> None:
        try:
            request = self._reader.next()
            if request is None:
                return
            command, arguments = _read_request(request)
        except FrameError as error:
            self._refuse(ControlError(str(error), "wrong-use"))
            return
        except ControlError as error:
            self._refuse(error)
            return
        self._set_timer(None)
        self._task = self._loop.create_task(self._answer(command, arguments))
        self._task.add_done_callback(self._on_answered)

    async def _answer(self, command: str, arguments: Object) -> None:
        last: Object = {"error": "the server has made a mistake"}
        told: Object = {}
        count = 0
        try:
            async for item in answer(self._terms.commands, command, arguments):
                told = item
                self._gathered += encode({"item": item})
                count += 1
                if count % _AT_ONCE == 0 or len(self._gathered) >= _WORTHWHILE_OCTETS:
                    self._send()
                    # Whoever else has something to do has their turn, also while nobody has to be waited for.
                    await asyncio.sleep(0)
                    await self._has_room.wait()
            last = {"end": True}
        except ControlError as error:
            last = _as_error(error)
        except asyncio.CancelledError:
            last = {"error": "the client went away"}
            raise
        finally:
            self._report(command, arguments, last, told)
        self._gathered += encode(last)
        self._send()

    def _send(self) -> None:
        self._transport.write(bytes(self._gathered))
        self._gathered.clear()

    def _report(self, command: str, arguments: Object, last: Object, told: Object) -> None:
        """Write who has changed what, once it is done."""
        if command.startswith(_SILENT):
            return
        result = last.get("error") or " ".join(f"{name}={value}" for name, value in told.items()) or "done"
        said = _said(arguments)
        shown = said if len(said) <= _MAX_SHOWN else f"{said[:_MAX_SHOWN]} …"
        what = f" ({shown})" if shown else ""
        self._terms.log.info(f"control: {command[:_MAX_SHOWN]} by user {self._uid}{what}: {result}")

    def _on_answered(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            # A mistake of ours costs one answer.
            self._terms.log.warn(f"control: fault: {describe_fault(error)}")
            self._gathered.clear()
        if self._transport.is_closing():
            return
        if error is not None:
            self._refuse(ControlError("the server has made a mistake; its log says more", "fault"))
            return
        # Who has not read the end of the answer yet, may still be at its beginning.
        is_behind = self._transport.get_write_buffer_size() > 0
        self._set_timer(self._terms.reading_seconds if is_behind else self._terms.request_seconds)
        self._look_for_request()
        if self._task is None and not self._transport.is_closing():
            # Not before the requests that are here have had their turn: they would fill the memory.
            self._transport.resume_reading()

    # ------------------------------------------------------------ the end

    def _refuse(self, error: ControlError) -> None:
        self._transport.write(encode(_as_error(error)))
        self._transport.close()
        # What the client does not read is not waited for.
        self._set_timer(self._terms.request_seconds)

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self.close) if seconds is not None else None


def _read_request(request: Object) -> tuple[str, Object]:
    """Take a request apart.

    Raises:
        ControlError: It has not the right form.
    """
    match request:
        case {"version": int(version), "command": str(command), "arguments": dict(arguments), **rest} if not rest:
            if version == VERSION:
                return command, arguments
            message = f"expected version {VERSION} of the protocol, found {version}: client and server differ"
            raise ControlError(message, "other-version")
    message = "expected a request with version, command and arguments"
    raise ControlError(message, "wrong-use")


def _said(arguments: Object) -> str:
    """Return what was said with a command as a line of the log has it; what is empty, says nothing."""
    pairs = []
    for name, value in arguments.items():
        match value:
            case None | False | "" | []:
                continue
            case True:
                pairs.append(f"{name}=yes")
            case list():
                pairs.append(f"{name}={','.join(map(str, value))}")
            case _:
                pairs.append(f"{name}={value}")
    return " ".join(pairs)


def _as_error(error: ControlError) -> Object:
    return {"error": str(error), "kind": error.kind}
