"""The entries of a table, judged by what a place asks of them.

    table hosts { 10.0.0.0/33 }
    match from src <hosts> action "in"      every entry has to be an address or a network

An entry is judged once for each service that asks it, and the finding stands at the
entry: in the configuration, or in the table's own file.  Relay URLs are for
`check.relays` to judge, because the options of the action decide what they need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from smtpdsl.compiler.check.targets import TargetReader
from smtpdsl.compiler.resolve.values import inside
from smtpdsl.diagnostics.codes import (
    IMPOSSIBLE_PATTERN,
    SLOW_REGEX,
    SUSPICIOUS_PATTERN,
    UNUSABLE_ENTRY,
    UNUSABLE_NETWORK,
    UNUSABLE_REGEX,
)
from smtpdsl.diagnostics.diagnostic import Code, Diagnostic, Related, Report, Severity
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.resolved import TableUse
from smtpdsl.ir.syntax import Word
from smtpdsl.ir.table_entry import entry_problem, listener_credentials_problem, relay_credentials_problem
from smtpdsl.ir.table_file import Service, TableEntry

if TYPE_CHECKING:
    import re

    from smtpdsl.ir.pattern_problem import EntryProblem

# A table of another kind than it should be has a finding for each of its lines.
MOST_FINDINGS = 20

_PATTERNS = {Service.DOMAIN, Service.MAILADDR, Service.NETADDR, Service.MAILADDRMAP}
_UNCHECKED = {Service.RELAYHOST, Service.STRING, Service.AUTH}

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}"
_DOMAIN = rf"{_NAME}(?:\.{_NAME}){{0,2}}"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_TARGET = rf"[A-Za-z0-9_.+-]{{1,64}}(?:@{_DOMAIN})?"
# Entries that are surely right.  Reading each of 100,000 aliases in full takes seconds.
_PLAIN = {
    Service.DOMAIN: rf"(?:\*\.)?{_DOMAIN}",
    Service.MAILADDR: rf"(?:[A-Za-z0-9_+-]{{1,64}})?@{_DOMAIN}",
    Service.NETADDR: rf"{_OCTET}(?:\.{_OCTET}){{3}}(?:/(?:[12]?[0-9]|3[0-2]))?",
    Service.ALIAS: rf"{_TARGET}(?:, ?{_TARGET}){{0,8}}",
}

# The null reverse-path has another form in filters than in rules.
_NULL_SENDER = {"mail-from regex": "^@$", "from mail-from regex": "^@$", "filter mail-from regex": "^$"}


def check_entries(use: TableUse, targets: TargetReader, report: Report) -> None:
    """Report the entries that cannot serve what *use* asks, or serve something else than they seem to."""
    if use.service in _UNCHECKED:
        return
    found: Iterable[Diagnostic] = _findings(use, targets)
    if use.service is Service.SOURCE:
        found = all_or_some(list(found), len(use.table.entries))
    report_first(found, report)


def report_first(findings: Iterable[Diagnostic], report: Report) -> None:
    """Report the first of *findings*; after `MOST_FINDINGS` nothing more is looked at."""
    shown = list(islice(findings, MOST_FINDINGS + 1))
    if len(shown) > MOST_FINDINGS:
        shown.pop()
        last = shown[-1]
        shown[-1] = last.replace(notes=(*last.notes, "the entries after this one were not checked"))
    for finding in shown:
        report(finding)


def entry_span(entry: TableEntry, start: int = 0, end: int | None = None, *, in_value: bool = False) -> Span:
    """Where the characters *start* to *end* of the key or value of *entry* stand."""
    word = value_word(entry) if in_value else key_word(entry)
    return inside(word, start, len(word.text) if end is None else end)


def key_word(entry: TableEntry) -> Word:
    """The key of *entry*, as a word of the configuration or of a file."""
    source, start = entry.span.source, entry.span.start
    bare, quoted = (Span(source, start, start + len(entry.key) + quotes) for quotes in (0, 2))
    span = bare if bare.text == entry.key else quoted if quoted.text[1:-1] == entry.key else entry.span
    return Word(span=span, text=entry.key)


def value_word(entry: TableEntry) -> Word:
    """The value of *entry*; its key in a list."""
    if entry.value is None or entry.value_span is None:
        return key_word(entry)
    return Word(span=entry.value_span, text=entry.value)


def asked_at(use: TableUse) -> tuple[Related, ...]:
    """The place that asks, where it is not the place of the entries."""
    return () if use.table.is_anonymous else (Related(use.span, f"{shown_place(use)} asks this table"),)


def shown_place(use: TableUse) -> str:
    """How messages call the place that asks."""
    kind, _, rest = use.place.partition(" ")
    if kind == "filter":
        return f"`{rest}` of a filter"
    return f"`{rest}`" if kind == "listen" else f"`{use.place}`"


def _findings(use: TableUse, targets: TargetReader) -> Iterator[Diagnostic]:
    plain = plain_pattern(use.service)
    is_alias = use.service is Service.ALIAS
    null_sender = _NULL_SENDER.get(use.place)
    for entry in use.table.entries:
        special = _never_asked(use, entry)
        if special is not None:
            yield special
            continue
        text = entry.value or "" if is_alias else entry.key
        if plain is not None and plain.fullmatch(text) and not (is_alias and "*" in entry.key):
            continue
        if is_alias and "*" not in entry.key:
            yield from targets.findings(value_word(entry), asked_at(use))
            continue
        problem = _problem(use, entry)
        if problem is not None:
            yield _finding(use, entry, problem)
        elif use.service is Service.REGEX and _is_slow(entry.key):
            yield _slow(use, entry)
        elif null_sender and entry.key in {"^@$", "^$", "^<>$"} - {null_sender}:
            yield _never_null(use, entry, null_sender)


def _never_asked(use: TableUse, entry: TableEntry) -> Diagnostic | None:
    """Find keys that are right in themselves, and that this place never looks for."""
    key = entry.key
    if use.place == "from rdns" and "*" in key:
        message = f'no client matches "{key}": reverse DNS names are compared whole'
        ending = key.rpartition("*")[2].replace(".", r"\.")
        help_text = f'write `from rdns regex "{ending}$"`'
    elif use.place == "alias" and "@" in key:
        message = f'no look-up asks for "{key}": `alias` looks for user names alone'
        help_text = "use `virtual` for addresses, in an action of its own"
    elif use.service is Service.REGEX and r"\\" in key:
        message = "two backslashes match one backslash, and none is here"
        help_text = r"write one: in quotes too a backslash stands for itself, as in `\.`"
    else:
        return None
    code = SUSPICIOUS_PATTERN if use.service is Service.REGEX else IMPOSSIBLE_PATTERN
    return code.at(entry_span(entry), message, help=help_text, related=asked_at(use))


@cache
def plain_pattern(service: Service) -> re.Pattern[str] | None:
    """Return what entries (for aliases: values) match that need no closer look."""
    import re  # noqa: PLC0415 - compiled for the services that a configuration has

    return re.compile(_PLAIN[service]) if service in _PLAIN else None


def _problem(use: TableUse, entry: TableEntry) -> EntryProblem | None:
    if use.service is not Service.CREDENTIALS:
        return entry_problem(use.service, entry.key, entry.value)
    read = listener_credentials_problem if use.place.startswith("listen ") else relay_credentials_problem
    return read(entry.value or "")


def _finding(use: TableUse, entry: TableEntry, problem: EntryProblem) -> Diagnostic:
    span = entry_span(entry, problem.start, problem.end, in_value=problem.in_value)
    help_text = problem.help
    if use.place == "filter mail-from":
        # There the null reverse-path is the empty text.
        help_text = help_text.replace('"^@$"', '"^$"')
    return _code(use.service, problem).at(span, problem.message, help=help_text, related=asked_at(use))


def _code(service: Service, problem: EntryProblem) -> Code:
    is_pattern = service in _PATTERNS or (service is Service.ALIAS and not problem.in_value)
    if is_pattern and not problem.never_works:
        return SUSPICIOUS_PATTERN
    if service is Service.NETADDR:
        return UNUSABLE_NETWORK
    if service is Service.REGEX:
        return UNUSABLE_REGEX
    return IMPOSSIBLE_PATTERN if is_pattern and not problem.in_value else UNUSABLE_ENTRY


def _is_slow(pattern: str) -> bool:
    # Few configurations have regular expressions.
    from smtpdsl.ir.regex import has_linear_engine  # noqa: PLC0415
    from smtpdsl.ir.regex_time import is_slow  # noqa: PLC0415

    return is_slow(pattern) and not has_linear_engine()


def _slow(use: TableUse, entry: TableEntry) -> Diagnostic:
    message = "a client can choose a text for which this expression takes hours"
    help_text = "write it without a repetition inside of a repetition, or install the extra `re2`"
    return SLOW_REGEX.at(entry_span(entry), message, help=help_text, related=asked_at(use))


def _never_null(use: TableUse, entry: TableEntry, null_sender: str) -> Diagnostic:
    message = f'no sender matches "{entry.key}": here the null reverse-path is compared as "{null_sender[1:-1]}"'
    help_text = f'write "{null_sender}"'
    return IMPOSSIBLE_PATTERN.at(entry_span(entry), message, help=help_text, related=asked_at(use))


def all_or_some(found: list[Diagnostic], entries: int) -> list[Diagnostic]:
    """Entries of which one is taken at each attempt: as long as one of them works, so does the action."""
    severity = Severity.ERROR if len(found) == entries else Severity.WARNING
    return [each.replace(severity=severity) for each in found]
