"""Which words a statement has, and what they are in it."""

from __future__ import annotations

import pytest

from smtpdsl.compiler.tables import facts
from smtpdsl.ir.syntax import Dialect
from smtpdsl.tooling.highlight.words import Statement, reserved_words, statements

KNOWN = {statement.head: statement for statement in statements()}
BOTH = (Dialect.MODERN, Dialect.LEGACY)


def words(statement: Statement) -> set[str]:
    """Return all words of *statement*."""
    return {statement.head, *statement.options, *statement.values}


@pytest.mark.parametrize("dialect", Dialect)
def test_no_keyword_is_missing(dialect: Dialect) -> None:
    """A keyword belongs to a statement, or to none and then it is reserved."""
    used = set().union(*(words(each) for each in KNOWN.values() if dialect in each.dialects))

    assert facts().keywords[dialect] - used <= facts().never_names[dialect]
    assert {each.head for each in KNOWN.values() if dialect in each.dialects} == facts().heads[dialect]


@pytest.mark.parametrize(
    ("head", "options", "values"),
    [
        ("match", {"from", "for", "domain", "auth", "regex", "action", "reject"}, {"any", "local", "socket"}),
        ("listen", {"on", "port", "tls", "smtps", "mask-source"}, {"socket", "verify", "headers", "disable"}),
        ("action", {"maildir", "relay", "alias", "mx"}, {"no-verify"}),
        ("filter", {"phase", "chain", "proc-exec", "rdns"}, {"connect", "commit", "data"}),
        ("accept", {"deliver", "to", "relay", "via", "as"}, {"any", "local"}),
        ("queue", {"compression", "encryption", "key", "ttl"}, set()),
        ("table", set(), set()),
    ],
)
def test_what_words_are(head: str, options: set[str], values: set[str]) -> None:
    """A value stands only directly behind another keyword, and nothing follows that belongs to it."""
    assert options <= set(KNOWN[head].options)
    assert values <= set(KNOWN[head].values)
    assert not set(KNOWN[head].options) & set(KNOWN[head].values)


@pytest.mark.parametrize(
    ("head", "dialects", "is_named", "openings"),
    [
        ("action", (Dialect.MODERN,), True, {"maildir", "relay", "forward-only"}),
        ("accept", (Dialect.LEGACY,), False, {"from", "for", "tagged"}),
        ("pki", BOTH, True, {"cert", "certificate", "key"}),
        ("listen", BOTH, False, {"on"}),
        ("table", BOTH, True, set()),
    ],
)
def test_how_statements_begin(head: str, dialects: tuple[Dialect, ...], *, is_named: bool, openings: set[str]) -> None:
    """With a keyword, or with a name and then a keyword."""
    assert KNOWN[head].dialects == dialects
    assert KNOWN[head].is_named is is_named
    assert openings <= set(KNOWN[head].openings)
    assert bool(openings) is bool(KNOWN[head].openings)


def test_reserved_words() -> None:
    """What both languages have is reserved if neither has a name for it."""
    assert {"local", "relay", "tls"} <= reserved_words(BOTH)
    assert "action" in reserved_words((Dialect.MODERN,)) - reserved_words(BOTH)
    assert "accept" in reserved_words((Dialect.LEGACY,)) - reserved_words(BOTH)
    # Came and went.
    assert "secure" not in reserved_words((Dialect.LEGACY,))
