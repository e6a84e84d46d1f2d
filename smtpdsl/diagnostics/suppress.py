r"""Comments that silence findings: ``# smtpdsl: allow open-relay -- the lab has no way out``.

    # smtpdsl: allow unused-table -- filled in by the installer     before the first statement: for the whole file

    match from any for any action "out"  # smtpdsl: allow open-relay -- the lab has no way out

    # smtpdsl: allow open-relay, unreachable-match -- until the move is over
    match from any \
        for any action "out"                                       alone before a statement: for all its lines

A comment behind something holds for its own line.  One that stands alone holds for the
next line that is no comment itself, and for the rest of a statement that begins there.

Errors stay: they keep the server from starting, and silence would not make it start.
A suppression must earn its place, so one that silences nothing is a finding too.  That
is not judged while there are errors, because after one some passes do not look at all.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from smtpdsl.diagnostics.arrange import place
from smtpdsl.diagnostics.codes import CODES, UNKNOWN_CODE, UNUSED_SUPPRESSION
from smtpdsl.diagnostics.diagnostic import Fix, Related, Severity
from smtpdsl.diagnostics.span import Span
from smtpdsl.diagnostics.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from smtpdsl.diagnostics.diagnostic import Diagnostic
    from smtpdsl.diagnostics.span import Source

    StatementStart = Callable[[Span], int]

_DIRECTIVE_MARK = "smtpdsl:"
_KEYWORD = "allow"
# What other tools call the same.
_MEANING_ALLOW = {"disable", "ignore", "silence", "suppress", "noqa"}
# What the suppression comments themselves are criticised for; allowed in a second step.
_OWN_CODES = {UNKNOWN_CODE.name, UNUSED_SUPPRESSION.name}


class _Scope(NamedTuple):
    """Where a comment holds: in all of *file*, on its own line, or for what begins on the *next* one too."""

    file: str
    is_whole_file: bool
    line: int
    next: int | None  # None for a comment behind something

    def holds_for(self, span: Span, statement_start: StatementStart) -> bool:
        """Whether a finding at *span*, which is a written one, lies in this scope."""
        if span.source.name != self.file:
            return False
        if self.is_whole_file:
            return True
        first = span.source.position(span.start).line
        if first <= self.line <= span.source.position(max(span.start, span.end - 1)).line:
            return True
        return self.next is not None and self.next in {first, statement_start(span)}

    def __str__(self) -> str:
        return "in this file" if self.is_whole_file else "on this line" if self.next is None else "in what follows"


class _Allowance(NamedTuple):
    """One code that a comment allows: where it is written, where it holds, and how to take it out."""

    code: str
    word: Span
    scope: _Scope
    removal: Fix


def suppress(
    diagnostics: Iterable[Diagnostic],
    comments: Iterable[Span],
    first_statement: Mapping[Source, int],
    statement_start: StatementStart | None = None,
) -> list[Diagnostic]:
    """Return *diagnostics* without those that a comment allows, and with what is wrong with such comments.

    Args:
        diagnostics: The findings of all passes.
        comments: Every comment of the files, from its ``#`` to the end of the line.
        first_statement: For each file, the offset of its first statement; a file that is
            absent has none.
        statement_start: The line on which the statement around a written span begins;
            without it every line stands for itself.
    """
    found = list(diagnostics)
    begins = {source.name: offset for source, offset in first_statement.items()}
    allowances, complaints = _read(comments, begins)
    usual = [each for each in allowances if each.code not in _OWN_CODES]
    own = [each for each in allowances if each.code in _OWN_CODES]
    start = statement_start or _first_line
    may_judge = all(each.severity is not Severity.ERROR for each in found)
    kept, about_usual = _allow(found, usual, start, may_judge=may_judge)
    kept_complaints, about_own = _allow([*complaints, *about_usual], own, start, may_judge=may_judge)
    return [*kept, *kept_complaints, *about_own]


def _allow(
    diagnostics: Iterable[Diagnostic], allowances: Iterable[_Allowance], start: StatementStart, *, may_judge: bool
) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """Return what *allowances* leave of *diagnostics*, and what is wrong with the allowances."""
    by_code: dict[str, list[_Allowance]] = {}
    for allowance in allowances:
        by_code.setdefault(allowance.code, []).append(allowance)
    kept: list[Diagnostic] = []
    useful: set[Span] = set()
    refused: dict[Span, Diagnostic] = {}
    for found in diagnostics:
        span = found.span.written().span
        holding = [each for each in by_code.get(found.code.name, ()) if each.scope.holds_for(span, start)]
        if holding and found.severity is not Severity.ERROR:
            useful.update(each.word for each in holding)
            continue
        kept.append(found)
        for each in holding:
            refused.setdefault(each.word, found)
    complaints: list[Diagnostic] = []
    for each in (each for same in by_code.values() for each in same):
        if each.word in refused:
            complaints.append(_refusal(each, refused[each.word]))
        elif may_judge and each.word not in useful:
            complaints.append(_unused(each))
    return kept, complaints


def _read(comments: Iterable[Span], begins: Mapping[str, int]) -> tuple[list[_Allowance], list[Diagnostic]]:
    """Find the suppressions in *comments*; *begins* is where the first statement of each file is."""
    distinct = list({place(comment): comment for comment in comments}.values())  # a file may be included twice
    alone = {(comment.source.name, _first_line(comment)) for comment in distinct if _stands_alone(comment)}
    allowances: list[_Allowance] = []
    complaints: list[Diagnostic] = []
    for comment in distinct:
        directive = _DIRECTIVE_MARK in comment.text and _directive().match(comment.text)
        if not directive:
            continue
        start, end = directive.span("codes")
        words = [
            Span(comment.source, comment.start + start + word.start(), comment.start + start + word.end())
            for word in _word().finditer(comment.text[start:end])
        ]
        if directive["verb"] != _KEYWORD or not words:
            complaints += _misspelt(comment, directive["verb"])
            continue
        scope = _scope(comment, alone, begins.get(comment.source.name))
        for index, word in enumerate(words):
            if word.text in CODES:
                allowances.append(_Allowance(word.text, word, scope, _removal(comment, words, index)))
            else:
                complaints.append(_unknown(word))
    return allowances, complaints


def _scope(comment: Span, alone: Container[tuple[str, int]], begin: int | None) -> _Scope:
    """Tell where *comment* holds, by its place among the lines that are *alone* comments and the statements."""
    file, line = comment.source.name, _first_line(comment)
    if (file, line) not in alone:
        return _Scope(file, is_whole_file=False, line=line, next=None)
    following = comment.source.position(comment.end).line + 1
    while (file, following) in alone:
        following += 1
    return _Scope(file, is_whole_file=begin is None or comment.start < begin, line=line, next=following)


def _removal(comment: Span, words: Sequence[Span], index: int) -> Fix:
    """Take one of *words* out of *comment*, or with the only one the comment, and its line if nothing else is there.

    Not safe: under another `--target` the same comment may be needed.
    """
    if len(words) > 1:
        following = words[index + 1].start if index + 1 < len(words) else words[index].end
        before = words[index].start if index + 1 < len(words) else words[index - 1].end
        return Fix.replacing(Span(comment.source, before, following), "")
    text = comment.source.text
    line_start = comment.source.line_starts[_first_line(comment) - 1]
    before = line_start + len(text[line_start : comment.start].rstrip())
    is_whole_line = before == line_start and text[comment.end : comment.end + 1] == "\n"
    return Fix.replacing(Span(comment.source, before, comment.end + is_whole_line), "")


def _unknown(word: Span) -> Diagnostic:
    near = nearest(word.text, CODES)
    return UNKNOWN_CODE.at(
        word,
        f'no finding has the code "{word.text}"',
        label="allows nothing",
        help=f"write `{near}`" if near else "copy the code from the brackets of the finding",
        fix=Fix.replacing(word, near) if near else None,
    )


def _misspelt(comment: Span, verb: str) -> Iterator[Diagnostic]:
    """Complain of a suppression without codes, or one with another keyword; other comments are not ours."""
    help_ = "write `# smtpdsl: allow CODE -- reason`"
    if verb == _KEYWORD:
        yield UNUSED_SUPPRESSION.at(comment, "this comment does not say which code it allows", help=help_)
    elif verb in _MEANING_ALLOW or nearest(verb, [_KEYWORD]):
        yield UNUSED_SUPPRESSION.at(comment, f'expected `{_KEYWORD}`, found "{verb}"', help=help_)


def _refusal(allowance: _Allowance, error: Diagnostic) -> Diagnostic:
    return UNUSED_SUPPRESSION.at(
        allowance.word,
        f"`{allowance.code}` is an error here, and errors cannot be allowed",
        label="has no effect",
        related=(Related(error.span, "the error is here"),),
        notes=("an error keeps the server from starting, with or without this comment",),
    )


def _unused(allowance: _Allowance) -> Diagnostic:
    return UNUSED_SUPPRESSION.at(
        allowance.word,
        f"`{allowance.code}` is not found {allowance.scope}",
        label="silences nothing",
        help="remove it",
        fix=allowance.removal,
    )


def _first_line(span: Span) -> int:
    return span.source.position(span.start).line


def _stands_alone(comment: Span) -> bool:
    """Whether only blanks precede *comment* on its line."""
    line, column = comment.source.position(comment.start)
    return not comment.source.line(line)[: column - 1].strip()


@cache
def _directive() -> re.Pattern[str]:
    # MULTILINE: a comment that a backslash carries over to the next line is read up to there.
    return re.compile(
        rf"#+[ \t]*{_DIRECTIVE_MARK}[ \t]*(?P<verb>[^\s,]*)(?P<codes>.*?)(?:[ \t]--(?:[ \t].*)?)?$", re.MULTILINE
    )


@cache
def _word() -> re.Pattern[str]:
    return re.compile(r"[^\s,]+")
