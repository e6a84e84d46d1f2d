r"""What a ``.forward`` says: where a user wants mail to go (forward(5)).

    # until Monday
    ann, ben@example.net, \        the user's own name keeps a copy
    "|/usr/bin/vacation ann"

A line is read as the value of an alias is.  A ``#`` begins a comment wherever it stands,
also between quotes, unless a backslash protects it; a backslash at the end of a line
joins it with the next one.  Other files are not included.

Whether the file may be believed is for whoever opens it: a `ForwardProblem` says why not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from smtpdsl.ir.alias_value import IncludeTarget, Target, TargetError, parse_targets
from smtpdsl.record import Record

FORWARD_NAME = ".forward"
# A file of this size is refused, as by the original.
FORWARD_OCTETS_LIMIT = 4096

# Behind an even number of backslashes.
_COMMENT = re.compile(r"(?<!\\)(?:\\\\)*(#)")


class ForwardFile(Record):
    """A ``.forward`` that may be believed."""

    path: str
    """As the configuration would write it, for people."""
    text: str


class ForwardProblem(Record):
    """Why a ``.forward`` cannot be used; mail waits until that has changed."""

    why: str
    is_passing: bool = False
    """It is being edited, or the machine is short of something."""
    is_hidden: bool = False
    """Only whoever has other rights than this process can tell what is there."""


class ForwardError(ValueError):
    """A text that is no ``.forward``; the message says where and why, and has no final stop."""


class Forward(NamedTuple):
    """What a ``.forward`` says: nothing, if there is no target in it."""

    targets: tuple[Target, ...]
    shown: str
    """The same as one line."""


def parse_forward(text: str) -> Forward:
    """Read the text of a ``.forward``.

    Raises:
        ForwardError: It is too large, or an item in it is no target.
    """
    if len(text.encode("utf-8", "surrogateescape")) >= FORWARD_OCTETS_LIMIT:
        message = f"expected fewer than {FORWARD_OCTETS_LIMIT} octets"
        raise ForwardError(message)
    if "\0" in text:
        # No command line and no path can hold it.
        message = f"line {text.count(chr(10), 0, text.index(chr(0))) + 1}: expected text, found a NUL"
        raise ForwardError(message)
    targets: list[Target] = []
    shown: list[str] = []
    for number, line in _lines(text):
        try:
            found = parse_targets(line)
        except TargetError as error:
            message = f"line {number}: {error.message}"
            raise ForwardError(message) from None
        targets += (each for each in found if not isinstance(each, IncludeTarget))
        shown += [line.strip(" \t\r,")] if found else []
    return Forward(tuple(targets), ", ".join(shown))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each logical line, without its comment, and the number of its first physical one."""
    begun, first = "", 0
    for number, written in enumerate(text.split("\n"), 1):
        first = first or number
        comment = _COMMENT.search(written)
        begun += written[: comment.start(1)] if comment else written
        if _is_continued(begun):
            begun = begun[:-1]
            continue
        yield first, begun
        begun, first = "", 0
    if begun:
        yield first, begun


def _is_continued(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1
