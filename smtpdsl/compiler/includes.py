"""The files that a configuration includes: found, read once, and never in a circle.

Reports `unreadable-include`, `include-cycle`, `oversized-text`, and what `decode` and
`join_lines` report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from smtpdsl.compiler.decode import decode
from smtpdsl.compiler.tables import facts
from smtpdsl.compiler.world import Unavailable, World
from smtpdsl.compiler.written import join_lines
from smtpdsl.diagnostics.codes import INCLUDE_CYCLE, OVERSIZED_TEXT, UNREADABLE_INCLUDE
from smtpdsl.diagnostics.concealed import Concealed, Stretch
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.ir.syntax import unquote

MAX_INCLUDE_DEPTH = 64
# Ten files that include each other ten times are ten thousand million files.
MAX_INCLUDES = 4096


# The whole text, with includes and macros in place.
MAX_TEXT_CHARACTERS = 16 * 1024 * 1024


@cache
def _include_line() -> re.Pattern[str]:
    return re.compile(rf"^[ \t]*include[ \t]+({facts().patterns['STR']})", re.MULTILINE)


class TooLargeError(Exception):
    """The text passed a limit, and that is reported; what was read so far is thrown away."""


def refuse_if_too_large(characters: int, span: Span, report: Report) -> None:
    """Report at *span* that the text has so many *characters*, if that is too many.

    Raises:
        TooLargeError: It is.
    """
    if characters <= MAX_TEXT_CHARACTERS:
        return
    message = f"the configuration has more than {MAX_TEXT_CHARACTERS} characters with its includes and macros"
    report(OVERSIZED_TEXT.at(span, message, help="put long lists into table files; they have no such limit"))
    raise TooLargeError


class Readable(NamedTuple):
    """A file whose text can be read on."""

    identity: object
    written: Source
    joined: Source


class Includes:
    """Opens the files that `include` names, and keeps the stack of those that are being read."""

    def __init__(self, world: World, report: Report) -> None:
        """Ask *world* for files, and tell *report* what is wrong with them."""
        self.world = world
        self.report = report
        self.stack: list[Readable] = []
        self.files: list[Source] = []
        self.defines: dict[str, Source] = {}
        """The macros of the command line, by name."""
        self._concealed = Concealed(self._find_secrets)
        self._known: dict[str, Readable] = {}
        self._read_octets: dict[str, bytes | Unavailable] = {}
        self._estimates: dict[str, int] = {}
        self._count = 0

    def begin(self, source: Source) -> Readable:
        """Return the file that everything starts with.

        Raises:
            TooLargeError: It is too large by itself.
        """
        refuse_if_too_large(len(source.text), source.whole(), self.report)
        refuse_if_too_large(self._estimate(source.text, 0), source.whole(), self.report)
        self._add(source)
        return Readable(self.world.identity(source.name, is_given=True), source, join_lines(source, self.report))

    def _add(self, source: Source) -> None:
        self.files.append(source)
        source.concealed = self._concealed

    def define(self, name: str, source: Source) -> None:
        """Take *source*, what the command line says of a macro."""
        self.defines[name] = source
        source.concealed = self._concealed

    def _find_secrets(self) -> Mapping[Source, Sequence[Stretch]]:
        # Files in which nothing is found are the usual case.
        from smtpdsl.compiler.secrets import find_secrets  # noqa: PLC0415

        return find_secrets(self.files, self.defines)

    def _estimate(self, text: str, depth: int) -> int:
        """Guess how long *text* is with its includes: those at the beginning of a line, without macros.

        Files that include each other again and again would take minutes to read as long as
        each of them is small.
        """
        total = len(text)
        if "include" in text and depth <= MAX_INCLUDE_DEPTH:
            total += sum(self._estimate_file(path, depth + 1) for path in _include_line().findall(text))
        return total

    def _estimate_file(self, path: str, depth: int) -> int:
        path = unquote(path)
        if path not in self._estimates:
            # An include of itself is refused later, and adds nothing here.
            self._estimates[path] = 0
            octets = self._octets(path)
            text = octets.decode("utf-8", "replace") if isinstance(octets, bytes) else ""
            self._estimates[path] = self._estimate(text, depth)
        return self._estimates[path]

    def _octets(self, path: str) -> bytes | Unavailable:
        if path not in self._read_octets:
            self._read_octets[path] = self.world.read(path)
        return self._read_octets[path]

    def open(self, path: str, span: Span) -> Readable | None:
        """Return the file that the include at *span* names; None, and a finding, if it cannot be had.

        Raises:
            TooLargeError: There are too many includes, or the file is too large.
        """
        self._count += 1
        if self._count > MAX_INCLUDES:
            message = f"more than {MAX_INCLUDES} files are included"
            self.report(OVERSIZED_TEXT.at(span, message, help="does a file include others again and again?"))
            raise TooLargeError
        if self._is_circular(path, span):
            return None
        if len(self.stack) > MAX_INCLUDE_DEPTH:
            message = f'"{path}" is included more than {MAX_INCLUDE_DEPTH} files deep'
            self.report(UNREADABLE_INCLUDE.at(span, message, help="include it from a file nearer to the first one"))
            return None
        if path not in self._known and (found := self._read(path, span)) is not None:
            self._known[path] = found
        return self._known.get(path)

    def _is_circular(self, path: str, span: Span) -> bool:
        identity = self.world.identity(path)
        names = [file.written.name for file in self.stack]
        start = next((at for at, file in enumerate(self.stack) if file.identity == identity), None)
        if start is None:
            return False
        circle = " → ".join([*names[start:], names[start]])
        self.report(
            INCLUDE_CYCLE.at(
                span,
                f'"{path}" includes itself' + (" through other files" if start < len(names) - 1 else ""),
                label="already being read",
                notes=(f"the chain is {circle}",),
                help="remove one of these includes",
            )
        )
        return True

    def _read(self, path: str, span: Span) -> Readable | None:
        octets = self._octets(path)
        if isinstance(octets, Unavailable):
            message = f'cannot read the included file "{self.world.locate(path)}": {octets.reason}'
            self.report(UNREADABLE_INCLUDE.at(span, message, help=_advice(path, octets)))
            return None
        source = decode(self.world.locate(path), octets, self.report)
        if source is None:
            return None
        refuse_if_too_large(len(source.text), span, self.report)
        self._add(source)
        return Readable(self.world.identity(path), source, join_lines(source, self.report))


def _advice(path: str, failure: Unavailable) -> str:
    if any(character in path for character in "*?["):
        return "patterns have no meaning here: write one `include` for each file"
    if path.startswith("~"):
        return "`~` has no meaning here: write the path in full"
    if failure.is_absent and not path.startswith("/"):
        return "a relative path is taken from the working directory; write it absolute"
    return ""
