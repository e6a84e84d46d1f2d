"""Pass 1b: which generation of the language a configuration is written in.

    Expanded  ->  Dialect, or None

A statement tells by its first word, and no word is reserved here: `match` and `action`
are the language of 6.4 and later, `accept` and `expire` the one before, `listen` says
nothing.  Only a file without such statements is judged by the options it uses.

    # smtpdsl: dialect legacy           as the first line, decides without looking

Reports `mixed-dialects` and `ancient-dialect`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from smtpdsl.compiler.expand import Expanded
from smtpdsl.compiler.raw_tokens import RawToken, tokens_of
from smtpdsl.compiler.tables import facts
from smtpdsl.diagnostics.codes import ANCIENT_DIALECT, MIXED_DIALECTS, SYNTAX_ERROR
from smtpdsl.diagnostics.diagnostic import Related, Report
from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.ir.syntax import Dialect

_NAMES = {"modern": Dialect.MODERN, "legacy": Dialect.LEGACY}
# Statements of 5.2 and older, which no grammar of ours has.
_ANCIENT_HEADS = frozenset({"hostname", "map", "size"})
# Options that only one generation has.
_OPTIONS = {
    "certificate": Dialect.LEGACY,
    "dhparams": Dialect.LEGACY,
    "dsn-notify": Dialect.LEGACY,
    "dsn-ret": Dialect.LEGACY,
    "mask-source": Dialect.LEGACY,
    "secure": Dialect.LEGACY,
    "cert": Dialect.MODERN,
    "mask-src": Dialect.MODERN,
    "protocols": Dialect.MODERN,
    "proxy-v1": Dialect.MODERN,
    "proxy-v2": Dialect.MODERN,
    "bare-lf": Dialect.MODERN,
    "no-chunking": Dialect.MODERN,
    "xclient": Dialect.MODERN,
}
_FILTER_KINDS = frozenset({"phase", "proc", "proc-exec"})


class _Head(NamedTuple):
    """The first word of a statement, and where it stands."""

    word: str
    start: int

    def span(self, source: Source) -> Span:
        return Span(source, self.start, self.start + len(self.word))


def detect_dialect(text: Expanded, report: Report, forced: Dialect | None = None) -> Dialect | None:
    """Return the dialect of *text*; None, and a finding, if it is none or both.

    *forced* is what the command line says; it holds against everything in the text.
    """
    wanted = forced or _directive(text, report)
    if wanted is not None:
        return wanted
    first: dict[Dialect, _Head] = {}
    ancient: list[_Head] = []
    for head in _heads(text):
        if (dialect := _decided(text.source.text, head)) is not None:
            first.setdefault(dialect, head)
            if len(first) > 1:
                _report_mixed(text.source, first, report)
                return None
        elif head.word in _ANCIENT_HEADS:
            ancient.append(head)
    if ancient and Dialect.MODERN not in first:
        _report_ancient(ancient[0].span(text.source), report)
        return None
    return next(iter(first), None) or _by_options(text)


def _directive(text: Expanded, report: Report) -> Dialect | None:
    """Return what the first line of the first file asks for."""
    source = text.files[0]
    found = re.match("\ufeff?#[ \t]*smtpdsl:[ \t]*dialect\\b[ \t]*([^ \t\r\n]*)", source.text)
    if found is None:
        return None
    if (dialect := _NAMES.get(found[1])) is None:
        report(
            SYNTAX_ERROR.at(
                Span(source, found.start(1), found.end(1)),
                f'no dialect is named "{found[1]}"' if found[1] else "this comment does not say which dialect",
                help="write `modern` for 6.4 and later, `legacy` for 5.3 to 6.3",
            )
        )
    return dialect


_WORD = re.compile(r"[a-z0-9-]+(?![^\s{}<>!=#,()])(?![ \t]*=)")


def _heads(text: Expanded) -> Iterator[_Head]:
    """Yield the statements that begin with a bare word and define no macro."""
    previous = ""
    for start in text.heads:
        found = _WORD.match(text.source.text, start)
        if found is None:
            continue
        word = found.group()
        # An indented `reject` after an unfinished rule has lost the backslash before it.
        if not (word == "reject" and previous == "match" and text.source.text[start - 1 : start] in {" ", "\t"}):
            yield _Head(word, start)
        previous = word


def _decided(text: str, head: _Head) -> Dialect | None:
    """Return the one dialect that has the statement of *head*, if it says so at once."""
    kinds = [dialect for dialect in Dialect if head.word in facts().heads[dialect]]
    if len(kinds) == 1:
        return kinds[0]
    words = [token.text for token in islice(_statement(text, head.start), 4)]
    if words[:2] == ["queue", "ttl"] or (words[:1] == ["filter"] and _is_modern_filter(words)):
        return Dialect.MODERN
    return None


def _is_modern_filter(words: list[str]) -> bool:
    return bool(_FILTER_KINDS.intersection(words[2:3])) or words[2:4] == ["chain", "{"]


def _by_options(text: Expanded) -> Dialect:
    """Judge statements that both languages have by what is in them; the modern one if that does not tell."""
    found: set[Dialect] = set()
    for head in _heads(text):
        words = [token.text for token in _statement(text.source.text, head.start)]
        found.update(_OPTIONS[word] for word in words[1:] if word in _OPTIONS)
        if words[:2] == ["queue", "encryption"] and len(words) > 2:  # noqa: PLR2004 - with a key
            found.add(Dialect.LEGACY if words[2] == "key" else Dialect.MODERN)
        if words[:1] == ["filter"] and len(words) > 2:  # noqa: PLR2004 - a name and a program
            found.add(Dialect.LEGACY)
    return found.pop() if len(found) == 1 else Dialect.MODERN


def _statement(text: str, start: int) -> Iterator[RawToken]:
    """Yield the tokens of the statement at *start*."""
    is_in_braces = False
    for token in tokens_of(text, start):
        if token.kind == "NL" and not is_in_braces:
            return
        if token.text in {"{", "}"}:
            is_in_braces = token.text == "{"
        if token.kind not in {"BLANK", "COMMENT", "NL"}:
            yield token


def _report_mixed(source: Source, first: dict[Dialect, _Head], report: Report) -> None:
    # The hints know what the older word is called now.
    from smtpdsl.compiler.hints.old_words import renamed_statement  # noqa: PLC0415 - few files need it

    (earlier, head), (later, other) = first.items()
    old = first[Dialect.LEGACY]
    renamed = renamed_statement(old.word, old.span(source), Dialect.MODERN)
    report(
        MIXED_DIALECTS.at(
            other.span(source),
            f"`{other.word}` is the language of {later.value}, and `{head.word}` above the one of {earlier.value}",
            label=f"of {later.value}",
            related=(Related(head.span(source), f"of {earlier.value}"),),
            notes=(f"`{old.word}` is {renamed.help}",) if renamed else (),
            help="write the whole file in one of them",
        )
    )


def _report_ancient(span: Span, report: Report) -> None:
    report(
        ANCIENT_DIALECT.at(
            span,
            f"`{span.text}` is the language of OpenSMTPD 5.2 and older",
            label="begins no statement since 5.3",
            help="rewrite the file: since 5.3 there are tables instead of maps, since 6.4 actions and rules",
        )
    )
