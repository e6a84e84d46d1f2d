"""Listeners on which strangers may say that they are somebody else (`xclient`).  Reports `relay-without-auth`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smtpdsl.analysis.networks import names_somebody
from smtpdsl.diagnostics.codes import RELAY_WITHOUT_AUTH
from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.ir.resolved import Listener


def speaker_findings(listeners: Iterable[Listener]) -> Iterator[Diagnostic]:
    """Yield each network that nobody is known by, and that may speak for others."""
    for listener in listeners:
        for entry in listener.xclient.entries if listener.xclient is not None else ():
            if not names_somebody(entry.key):
                message = f"everybody in {entry.key} may say to be any client, and to have logged in as anybody"
                place = listener.places["xclient"]
                related = (Related(place, "by the word of these"),) if entry.span != place else ()
                yield RELAY_WITHOUT_AUTH.at(
                    entry.span, message, help="name the servers in front of this one, and nobody else", related=related
                )
