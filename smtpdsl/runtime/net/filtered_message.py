r"""A message on its way through the programs of a chain: they read its lines, and what they write is the message.

    b"Received: …\nSubject: x\n\n.hidden\n"
      │ lines, dots doubled: "Received: …", "Subject: x", "", "..hidden", "."
      ▼
    first program ─line by line─▶ second program ─line by line─▶ dots undone ─▶ Transaction.write

Nobody holds it whole but a program that wants to.  Who is slow is waited for: the client, if the
first program is, and the program in front of the one that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial

from smtpdsl.mail.header import header_end, is_well_formed
from smtpdsl.mail.header_editing import edit_header
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.filters.asked_program import AskedProgram
from smtpdsl.runtime.filters.hooks import Hook
from smtpdsl.runtime.filters.rulings import Refuse, Said
from smtpdsl.runtime.programs.supervised import SupervisedProgram
from smtpdsl.runtime.transaction import MAX_HEADER_OCTETS, Transaction

_END = b"."
# Programs read lines into buffers of 64 KiB, together with what stands in front of them, and some end if that is not
# enough: no client is to be able to bring that about.
_MAX_LINE_OCTETS = 60_000
_TOO_LONG = Reply(code=554, enhanced_status="5.6.0", lines=("Message refused: it has a line that is too long",))
# What is written to the spool at a time; more than some of these wait for nobody.
_HELD_OCTETS = 1024 * 1024
# A program may add so much to a message.
_ADDED_OCTETS = 4 * 1024 * 1024


class FilteredMessage:
    """One message.

    Attributes:
        transaction: What it belongs to.
        done: Done when all of it has come back, or nothing comes any more.
        refusal: Why it cannot be taken, for now or for good; None if it can.
    """

    def __init__(self, readers: Sequence[AskedProgram], transaction: Transaction) -> None:
        """Send it through *readers*, in this order, and what comes out to *transaction*."""
        self.transaction = transaction
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.refusal: Refuse | None = None
        self._readers = readers
        self._header: _Header | None = _Header(transaction)
        self._rest: list[bytes] = []
        self._rest_octets = 0
        self._received_octets = 0
        self._came: list[bytes] = []
        self._came_octets = 0
        self._kept_octets = 0
        self._writing: asyncio.Future[None] | None = None
        self._is_due = self._has_come = self._has_ended = False
        self._moved_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._streams = [
            each.session.open_stream(partial(self._heard, place), partial(self._lost, place))
            for place, each in enumerate(readers)
        ]
        for place, each in enumerate(readers):
            if each.session.why_lost:
                self._lost(place, each.session.why_lost)

    # ------------------------------------------------------------ from the client

    def write(self, octets: bytes) -> Awaitable[None] | None:
        """Take the next piece of the message; an awaitable is to be waited for before there is more."""
        if self._header is not None:
            found = self._header.read(octets)
            if found is None:
                return None
            octets, self._header = found, None
        return self._send(octets)

    def begin(self, trace: bytes) -> None:
        """Take our own trace field, which is in front of what the client sends."""
        self._send(trace)

    def _send(self, octets: bytes) -> Awaitable[None] | None:
        self._received_octets += len(octets)
        if self.refusal is not None:
            return None
        first, *others = octets.split(b"\n")
        self._rest.append(first)
        self._rest_octets += len(first)
        if others:
            lines = [b"".join(self._rest), *others]
            self._rest = [lines.pop()]
            self._rest_octets = len(self._rest[0])
            self._send_lines(lines)
        if self._rest_octets > _MAX_LINE_OCTETS:
            self._refuse_for_good(_TOO_LONG)
        process = self._process(0)
        return process.wait_for_room() if process.is_full else None

    def _process(self, place: int) -> SupervisedProgram:
        return self._readers[place].session.program.process

    def _send_lines(self, lines: list[bytes]) -> None:
        if max(map(len, lines)) > _MAX_LINE_OCTETS:
            self._refuse_for_good(_TOO_LONG)
            return
        self._streams[0].send([b"." + each if each.startswith(b".") else each for each in lines])

    def end(self) -> None:
        """Take notice that there is nothing more; `done` says when it has come back."""
        if self._header is not None:
            self._send(self._header.end())
        if self._rest_octets and self.refusal is None:
            # Only a message that came in chunks can end so (RFC 3030 §2).
            self._send_lines([b"".join(self._rest)])
        self._streams[0].send([_END])
        if not self._has_ended:
            self._look_at_clock()

    def close(self) -> None:
        """Want nothing more of it."""
        self._has_ended = True
        if self._timer is not None:
            self._timer.cancel()
        for each in self._streams:
            each.close()
        if not self.done.done():
            self.done.set_result(None)

    # ------------------------------------------------------------ from the programs

    def _heard(self, place: int, line: bytes) -> None:
        """Take a *line* of the program at *place*."""
        self._moved_at = asyncio.get_running_loop().time()
        # Some write lines as they are in SMTP.
        line = line.removesuffix(b"\r")
        is_end = line == _END
        if is_end:
            self._streams[place].close()
        if place + 1 < len(self._streams):
            self._streams[place + 1].send([line])
            process, following = self._process(place), self._process(place + 1)
            if following.is_full and not process.is_held:
                process.hold_until(following.wait_for_room())
        elif is_end:
            self._has_come = True
            self._flush()
        else:
            self._keep(line)

    def _keep(self, line: bytes) -> None:
        """Keep a line of the message until there are some of them."""
        line = line.removeprefix(b".")
        self._came.append(line)
        self._came_octets += len(line) + 1
        self._kept_octets += len(line) + 1
        if self._kept_octets > self._received_octets + _ADDED_OCTETS:
            self._lost(len(self._readers) - 1, "the program has made the message too long")
        elif not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._flush)
        if self._writing is not None and self._came_octets > _HELD_OCTETS and not self._process(-1).is_held:
            self._process(-1).hold_until(asyncio.shield(self._writing))

    def _flush(self) -> None:
        """Write what has come, unless something is being written."""
        self._is_due = False
        if self._has_ended or self._writing is not None:
            return
        waiting = self.transaction.write(b"\n".join([*self._came, b""])) if self._came else None
        self._came.clear()
        self._came_octets = 0
        if waiting is not None:
            self._writing = asyncio.ensure_future(waiting)
            self._writing.add_done_callback(self._written)
        elif self._has_come:
            self.close()

    def _written(self, done: asyncio.Future[None]) -> None:
        if not done.cancelled():
            # The end of the message fails for it.
            done.exception()
        self._writing = None
        self._flush()

    # ------------------------------------------------------------ trouble

    def _lost(self, place: int, why: str) -> None:
        """Give up: the program at *place* does not do its part."""
        if self._has_ended:
            return
        self._refuse(self._readers[place].lost(Hook.DATA_LINE, why))
        self.close()

    def _refuse_for_good(self, reply: Reply) -> None:
        first = self._readers[0]
        self._refuse(Refuse(reply=reply, closes=False, filter=first.name, place=first.place))

    def _refuse(self, said: Said) -> None:
        if self.refusal is None and isinstance(said, Refuse):
            self.refusal = said

    def _look_at_clock(self) -> None:
        """Give up a message of which nothing has come back for long."""
        loop = asyncio.get_running_loop()
        patience = self._readers[0].session.program.terms.patience.message
        if self._timer is None:
            self._moved_at = loop.time()
        elif loop.time() - self._moved_at >= patience:
            waited = next((place for place, each in enumerate(self._streams) if each.is_open), 0)
            self._readers[waited].session.hung(self._moved_at, patience)
            self._lost(waited, f"no message came back within {patience:g} seconds")
            return
        self._timer = loop.call_at(self._moved_at + patience, self._look_at_clock)


class _Header:
    """The header that the client sent, until it has ended.

    It gets its edits before the programs read it: one that signs it signs what is sent.  And only if
    this header is malformed, the message is refused for it.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._octets = bytearray()
        self._transaction = transaction
        self._edits = transaction.take_edits()
        transaction.was_well_formed = True

    def read(self, octets: bytes) -> bytes | None:
        """Take the next piece of the message, and return all of it so far if the header has ended; None if not."""
        # Only what is new is looked at: a header may come octet by octet.
        has_ended = b"\n\n" in self._octets[-1:] + octets or (not self._octets and octets.startswith(b"\n"))
        self._octets += octets
        if has_ended:
            content = bytes(self._octets)
            end = header_end(content)
            return self._edited(content[:end]) + content[end:]
        if len(self._octets) <= MAX_HEADER_OCTETS:
            return None
        # Without an end it is refused for that.
        self._transaction.was_well_formed = False
        return bytes(self._octets)

    def end(self) -> bytes:
        """Return all of a message that is nothing but a header."""
        whole = bytes(self._octets)
        return self._edited(whole if not whole or whole.endswith(b"\n") else whole + b"\n")

    def _edited(self, header: bytes) -> bytes:
        if not is_well_formed(header):
            self._transaction.was_well_formed = False
            return header
        return edit_header(header, self._edits) if self._edits is not None else header
