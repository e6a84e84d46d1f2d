"""What a run has left behind: lines of the log, messages, connections to the sink, files.

    Finds ──collect──▶ Collection ──of a run──▶ Evidence
                                   └─ of no run: strangers

What belongs to whom is told by the source address of the run, and by the identifiers of the messages
that it was told 250 for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.vectors import log_lines
from tests.vectors.log_lines import Attempt
from tests.vectors.played import Played
from tests.vectors.process import ServerProcess
from tests.vectors.remote import Conversation, Remote
from tests.vectors.replies import shown
from tests.vectors.stored import Stored, read_mailboxes, read_message
from tests.vectors.transcript import accepted_identifier

# Where files may come into being; the queue's folder `incoming` has to be empty again.
_MAY_CHANGE = re.compile(
    r"smtpd\.conf$|tmp$|root/home/[^/]+/Maildir(/|$)|root/(var/mail|srv/mail)/"
    r"|root/var(/spool|/run)?$|root/var/run/[^/]+$|root/var/spool/smtpdsl(/(?!incoming/.)|$)"
)


class Evidence(NamedTuple):
    """What was seen of a run, beside the session itself: all that bears its source or its messages."""

    log: Sequence[bytes] = ()
    attempts: Sequence[Attempt] = ()
    stored: Sequence[Stored] = ()
    sunk: Sequence[Stored] = ()
    sink: Sequence[Conversation] = ()
    pwn: Path | None = None


class Collection(NamedTuple):
    """What there is of everybody: the log, all messages, and the connections to the sink that brought none."""

    log: dict[str, list[bytes]]
    attempts: list[Attempt]
    stored: list[Stored]
    sunk: list[tuple[Conversation, Stored]]
    empty: list[Conversation]


class Finds:
    """What is found on a stage."""

    def __init__(self, server: ServerProcess, sink: Remote, pwn: Path) -> None:
        """Look at *server* and its folder, at *sink*, and for the file *pwn*, which must not be there."""
        self._server, self._sink, self._pwn = server, sink, pwn
        self._told: set[tuple[str, str, bytes]] = set()
        self._empty = 0
        self._known_files = set(self._files())

    def collect(self) -> Collection:
        """Return what there is."""
        sunk = [
            (conversation, read_message("the sink", _unstuffed(content))._replace(reverse_path=path, recipients=to))
            for conversation in self._sink.conversations
            for path, to, content in conversation.transactions
        ]
        empty = [each for each in self._sink.conversations if not each.transactions]
        lines = self._server.lines
        stored = list(read_mailboxes(self._server.root))
        return Collection(log_lines.lines_by_source(lines), list(log_lines.attempts(lines)), stored, sunk, empty)

    def of_run(self, source: str, played: Played, collection: Collection) -> Evidence:
        """Return what belongs to the run that came from *source*."""
        identifiers = set(accepted(played))

        def is_its(message: Stored) -> bool:
            return message.source == source or message.identifier in identifiers

        sunk = [(conversation, message) for conversation, message in collection.sunk if is_its(message)]
        return Evidence(
            log=collection.log.get(source, ()),
            attempts=[each for each in collection.attempts if each.message in identifiers],
            stored=[each for each in collection.stored if is_its(each)],
            sunk=[message for _, message in sunk],
            sink=[conversation for conversation, _ in sunk],
            pwn=self._pwn,
        )

    def strangers(self, collection: Collection, known: set[int]) -> list[str]:
        """Return what has come to mailboxes and the sink, and belongs to no run: *known* has the `id` of what does.

        What has been told, or belonged to somebody, is not told when the next runs have been played.
        """
        new = len(collection.empty) - self._empty
        self._empty = len(collection.empty)
        problems = ["check 5: a connection to the sink that brought no message"] if new else []
        for message in [*collection.stored, *(message for _, message in collection.sunk)]:
            key = (message.where, message.identifier, message.content)
            if id(message) not in known and key not in self._told:
                problems.append(f"check 4: {message.where} has a message of nobody: {shown(message.content)}")
            self._told.add(key)
        return problems

    def left_files(self) -> list[str]:
        """Return the files that have come into being where none may stay, each once."""
        found = {path for path in self._files() if path not in self._known_files}
        self._known_files |= found
        return sorted(found)

    def _files(self) -> Iterator[str]:
        """Yield everything in the folder of the stage but what belongs to mailboxes and the queue."""
        for path in self._server.folder.rglob("*"):
            name = str(path.relative_to(self._server.folder))
            if not _MAY_CHANGE.match(name):
                yield name


def accepted(played: Played) -> list[str]:
    """Return the identifiers of the messages that were accepted."""
    return [found for reply in played.replies if (found := accepted_identifier(reply))]


def _unstuffed(content: bytes) -> bytes:
    lines = content.split(b"\r\n")
    return b"\n".join(line.removeprefix(b".") for line in lines)
