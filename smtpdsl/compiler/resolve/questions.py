"""What the criteria of rules and filters ask, of which table and by which comparison."""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.compiler.resolve.scope import ANY_KIND, LISTS, Scope
from smtpdsl.compiler.resolve.tables import resolve_table
from smtpdsl.ir.resolved import (
    AnyDestination,
    AnySource,
    Condition,
    ConfirmedReverseName,
    HasReverseName,
    InTable,
    IsAuthenticated,
    LocalDestination,
    LocalSource,
    Question,
    Slot,
    SocketSource,
    Subject,
    UsesTls,
)
from smtpdsl.ir.syntax import Criterion, Dialect
from smtpdsl.ir.table_file import Kind, Service

_PLAIN: dict[tuple[str, ...], tuple[Slot, Question]] = {
    ("from", "any"): (Slot.FROM, AnySource()),
    ("from", "local"): (Slot.FROM, LocalSource()),
    ("from", "socket"): (Slot.FROM, SocketSource()),
    ("from", "rdns"): (Slot.FROM, HasReverseName()),
    ("for", "any"): (Slot.FOR, AnyDestination()),
    ("for", "local"): (Slot.FOR, LocalDestination()),
    ("auth",): (Slot.AUTH, IsAuthenticated()),
    ("tls",): (Slot.TLS, UsesTls()),
}
# Words, slot, what is compared, by which service, and which kinds of table can answer.
_ASKING: dict[tuple[str, ...], tuple[Slot, Subject, Service, frozenset[Kind]]] = {
    ("from", "src"): (Slot.FROM, Subject.SOURCE, Service.NETADDR, LISTS),
    ("from", "rdns"): (Slot.FROM, Subject.RDNS, Service.DOMAIN, LISTS),
    ("for", "domain"): (Slot.FOR, Subject.DOMAIN, Service.DOMAIN, LISTS),
    ("tag",): (Slot.TAG, Subject.TAG, Service.STRING, LISTS),
    ("helo",): (Slot.HELO, Subject.HELO, Service.DOMAIN, LISTS),
    # Login names are looked up in lists of names and in credentials alike.
    ("auth",): (Slot.AUTH, Subject.LOGIN, Service.STRING, ANY_KIND),
    ("mail-from",): (Slot.MAIL_FROM, Subject.REVERSE_PATH, Service.MAILADDR, ANY_KIND),
    ("rcpt-to",): (Slot.RCPT_TO, Subject.FORWARD_PATH, Service.MAILADDR, ANY_KIND),
}
# A scope that says "anything" there, and the criterion that it carries into a slot of its own.
CARRIED: dict[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...]]] = {
    ("from", "auth"): (("from", "any"), ("auth",)),
    ("from", "mail-from"): (("from", "any"), ("mail-from",)),
    ("for", "rcpt-to"): (("for", "any"), ("rcpt-to",)),
}


def conditions_of(criterion: Criterion, scope: Scope) -> Iterator[Condition]:
    """Yield the conditions that a criterion of a rule stands for; `!` negates the last one only."""
    words = criterion.words
    if words in CARRIED:
        outer, words = CARRIED[words]
        slot, question = _PLAIN[outer]
        yield Condition(span=criterion.span, slot=slot, question=question, words=" ".join(outer))
    slot, question = _question(criterion.replace(words=words), scope, " ".join(criterion.words))
    shown = _shown(criterion, scope)
    yield Condition(span=criterion.span, slot=slot, question=question, negated=criterion.negated, words=shown)


def _shown(criterion: Criterion, scope: Scope) -> str:
    """Return the words of the author, on one line."""
    if scope.dialect is Dialect.LEGACY and criterion.table is None:
        # One word of a rule before 6.4 may have become several criteria, and none may have been written at all.
        return f"{'!' if criterion.negated else ''}{' '.join(criterion.words)}"
    return " ".join(criterion.span.text.split())


def _question(criterion: Criterion, scope: Scope, place: str) -> tuple[Slot, Question]:
    if criterion.table is None:
        return _PLAIN[criterion.words]
    slot, subject, service, accepts = _ASKING[criterion.words]
    if place == "from auth":
        # Unlike plain `auth`, OpenSMTPD takes no mapping here.
        accepts = LISTS
    if criterion.regex:
        service, accepts = Service.REGEX, LISTS
        place = f"{place} regex"
    if place.startswith("filter "):
        # Filters look at the keys of whatever they are given.
        accepts = ANY_KIND
    return slot, InTable(
        subject=subject, table=resolve_table(criterion.table, scope, service, place, accepts), service=service
    )


def filter_question(condition: Criterion, scope: Scope) -> Question:
    """Return what the condition of a built-in filter asks."""
    word = condition.words[0]
    if word == "fcrdns":
        return ConfirmedReverseName()
    words = (word,) if word not in {"rdns", "src"} else ("from", word)
    return _question(condition.replace(words=words), scope, f"filter {word}")[1]
