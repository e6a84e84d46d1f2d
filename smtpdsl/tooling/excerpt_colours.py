"""The colours of the language for the excerpts of diagnostics, on a terminal.

    listen on $if tls       ->   keyword, option, reference, option

This is the adapter to Pygments, which comes with the extra `highlight`: without it the lines
stay plain, and nothing else changes.  Importing it and the first look at a file take 15 ms,
and 100 KB of text take 60 ms more; only who looks at findings on a terminal waits for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from smtpdsl.diagnostics import excerpt
from smtpdsl.diagnostics.span import Source

if TYPE_CHECKING:
    from smtpdsl.diagnostics.excerpt import Colours

# A longer text would be waited for.
_MAX_CHARACTERS = 256 * 1024

INSTALL = "pip install 'smtpdsl[highlight]'"
"""What gets Pygments."""


def has_pygments() -> bool:
    """Whether Pygments is installed."""
    return find_spec("pygments") is not None


def excerpt_colours(files: Iterable[Source]) -> Colours | None:
    """Return the styles of the lines of *files*, which are configurations; None without Pygments."""
    if not has_pygments():
        return None
    known: dict[Source, Sequence[str]] = {}
    sources = {file for file in files if len(file.text) <= _MAX_CHARACTERS}

    def line_styles(source: Source, number: int) -> Sequence[str]:
        if source not in sources:
            return ()
        if source not in known:
            known[source] = _styles(source.text)
        start = source.line_starts[number - 1]
        return known[source][start : start + len(source.line(number))]

    return line_styles


def _styles(text: str) -> Sequence[str]:
    """Return the style of each character of *text*."""
    # Not at the top: without the extra, this module can still be imported.
    from pygments.token import Comment, Keyword, Name, Number, String  # noqa: PLC0415

    from smtpdsl.tooling.pygments_lexer import SmtpdConfLexer  # noqa: PLC0415

    styles_of = {
        Keyword: excerpt.KEYWORD,
        Keyword.Constant: excerpt.VALUE,
        Name.Attribute: excerpt.OPTION,
        Name.Variable: excerpt.REFERENCE,
        Name.Class: excerpt.TABLE,
        Number: excerpt.NUMBER,
        String.Single: excerpt.STRING,
        String.Double: excerpt.STRING,
        String.Escape: excerpt.STRING,
        Comment.Single: excerpt.COMMENT,
    }
    styles: list[str] = []
    for _, kind, token in SmtpdConfLexer().get_tokens_unprocessed(text):
        styles += [styles_of.get(kind, "")] * len(token)
    return styles
