"""What a check of portability is given, and the two things that it can say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from smtpdsl.compiler.target import Target
from smtpdsl.diagnostics.codes import PORTABILITY
from smtpdsl.diagnostics.diagnostic import Diagnostic, Related, Severity
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.resolved import Ruleset
from smtpdsl.ir.syntax import Config, Option, Statement

_NAMES = {Target.OPENSMTPD_7_8: "OpenSMTPD 7.8", Target.OPENSMTPD_6_8: "OpenSMTPD 6.8"}


class Candidate(NamedTuple):
    """A configuration, resolved and as written, and the release that shall read it."""

    ruleset: Ruleset
    config: Config
    target: Target

    @property
    def release(self) -> str:
        """How messages call the release."""
        return _NAMES[self.target]

    def options(self, *statements: type) -> Iterator[tuple[Statement, Option]]:
        """Yield every option of the statements of these kinds."""
        for statement in self.config.statements:
            if isinstance(statement, statements):
                yield from ((statement, option) for option in getattr(statement, "options", ()))


Check: TypeAlias = Callable[[Candidate], Iterator[Diagnostic]]


def refused(span: Span, message: str, help_text: str, related: tuple[Related, ...] = ()) -> Diagnostic:
    """Say what the release refuses."""
    return PORTABILITY.at(span, message, help=help_text, related=related, severity=Severity.ERROR)


def differs(span: Span, message: str, help_text: str, related: tuple[Related, ...] = ()) -> Diagnostic:
    """Say what the release does otherwise."""
    return PORTABILITY.at(span, message, help=help_text, related=related)
