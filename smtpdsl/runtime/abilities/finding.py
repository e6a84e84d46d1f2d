"""What is said of something that is not served, and where in a statement it stands."""

from __future__ import annotations

import re

from smtpdsl.diagnostics.codes import UNSUPPORTED_FEATURE
from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.diagnostics.span import Span

# QUOTED, COMMENT and WORD of grammar.lark.  Of these only a bare word is ever a keyword.
_TOKENS = re.compile(
    r"""
    "(?:[^"\\]|\\"|\\(?!"))*"
    | '(?:[^'\\]|\\'|\\(?!'))*'
    | \#[^\n]*
    | (?P<word>[A-Za-z0-9:_][^ \t\n(){}<>!=\#,]*)
    """,
    re.VERBOSE,
)
_REFERENCE = re.compile(r"""[ \t]*<[ \t]*(?:"[^"]*"|'[^']*'|[^\s<>"']+)[ \t]*>""")


def unserved(span: Span, what: str, help_text: str, related: tuple[Related, ...] = ()) -> Diagnostic:
    """Say that *what*, in the words of the author, is not served."""
    return UNSUPPORTED_FEATURE.at(span, f"{what} is not served by this version", help=help_text, related=related)


def unserved_word(span: Span, help_text: str, related: tuple[Related, ...] = ()) -> Diagnostic:
    """Say that the option or method whose keyword is at *span* is not served."""
    return unserved(span, f"`{shown(span)}`", help_text, related)


def shown(span: Span) -> str:
    """What stands at *span*, on one line."""
    return " ".join(span.text.split())


def keyword(statement: Span, *words: str, after: str = "") -> Span:
    """Return where the first of *words* that there is stands in *statement*, behind the word *after*.

    A resolved statement does not know where each of its keywords stands, but they are
    reserved, so a bare word of that kind is the one.  All of the statement if there is none.
    """
    source, is_behind = statement.source, not after
    found: dict[str, Span] = {}
    for token in _TOKENS.finditer(source.text, statement.start, statement.end):
        word = token["word"]
        if is_behind and word in words:
            found.setdefault(word, Span(source, *token.span()))
        is_behind = is_behind or word == after
    return next((found[word] for word in words if word in found), statement)


def with_reference(place: Span) -> Span:
    """Return the keyword at *place* together with the ``<name>`` behind it, if there is one."""
    found = _REFERENCE.match(place.source.text, place.end)
    return Span(place.source, place.start, found.end()) if found else place
