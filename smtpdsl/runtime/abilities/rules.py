"""Rules: every condition that needs no DNS.

Nobody can authenticate, no session is secured, and there is no local socket.  Rules that
ask for these match nobody, or with `!` everybody, and that is what they say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.ir.resolved import (
    AnyDestination,
    AnySource,
    ConfirmedReverseName,
    HasReverseName,
    InTable,
    IsAuthenticated,
    LocalDestination,
    LocalSource,
    Question,
    Rule,
    SocketSource,
    Subject,
    UsesTls,
)
from smtpdsl.runtime.abilities.finding import unserved

_HELP = "say by address who is meant, `from src { … }`: the DNS is not asked for the names of clients"


def rule_findings(rule: Rule) -> Iterator[Diagnostic]:
    """Yield the conditions of *rule* that cannot be answered."""
    for condition in rule.conditions:
        if not _is_answered(condition.question):
            yield unserved(condition.span, "`from rdns`", _HELP)


def _is_answered(question: Question) -> bool:
    match question:
        case HasReverseName() | ConfirmedReverseName():
            return False
        case InTable(subject=subject):
            return subject is not Subject.RDNS
        case AnySource() | LocalSource() | AnyDestination() | LocalDestination():
            return True
        case SocketSource() | IsAuthenticated() | UsesTls():
            return True
    assert_never(question)
