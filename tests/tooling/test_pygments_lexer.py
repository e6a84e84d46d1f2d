"""The Pygments lexer, as Pygments finds it."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from pygments.lexer import Lexer

from smtpdsl.compiler.tables import facts
from smtpdsl.ir.syntax import Dialect
from smtpdsl.tooling.pygments_lexer import SmtpdConfLexer

ROOT = Path(__file__).parent.parent.parent
WORDS = sorted(facts().keywords[Dialect.MODERN] | facts().keywords[Dialect.LEGACY])
PIECES = st.sampled_from([*WORDS, *"\"'#\\\n \t{}<>=!,$a-1/é", "=>", "$if", "25", "4h"])


def test_it_is_registered() -> None:
    """Whoever installs the package has it under the name that our documents use."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (entry,) = project["entry-points"]["pygments.lexers"].values()
    module, name = entry.split(":")
    lexer = getattr(importlib.import_module(module), name)

    assert issubclass(lexer, Lexer)
    assert "smtpd.conf" in lexer.aliases
    assert {"smtpd.conf", "smtpd.conf.*", "*.smtpd.conf"} == set(lexer.filenames)


def test_tokens() -> None:
    """What a document gets, without the blanks."""
    tokens = SmtpdConfLexer().get_tokens('listen on $if tls # x\nmatch from any for domain <d> action "a"\nx = 25')

    assert [(str(kind).removeprefix("Token."), text) for kind, text in tokens if text.strip()] == [
        ("Keyword", "listen"),
        ("Name.Attribute", "on"),
        ("Name.Variable", "$if"),
        ("Name.Attribute", "tls"),
        ("Comment.Single", "# x"),
        ("Keyword", "match"),
        ("Name.Attribute", "from"),
        ("Keyword.Constant", "any"),
        ("Name.Attribute", "for"),
        ("Name.Attribute", "domain"),
        ("Name.Class", "<"),
        ("Name.Class", "d"),
        ("Name.Class", ">"),
        ("Name.Attribute", "action"),
        ("Literal.String.Double", '"a"'),
        ("Name.Variable", "x"),
        ("Operator", "="),
        ("Literal.Number", "25"),
    ]


@given(pieces=st.lists(PIECES, max_size=40))
def test_nothing_is_lost(pieces: list[str]) -> None:
    """The tokens of any text, put together, are the text."""
    text = "".join(pieces)
    tokens = list(SmtpdConfLexer().get_tokens_unprocessed(text))

    assert "".join(token for _, _, token in tokens) == text
    assert all(text.startswith(token, start) for start, _, token in tokens)
    assert all(token for _, _, token in tokens)
