"""What the files of `corpus/` expect of the compiler, written on the lines that earn it.

    listen on lo prot 25            #~ syntax-error "found "prot""
    action "in" mbox ttl 4 \
        user ann                    #~^ syntax-error "without its unit"

A line may expect several findings, each after a ``#~``.  A ``^`` means the line above,
two of them the one above that: a comment cannot stand behind a backslash.  The code may
be followed by a part of the message, in double quotes up to the last one of the note.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from smtpdsl.diagnostics.diagnostic import Diagnostic

# The rest of a line after `#~`, up to the next expectation.
_NOTE = re.compile(r"#~(?P<above>\^*)[ \t]*(?P<code>[a-z][a-z0-9-]*)(?:[ \t]+\"(?P<fragment>[^\n]*?)\")?[ \t]*(?=#~|$)")


class Expectation(NamedTuple):
    """One finding that a file earns: its line, its code, and a part of its message (or nothing)."""

    line: int
    code: str
    fragment: str


def expectations(path: Path) -> list[Expectation]:
    """Return what the file at *path* expects, in the order of its lines.

    Raises:
        ValueError: A ``#~`` is followed by something else than a code and a quoted text.
    """
    found: list[Expectation] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="surrogateescape").split("\n"), 1):
        notes = list(_NOTE.finditer(line))
        if len(notes) != line.count("#~"):
            message = f"{path}:{number}: an expectation is a code and perhaps a quoted text"
            raise ValueError(message)
        found.extend(Expectation(number - len(note["above"]), note["code"], note["fragment"] or "") for note in notes)
    return sorted(found)


def disagreements(path: Path, diagnostics: Iterable[Diagnostic]) -> list[str]:
    """Compare the findings about the file at *path* with what it expects; returns what does not fit, in words."""
    open_expectations = expectations(path)
    wrong = []
    for found in diagnostics:
        written = found.span.written().span
        line = written.source.position(written.start).line
        fits = [
            each
            for each in open_expectations
            if (each.line, each.code) == (line, found.code.name) and each.fragment in found.message
        ]
        if fits:
            open_expectations.remove(fits[0])
        else:
            wrong.append(f"line {line}: not expected: {found.code.name}: {found.message}")
    wrong.extend(f'line {line}: not found: {code} "{fragment}"' for line, code, fragment in open_expectations)
    return wrong
