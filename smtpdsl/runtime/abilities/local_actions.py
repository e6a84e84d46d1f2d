"""Local actions: maildir, mda, forward-only and expand-only; who gets the mail is for the tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.ir.resolved import ExpandOnly, ForwardOnly, Lmtp, LocalAction, Maildir, Mbox, Mda
from smtpdsl.runtime.abilities.finding import keyword, unserved_word

# Of these, `method` and `wrapper` in part; and the tables as far as `tables` can read them.
SERVED = frozenset({"span", "name", "alias", "virtual", "userbase", "user", "ttl"})
REFUSED = frozenset({"method", "wrapper"})

_WRAPPER_HELP = "remove it, or deliver by `mda`, whose command it can wrap"


def local_findings(action: LocalAction) -> Iterator[Diagnostic]:
    """Yield what *action* does that the server does not."""
    match action.method:
        case Mbox():
            help_text = "use `maildir`, or `mda` with a program that writes mailboxes"
            yield unserved_word(keyword(action.span, "mbox"), help_text)
        case Lmtp():
            help_text = "use `mda` with the delivery program of the mail store, or `maildir`"
            yield unserved_word(keyword(action.span, "lmtp"), help_text)
        case Maildir():
            # The server writes there itself, so there is no command to wrap.
            if action.wrapper is not None:
                yield unserved_word(keyword(action.span, "wrapper"), _WRAPPER_HELP)
        case Mda() | ForwardOnly() | ExpandOnly():
            pass
        case _:
            assert_never(action.method)
