"""The words of `smtpdsl ctl`, as those of smtpctl(8): each may be cut as long as it is clear what is meant.

    sh q 5f1e02aa      ──▶ show queue, of the message 5f1e02aa
    pause env all      ──▶ hold, everything
    s                  ──▶ schedule or show?

A command that a part of the server offers (`runtime.control.parts`) becomes a word with one entry of `VERBS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from smtpdsl.cli import control_queue_text as queue_text
from smtpdsl.cli import control_relay_text as relay_text
from smtpdsl.cli import control_text as text
from smtpdsl.cli.control_text import Lines
from smtpdsl.runtime.queue.selection import check_id

Arguments: TypeAlias = Mapping[str, object]

ALL = "all"


class WordError(Exception):
    """What was typed is no command, or more than one; the text is one sentence."""


class Verb(NamedTuple):
    """One command.

    *read* turns what follows the words into arguments, *lines* what the server answers into text, and *old_lines*
    into what smtpctl prints, if that is something else.  What *changes* envelopes has to be told which.
    """

    words: tuple[str, ...]
    operands: str
    summary: str
    command: str
    read: Callable[[Sequence[str]], Arguments]
    lines: Lines
    old_lines: Lines | None = None
    has_filters: bool = False
    changes: bool = False

    @property
    def usage(self) -> str:
        """How it is written."""
        return " ".join([*self.words, *filter(None, [self.operands])])


def _nothing(operands: Sequence[str]) -> Arguments:
    if operands:
        message = f'nothing follows here, found "{operands[0]}"'
        raise WordError(message)
    return {}


def _ids(operands: Sequence[str]) -> Arguments:
    """Read identifiers of messages and envelopes; none, or `all`, are all."""
    if list(operands) in ([], [ALL]):
        return {"ids": []}
    try:
        return {"ids": [check_id(each) for each in operands]}
    except ValueError as error:
        raise WordError(str(error)) from None


def _one_id(operands: Sequence[str]) -> Arguments:
    if len(operands) != 1 or operands[0] == ALL:
        message = "expected one identifier, of a message or of an envelope"
        raise WordError(message)
    return _ids(operands)


def _day(operands: Sequence[str]) -> Arguments:
    if len(operands) > 1:
        message = f'expected one day, found "{operands[1]}" behind it'
        raise WordError(message)
    return {"day": operands[0]} if operands else {}


def _table(operands: Sequence[str]) -> Arguments:
    if len(operands) != 1:
        message = "expected the name of one table: update table users"
        raise WordError(message)
    return {"name": operands[0]}


def _binding(operands: Sequence[str]) -> Arguments:
    match operands:
        case [*ids, "to", action]:
            return {**_ids(ids), "to action": action}
    message = 'expected identifiers or `all`, then `to` and an action: rebind 5f1e02aa to "out"'
    raise WordError(message)


def _part(name: str, operands: Sequence[str]) -> Arguments:
    return {**_nothing(operands), "part": name}


def _some_mail(operands: Sequence[str]) -> Arguments:
    match operands:
        case []:
            return {"part": "mta"}
        case ["from", source]:
            return {"part": "mta", "source": source}
        case ["for", domain]:
            return {"part": "mta", "domain": domain}
        case ["from", source, "for", domain]:
            return {"part": "mta", "source": source, "domain": domain}
    message = "expected `from` and an address, `for` and a domain, or both: pause mta from 192.0.2.1 for example.net"
    raise WordError(message)


def _route(operands: Sequence[str]) -> Arguments:
    if len(operands) > 1:
        message = "expected the number of one route, as `show routes` has it, or none for all"
        raise WordError(message)
    return {"number": operands[0] if operands else ""}


def _changing(words: str, command: str, summary: str, done: str, old_done: str = "") -> Verb:
    """Return a verb that changes envelopes; *done* says in one word what became of them."""
    return Verb(
        tuple(words.split()),
        "ID…|all",
        summary,
        command,
        _ids,
        partial(queue_text.effect, done),
        partial(queue_text.old_effect, old_done or done),
        has_filters=True,
        changes=True,
    )


def _stopping(word: str, part: str, summary: str) -> Verb:
    operands, read = ("[from ADDRESS] [for DOMAIN]", _some_mail) if part == "mta" else ("", partial(_part, part))
    return Verb((word, part), operands, summary, word, read, text.done, text.old_done)


VERBS = (
    Verb(
        ("show", "queue"),
        "[ID…]",
        "List envelopes: what they wait for, and why.",
        "show queue",
        _ids,
        queue_text.listing,
        queue_text.old_listing,
        has_filters=True,
    ),
    Verb(
        ("show", "envelope"),
        "ID",
        "Print everything that is known of an envelope, or of those of a message.",
        "show envelope",
        _one_id,
        queue_text.details,
    ),
    Verb(
        ("show", "message"),
        "ID",
        "Print a message as it is delivered.",
        "show message",
        _one_id,
        text.nothing,
    ),
    Verb(
        ("show", "keys"),
        "",
        "Print the keys that the queue is encrypted with, by their fingerprints, and how many messages need each.",
        "show keys",
        _nothing,
        queue_text.keys,
    ),
    Verb(("show", "status"), "", "Tell what is paused.", "show status", _nothing, text.status, text.old_status),
    Verb(("show", "stats"), "", "Print what the server has counted.", "show stats", _nothing, text.statistics),
    Verb(
        ("show", "tls-reports"),
        "[DAY]",
        "Print what became of TLS with other servers on a day, by default today: a report for each domain (RFC 8460).",
        "show tls-reports",
        _day,
        text.unless_empty("no reports", text.objects),
        text.objects,
    ),
    Verb(
        ("show", "routes"),
        "",
        "List from which address to which mail went lately, and which of them are left alone.",
        "show routes",
        _nothing,
        text.unless_empty("no routes", relay_text.routes),
        relay_text.routes,
    ),
    Verb(
        ("show", "hosts"),
        "",
        "List the servers that were connected to lately.",
        "show hosts",
        _nothing,
        text.unless_empty("no hosts", relay_text.hosts),
        relay_text.hosts,
    ),
    Verb(
        ("show", "relays"),
        "",
        "List where actions lead, and how much waits for it.",
        "show relays",
        _nothing,
        text.unless_empty("no relays", relay_text.relays),
        relay_text.relays,
    ),
    Verb(
        ("show", "hoststats"),
        "",
        "Print what was heard last of each domain.",
        "show hoststats",
        _nothing,
        text.unless_empty("no statistics of hosts", relay_text.statistics),
        relay_text.statistics,
    ),
    Verb(
        ("show", "mta", "paused"),
        "",
        "List from which addresses, and for which domains, nothing is sent.",
        "show mta paused",
        _nothing,
        text.unless_empty("nothing is paused", relay_text.blocks),
        relay_text.blocks,
    ),
    _changing("schedule", "schedule", "Try envelopes now, also those that have failed for good.", "scheduled"),
    _changing("hold", "hold", "Keep envelopes back until they are released.", "suspended", "paused"),
    _changing("release", "release", "Let envelopes go on that were held back.", "released", "resumed"),
    _changing("remove", "remove", "Remove envelopes; nobody is told.", "removed"),
    Verb(
        ("rebind",),
        "ID…|all to ACTION",
        "Give envelopes another action, and try them now.",
        "rebind",
        _binding,
        partial(queue_text.effect, "bound to the action"),
        partial(queue_text.old_effect, "rebound"),
        has_filters=True,
        changes=True,
    ),
    _changing("pause envelope", "hold", "The same as hold.", "suspended", "paused"),
    _changing("resume envelope", "release", "The same as release.", "released", "resumed"),
    _stopping("pause", "mda", "Begin no local deliveries."),
    _stopping("pause", "mta", "Begin no relaying, or none from an address, or for a domain."),
    _stopping("pause", "smtp", "Take no new clients; who connects, waits."),
    _stopping("resume", "mda", "Go on with local deliveries."),
    _stopping("resume", "mta", "Go on with relaying, or with that from an address, or for a domain."),
    _stopping("resume", "smtp", "Take clients again."),
    Verb(
        ("resume", "route"),
        "[NUMBER]",
        "Try a server again that is left alone, or all of them.",
        "resume route",
        _route,
        relay_text.resumed,
    ),
    Verb(
        ("update", "table"),
        "NAME",
        "Let the program of a table read its entries anew.",
        "update table",
        _table,
        text.done,
        text.old_done,
    ),
)


def find_verb(words: Sequence[str], verbs: Sequence[Verb] = VERBS) -> tuple[Verb, Sequence[str]]:
    """Return the command that *words* begin with, and what follows it.

    Raises:
        WordError: There is none, or more than one.
    """
    candidates = list(verbs)
    for depth in range(len(words) + 1):
        complete = [each for each in candidates if len(each.words) == depth]
        if complete:
            return complete[0], words[depth:]
        names = dict.fromkeys(each.words[depth] for each in candidates)
        if depth == len(words):
            break
        chosen = _choose(words[depth], list(names))
        candidates = [each for each in candidates if each.words[depth] == chosen]
    expected = f"another word after `{' '.join(words)}`" if words else "a command"
    message = f"expected {expected}; possibilities are: {', '.join(names)}"
    raise WordError(message)


def _choose(word: str, names: Sequence[str]) -> str:
    if word in names:
        return word
    matching = [name for name in names if name.startswith(word)]
    if len(matching) == 1:
        return matching[0]
    what = "is ambiguous" if matching else "is unknown"
    message = f'"{word}" {what}; possibilities are: {", ".join(matching or names)}'
    raise WordError(message)
