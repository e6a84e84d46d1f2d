"""Read a text as the first passes do, with included files that exist only in the test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smtpdsl.compiler.decode import decode
from smtpdsl.compiler.expand import Expanded, expand
from smtpdsl.compiler.parse import parse
from smtpdsl.compiler.world import Machine, Unavailable
from smtpdsl.diagnostics.arrange import arrange
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report, Severity
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.syntax import Config, Dialect


class Files(Machine):
    """A world of a few files by name, and nothing else to include."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        """Hold *files*; a text is encoded as UTF-8."""
        super().__init__()
        self.files = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}

    def identity(self, path: str, *, is_given: bool = False) -> object:
        """Tell files apart by their names."""
        del is_given
        return path

    def read(self, path: str) -> bytes | Unavailable:
        """Return one of the files."""
        return self.files.get(path, Unavailable("no such file or directory", is_absent=True))


class Reading(NamedTuple):
    """What the first passes made of a text."""

    expanded: Expanded | None
    config: Config | None
    findings: list[Diagnostic]

    @property
    def text(self) -> str:
        """The text with macros and includes in place."""
        assert self.expanded is not None
        return self.expanded.source.text

    @property
    def messages(self) -> list[str]:
        """The findings as ``line:column code: message``, the file before it if it is an included one."""
        return [describe(found) for found in self.findings]

    @property
    def errors(self) -> list[Diagnostic]:
        """The findings that are errors."""
        return [found for found in self.findings if found.severity is Severity.ERROR]


def place(span: Span) -> str:
    """Return where *span* was written, as ``line:column``."""
    written = span.written().span
    line, column = written.source.position(written.start)
    file = "" if written.source.name == "smtpd.conf" else f"{written.source.name}:"
    return f"{file}{line}:{column}"


def pointed_at(found: Diagnostic) -> str:
    """Return the characters that the author wrote where *found* points."""
    return found.span.written().span.text


def describe(found: Diagnostic) -> str:
    """Return ``line:column code: message``."""
    return f"{place(found.span)} {found.code.name}: {found.message}"


def read(
    text: str | bytes,
    files: Mapping[str, str | bytes] | None = None,
    *,
    dialect: Dialect = Dialect.MODERN,
    defines: Mapping[str, str] | None = None,
) -> Reading:
    """Decode, expand and parse *text*, the content of ``smtpd.conf``."""
    report = Report()
    octets = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    source = decode("smtpd.conf", octets, report)
    expanded = expand(source, Files({"smtpd.conf": octets, **(files or {})}), report, defines) if source else None
    config = parse(expanded, dialect, report) if expanded else None
    return Reading(expanded, config, report.diagnostics)


def refused(text: str, files: Mapping[str, str | bytes] | None = None) -> list[str]:
    """Read *text*, which is too large; returns place and code of each finding."""
    found = read(text, files)
    assert found.expanded is None
    for each in arrange(found.findings):
        assert each.span.end <= len(each.span.source.text)
    return [each.split(": ", 1)[0] for each in found.messages]
