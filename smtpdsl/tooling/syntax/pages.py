"""The blocks of the manual that are made from the grammar.

    ```syntax smtp limit                    ```words modern
    smtp limit [LIMIT NUMBER …]             action admd alias any …
    ```                                     ```

A block of syntax is named by the words that its forms begin with, after `legacy` in the language
before 6.4; `macro` and `TABLE` are no statements that begin with a word.  A block of words has
those that cannot be names.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from smtpdsl.compiler.tables import facts
from smtpdsl.ir.syntax import Dialect
from smtpdsl.tooling.syntax.expressions import Expression
from smtpdsl.tooling.syntax.forms import forms_of, statement_forms
from smtpdsl.tooling.syntax.text import shown, text_of

_BLOCK = re.compile(r"^```(?P<kind>syntax|words) (?P<name>.+)\n(?P<text>(?:.*\n)*?)```$", re.MULTILINE)
_RULES = {"TABLE": "_table_ref", "macro": "macro", "legacy macro": "macro"}
_LEGACY = "legacy"
_DIALECTS = {"modern": Dialect.MODERN, _LEGACY: Dialect.LEGACY}
_COLUMNS = 100


class UnknownBlockError(Exception):
    """A page asks for a statement that the grammar does not have."""


def renewed(page: str) -> str:
    """Return the text of a page with its blocks as the grammar has them.

    Raises:
        UnknownBlockError: There is nothing of the name of a block.
    """
    return _BLOCK.sub(_renewed_block, page)


def _renewed_block(block: re.Match[str]) -> str:
    kind, name = block["kind"], block["name"]
    text = text_of(forms(name)) if kind == "syntax" else _words(name)
    return f"```{kind} {name}\n{text}```"


def syntax_names(page: str) -> Iterator[str]:
    """Yield the names of the blocks of syntax of a page, in order."""
    return (block["name"] for block in _BLOCK.finditer(page) if block["kind"] == "syntax")


def forms(name: str) -> tuple[Expression, ...]:
    """Return the forms of the block of syntax *name*.

    Raises:
        UnknownBlockError: No statement begins like this.
    """
    if name in _RULES:
        return forms_of(_RULES[name])
    first, _, rest = name.partition(" ")
    dialect, words = (Dialect.LEGACY, rest) if first == _LEGACY else (Dialect.MODERN, name)
    found = tuple(each for each in statement_forms(dialect) if f"{shown(each)} ".startswith(f"{words} "))
    if not found:
        message = f'no statement begins with "{name}"'
        raise UnknownBlockError(message)
    return found


def _words(name: str) -> str:
    if name not in _DIALECTS:
        message = f'no language is called "{name}"'
        raise UnknownBlockError(message)
    words = sorted(facts().never_names[_DIALECTS[name]])
    return textwrap.fill(" ".join(words), _COLUMNS, break_on_hyphens=False) + "\n"
