"""What the compiler found, as data: `Diagnostic`, its `Severity` and its `Fix`."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from smtpdsl.diagnostics.span import Span
from smtpdsl.record import Record


class Severity(Enum):
    """How much a finding matters; an error keeps the configuration from starting."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Edit(NamedTuple):
    """Replace the characters of *span* by *replacement*; an empty span inserts."""

    span: Span
    replacement: str


class Related(NamedTuple):
    """Another place that takes part in a finding, and why."""

    span: Span
    message: str


class Fix(Record):
    """Edits that mend a finding; `safe` ones keep the meaning and may be applied unseen."""

    edits: tuple[Edit, ...]
    safe: bool

    @classmethod
    def replacing(cls, span: Span, replacement: str, *, safe: bool = False) -> Fix:
        """Build the fix that writes *replacement* over *span*."""
        return cls(edits=(Edit(span, replacement),), safe=safe)


class Code(Record):
    """A kind of finding: a stable name, and what it says in general."""

    name: str
    severity: Severity
    summary: str
    since: str = "0.1"

    def at(
        self,
        span: Span,
        message: str,
        *,
        label: str = "",
        help: str = "",  # noqa: A002 - the field's name in every output format
        related: tuple[Related, ...] = (),
        notes: tuple[str, ...] = (),
        fix: Fix | None = None,
        severity: Severity | None = None,
    ) -> Diagnostic:
        """Build a finding of this kind at *span*; *severity* overrides the code's own (`--target`)."""
        return Diagnostic(
            code=self,
            severity=severity or self.severity,
            span=span,
            message=message,
            label=label,
            help=help,
            related=related,
            notes=notes,
            fix=fix,
        )


class Diagnostic(Record):
    """One finding at one place."""

    code: Code
    severity: Severity
    span: Span
    message: str
    label: str = ""
    help: str = ""
    related: tuple[Related, ...] = ()
    notes: tuple[str, ...] = ()
    fix: Fix | None = None


class Report:
    """Collects the findings of one run, in the order they were made, each once.

    One line of the language before 6.4 can become two of the modern one; what is wrong
    with it is found in both, and is one mistake.
    """

    def __init__(self) -> None:
        """Start with no findings."""
        self.diagnostics: list[Diagnostic] = []
        self._known: set[Diagnostic] = set()

    def __call__(self, diagnostic: Diagnostic) -> None:
        """Add a finding, unless an equal one was made before."""
        if diagnostic not in self._known:
            self._known.add(diagnostic)
            self.diagnostics.append(diagnostic)

    @property
    def has_errors(self) -> bool:
        """Whether any finding keeps the configuration from starting."""
        return any(found.severity is Severity.ERROR for found in self.diagnostics)
