"""Regular expressions in the syntax of each engine."""

from __future__ import annotations

import pytest

from smtpdsl.tooling.highlight.regex_engines import EMACS, ONIGURUMA, PYTHON, VIM, print_regex
from smtpdsl.tooling.highlight.regex_tree import RegexError, one_of_words, parse_regex


@pytest.mark.parametrize(
    ("pattern", "oniguruma", "vim", "emacs"),
    [
        ("a.b".replace(".", r"\."), r"a\.b", r"a\.b", r"a\.b"),
        ("(?:ab)?c+", "(?:ab)?c+", r"\%(ab\)\=c\+", r"\(?:ab\)?c+"),
        ("a(?:b|c)", "a(?:b|c)", r"a\%(b\|c\)", r"a\(?:b\|c\)"),
        ("a|b", "a|b", r"a\|b", r"a\|b"),
        (r"\$[A-Z_]*", r"\$[A-Z_]*", r"\$[A-Z_]*", r"\$[A-Z_]*"),
        (r"[\s\S]", r"[\s\S]", r"\_.", "\\(?:.\\|\n\\)"),
        (r"\Z", r"\z", r"\%$", r"\'"),
        (r"\/~", r"\/~", r"\/\~", "/~"),
        # Sets: what is special in them differs, and in Vim a newline is no character.
        (r"[-a\]^\\]", r"[\-a\]\^\\]", r"[\-a\]\^\\]", "[]a\\^-]"),
        (r"[&\[]", r"[\&\[]", "[&[]", "[&[]"),
        (r"[^ab]", "[^ab]", r"\_[^ab]", "[^ab]"),
        ("[^a\\n]", r"[^a\n]", "[^a]", "[^a\n]"),
        ("[a\\n]", r"[a\n]", r"\_[a]", "[a\n]"),
    ],
)
def test_engines(pattern: str, oniguruma: str, vim: str, emacs: str) -> None:
    """Each has its own spelling for the same thing."""
    tree = parse_regex(pattern)

    assert print_regex(tree, ONIGURUMA) == oniguruma
    assert print_regex(tree, VIM) == vim
    assert print_regex(tree, EMACS) == emacs


def test_looking_ahead() -> None:
    """Emacs cannot, and is not given something else instead."""
    tree = parse_regex("a(?=b)(?!c)")

    assert print_regex(tree, ONIGURUMA) == "a(?=b)(?!c)"
    assert print_regex(tree, VIM) == r"a\%(b\)\@=\%(c\)\@!"
    with pytest.raises(RegexError):
        print_regex(tree, EMACS)


def test_words() -> None:
    """A hyphen means itself outside a set."""
    assert print_regex(one_of_words(["on", "mask-src"]), PYTHON) == "on|mask-src"
