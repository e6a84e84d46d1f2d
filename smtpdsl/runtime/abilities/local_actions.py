"""Local actions: every method, and a wrapper for all but one; who gets the mail is for the tables."""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.ir.resolved import LocalAction, Mbox
from smtpdsl.runtime.abilities.finding import keyword, unserved_word

# Of these, `wrapper` in part; and the tables as far as `tables` can read them.
SERVED = frozenset({"span", "name", "method", "alias", "virtual", "userbase", "user", "ttl"})
REFUSED = frozenset({"wrapper"})

_WRAPPER_HELP = "remove it, or deliver to a `maildir`, which it can wrap"


def local_findings(action: LocalAction) -> Iterator[Diagnostic]:
    """Yield what *action* does that the server does not."""
    # Whoever appends to a mailbox of the system may write to the folder of all of them, and so runs no command.
    if action.wrapper is not None and isinstance(action.method, Mbox):
        yield unserved_word(keyword(action.span, "wrapper"), _WRAPPER_HELP)
