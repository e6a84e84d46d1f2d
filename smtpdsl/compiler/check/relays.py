"""The next hops of relay actions: whether an attempt to send can succeed.

    action "out" relay host smtps://ann@mx.example auth <secrets>

A URL is judged by itself, against `tls`, and by `check.labels` against the `auth` table.  What
fails at each attempt is an error; if only some of several hosts fail, it is a warning.

Reports `unusable-url`, `suspicious-url`, `conflicting-options`, and `impossible-pattern` for
the keys of `relay domain`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from smtpdsl.compiler.check.entries import asked_at, entry_span, key_word, report_first, value_word
from smtpdsl.compiler.check.labels import LabelReader, auth_without_label, password_in_url
from smtpdsl.compiler.resolve.values import inside, wrong_text
from smtpdsl.diagnostics.codes import (
    CONFLICTING_OPTIONS,
    IMPOSSIBLE_PATTERN,
    SUSPICIOUS_URL,
    UNUSABLE_URL,
)
from smtpdsl.diagnostics.diagnostic import Diagnostic, Related, Report, Severity
from smtpdsl.ir.relay_url import RelayScheme, RelayUrl, parse_relay_url
from smtpdsl.ir.resolved import RelayAction, RelayTls, Ruleset, Table
from smtpdsl.ir.syntax import Word
from smtpdsl.ir.table_file import Kind, Service, TableEntry
from smtpdsl.text_error import TextError

_NEVER_SECURE = {RelayScheme.SMTP_NOTLS, RelayScheme.LMTP}


class _Hop(NamedTuple):
    """A relay URL as written, read if it can be."""

    word: Word
    url: RelayUrl | TextError


class HopChecker:
    """Checks one action after the other; what is wrong with a shared table is reported once."""

    def __init__(self, ruleset: Ruleset, report: Report) -> None:
        """Findings go to *report*."""
        self.report = report
        uses = [use for use in ruleset.table_uses if use.service is Service.RELAYHOST]
        self._asked = {use.table.name: asked_at(use) for use in reversed(uses)}
        self._hops: dict[str, tuple[_Hop, ...]] = {}
        self._reported: set[str] = set()
        self._labels = LabelReader()

    def check(self, action: RelayAction) -> None:
        """Report what is wrong with the next hops of *action*, and with how it authenticates."""
        for table in (action.hosts, action.domain):
            if table is None or not _is_readable(table, Kind.LIST if table is action.hosts else Kind.MAP):
                continue
            hops = self._read(table)
            self._check_attempts(action, table, hops)
            read = [(hop.word, hop.url) for hop in hops if isinstance(hop.url, RelayUrl)]
            if len(read) == len(hops):
                for finding in auth_without_label(action, read):
                    self.report(finding)

    def _check_attempts(self, action: RelayAction, table: Table, hops: tuple[_Hop, ...]) -> None:
        related = self._asked.get(table.name, ())
        failures = [finding for hop in hops for finding in self._failure(hop, action, related)]
        severity = Severity.ERROR if len(failures) == len(hops) else Severity.WARNING
        known = table.name in self._reported
        new = (each for each in failures if not known or each.code is not UNUSABLE_URL)
        report_first((each.replace(severity=severity) for each in new), self.report)
        if not known:
            report_first(_oddities(table, hops, related), self.report)
            self._reported.add(table.name)

    def _read(self, table: Table) -> tuple[_Hop, ...]:
        if table.name not in self._hops:
            words = map(key_word if table.kind is Kind.LIST else value_word, table.entries)
            self._hops[table.name] = tuple(_Hop(word, _url(word.text)) for word in words)
        return self._hops[table.name]

    def _failure(self, hop: _Hop, action: RelayAction, related: tuple[Related, ...]) -> Iterator[Diagnostic]:
        """Yield the one reason why no attempt to send by *hop* succeeds, if there is one."""
        if isinstance(hop.url, TextError):
            finding = password_in_url(hop.word) or wrong_text(UNUSABLE_URL, hop.word, hop.url)
            yield finding.replace(related=related)
        elif action.tls is not RelayTls.OPPORTUNISTIC and hop.url.scheme in _NEVER_SECURE:
            yield _insecure(hop.word, hop.url, action)
        elif hop.url.label is not None:
            yield from self._labels.failure(hop.word, hop.url, action)


def _is_readable(table: Table, kind: Kind) -> bool:
    return table.is_known and table.kind is kind and bool(table.entries)


def _url(text: str) -> RelayUrl | TextError:
    try:
        return parse_relay_url(text)
    except TextError as error:
        return error


def _odd_advice(text: str, url: RelayUrl) -> str:
    """How to write what *text* was meant to be: with the colon of its scheme, or without what is ignored."""
    meant = text.replace("//", "://", 1)
    if "://" not in text and meant != text and isinstance(_url(meant), RelayUrl):
        return f'write "{meant}"'
    return f'write "{url}" if that is what is meant'


def _insecure(word: Word, url: RelayUrl, action: RelayAction) -> Diagnostic:
    scheme = url.scheme.value
    message = f"`{scheme}` never uses TLS, and the option `tls` demands it: every attempt fails"
    advice = "remove `tls`"
    if url.scheme is RelayScheme.SMTP_NOTLS:
        advice = f'remove `tls`, or write "{url.replace(scheme=RelayScheme.SMTP_TLS)}"'
    related = (Related(action.tls_span, "demanded here"),) if action.tls_span else ()
    span = inside(word, 0, len(scheme))
    return CONFLICTING_OPTIONS.at(span, message, label="never uses TLS", help=advice, related=related)


def _oddities(table: Table, hops: tuple[_Hop, ...], related: tuple[Related, ...]) -> Iterator[Diagnostic]:
    """Yield what a table of relays says that is understood otherwise, or never asked for."""
    for hop in hops:
        if isinstance(hop.url, RelayUrl):
            for odd in hop.url.oddities:
                span = inside(hop.word, odd.start, odd.end)
                yield SUSPICIOUS_URL.at(span, odd.message, help=_odd_advice(hop.word.text, hop.url), related=related)
    if table.kind is Kind.MAP:
        for entry in table.entries:
            yield from _never_asked(entry, related)


def _never_asked(entry: TableEntry, related: tuple[Related, ...]) -> Iterator[Diagnostic]:
    """Yield that a key of `relay domain` is no domain: it is looked up as it is, without wildcards."""
    key = entry.key
    if "*" in key:
        reason, advice = "compared as they are, without wildcards", "give each domain its own entry"
    elif "@" in key:
        reason, advice = "domains, without a user", f'write "{key.rpartition("@")[2]}"'
    else:
        return
    message = f'no recipient has the domain "{key}": the keys of `relay domain` are {reason}'
    yield IMPOSSIBLE_PATTERN.at(entry_span(entry), message, help=advice, related=related)
