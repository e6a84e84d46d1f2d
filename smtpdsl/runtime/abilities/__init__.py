"""What a configuration asks for and this version of the server does not do.

    filter spam proc-exec "x" user root    a program with the rights of "root" is not served by this version
    action "out" relay filter spam         `filter` is not served by this version
    action "old" relay filter spam         nothing is said: no rule names it, so it does nothing

The language is known whole, and the server learns it piece by piece.  What it cannot
honour keeps it from starting: nothing that is written is passed over in silence.  The
question is always whether the server does exactly what the words say.  A rule for
authenticated clients on a server where nobody can log in is for nobody, and that is
served; a table of logins that nobody is compared with is refused.

Each kind of statement has a module, which says of every field of its part of the program
whether it is `SERVED` or `REFUSED`.  Whoever teaches the server something new moves the
field from the one to the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Action, LocalAction, RelayAction
from smtpdsl.runtime.abilities.listeners import listener_findings
from smtpdsl.runtime.abilities.local_actions import local_findings
from smtpdsl.runtime.abilities.relay_actions import relay_findings
from smtpdsl.runtime.abilities.settings import settings_findings
from smtpdsl.runtime.abilities.tables import table_findings

__all__ = ["unable"]


def unable(program: Program) -> Iterator[Diagnostic]:
    """Yield what *program* asks for in vain: one finding for each thing that is written."""
    actions = _used_actions(program)
    local = [each for each in actions if isinstance(each, LocalAction)]
    found = chain(
        settings_findings(program.settings),
        chain.from_iterable(listener_findings(each, program.dialect) for each in program.listeners),
        chain.from_iterable(map(local_findings, local)),
        chain.from_iterable(relay_findings(each) for each in actions if isinstance(each, RelayAction)),
        table_findings(program, actions),
    )
    # One line of the language before 6.4 can be two listeners or two rules here.
    told: set[Span] = set()
    for finding in found:
        if finding.span not in told:
            told.add(finding.span)
            yield finding


def _used_actions(program: Program) -> list[Action]:
    """Return the actions that rules name; the others do nothing."""
    return list({rule.action.name: rule.action for rule in program.rules if rule.action is not None}.values())
