"""Where alias tables send mail, as far as this machine can tell: included files, programs, mailboxes.

Reports `missing-file`, `unusable-entry` for what an included file holds, and what
`check.formats` finds in commands and paths.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from smtpdsl.compiler.check.formats import At, command_findings, format_findings
from smtpdsl.compiler.decode import decode
from smtpdsl.compiler.resolve.values import inside, wrong_text
from smtpdsl.compiler.world import Unavailable, World
from smtpdsl.diagnostics.codes import MISSING_FILE, UNUSABLE_ENTRY
from smtpdsl.diagnostics.diagnostic import Diagnostic, Related, Report, Severity
from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.ir.alias_value import (
    CommandTarget,
    FileTarget,
    IncludeTarget,
    Target,
    TargetError,
    parse_targets,
)
from smtpdsl.ir.format_string import parse_format
from smtpdsl.ir.syntax import Word

# Devices exist wherever mail is delivered; under a root of its own a test bed has none.
_DEVICES = "/dev/"
_BLANKS = " \t\r\v\f"


class TargetReader:
    """Reads what the values of alias tables name; a file that several of them include is read once."""

    def __init__(self, world: World, *, legacy: bool) -> None:
        """Ask *world* for files and programs."""
        self.world = world
        self.legacy = legacy
        self._included: set[str] = set()

    def findings(self, value: Word, asked: tuple[Related, ...] = ()) -> Iterator[Diagnostic]:
        """Yield what is wrong with the targets of *value*; *asked* is the place that asks its table."""
        for finding in self._value(value):
            # The other entries still work.
            yield finding.replace(related=finding.related or asked, severity=Severity.WARNING)

    def _value(self, value: Word, *, is_included: bool = False) -> Iterator[Diagnostic]:
        try:
            targets = parse_targets(value.text)
        except TargetError as error:
            yield wrong_text(UNUSABLE_ENTRY, value, error)
            return
        if not targets:
            yield UNUSABLE_ENTRY.at(value.span, "expected a target, found only commas")
        for target in targets:
            if is_included and isinstance(target, IncludeTarget):
                span = inside(value, target.start, target.end)
                message = "an included file includes nothing itself: this line is ignored"
                yield UNUSABLE_ENTRY.at(span, message, help="name the file in the table")
            else:
                yield from self._target(target, value)

    def _target(self, target: Target, value: Word) -> Iterator[Diagnostic]:
        match target:
            case IncludeTarget(path=path):
                yield from self._include(path, inside(value, target.start, target.end))
            case CommandTarget(command=command):
                at = _within(value, target, command)
                yield from command_findings(command, at, self.world, legacy=self.legacy)
            case FileTarget(path=path):
                text = parse_format(path, legacy=self.legacy)
                yield from format_findings(text, _within(value, target, path))
                if not text.specifiers:
                    yield from self._mailbox(path, inside(value, target.start, target.end))

    def _mailbox(self, path: str, span: Span) -> Iterator[Diagnostic]:
        """A mailbox is made when the first message comes, but not the folder that it lies in."""
        folder = path.rpartition("/")[0]
        if self.world.is_static or path.startswith(_DEVICES) or not folder:
            return
        if isinstance(facts := self.world.facts(folder), Unavailable) and facts.is_absent:
            message = f'the folder of this mailbox, "{self.world.locate(folder)}", does not exist'
            yield MISSING_FILE.at(span, message, help="create it; nothing else does")

    def _include(self, path: str, span: Span) -> Iterator[Diagnostic]:
        if self.world.is_static or path in self._included:
            return
        octets = self.world.read(path)
        if isinstance(octets, Unavailable):
            message = f'cannot read the included file "{self.world.locate(path)}": {octets.reason}'
            yield MISSING_FILE.at(span, message, help="create the file, or remove it here: it includes nobody now")
            return
        self._included.add(path)
        report = Report()
        source = decode(self.world.locate(path), octets, report)
        yield from report.diagnostics
        if source is not None:
            related = (Related(span, "included here"),)
            for finding in self._lines(source):
                yield finding.replace(related=related)

    def _lines(self, source: Source) -> Iterator[Diagnostic]:
        """Yield what is wrong with the lines of an included file, each of which is a value."""
        start = 0
        for line in source.text.split("\n"):
            text = line.partition("#")[0].strip(_BLANKS)
            if text:
                at = start + line.index(text)
                yield from self._value(Word(span=Span(source, at, at + len(text)), text=text), is_included=True)
            start += len(line) + 1


def _within(value: Word, target: Target, text: str) -> At:
    """Return what finds the characters of *text*, a part of *target*; all of it where it is written otherwise."""
    offset = value.text.find(text, target.start, target.end)
    if offset < 0:
        return lambda _start, _end: inside(value, target.start, target.end)
    return partial(_moved, value, offset)


def _moved(value: Word, offset: int, start: int, end: int) -> Span:
    return inside(value, offset + start, offset + end)
