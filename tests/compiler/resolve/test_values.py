"""Values: the caret stands on the characters that are wrong, however the word is written."""

from __future__ import annotations

import pytest

from smtpdsl.compiler.resolve.values import inside
from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.ir.syntax import Word
from tests.worlds import compile_text, pointed_at

RULE = 'action "in" mbox\nmatch from local for local action "in"\n'


@pytest.mark.parametrize(
    ("written", "text", "start", "end", "expected"),
    [
        ("host.example", "host.example", 5, 12, "example"),
        ('"host.example"', "host.example", 5, 12, "example"),
        ("'host.example'", "host.example", 0, 4, "host"),
        ('"a\\ b"', "a b", 2, 3, "b"),
        ('"a\\"b"', 'a"b', 0, 1, "a"),
        ('"a\\"b"', 'a"b', 1, 3, '"b'),
        ('"a\nb"', "ab", 1, 2, "b"),
        ("$macro", "value", 1, 2, "$macro"),
    ],
)
def test_characters_inside_a_word(written: str, text: str, start: int, end: int, expected: str) -> None:
    """Quotes and what fell out between them are counted; a word that says something else is pointed at as a whole."""
    source = Source("smtpd.conf", f"x {written} y")
    word = Word(span=Span(source, 2, 2 + len(written)), text=text)

    assert inside(word, start, end).text == expected


@pytest.mark.parametrize(
    ("text", "pointed"),
    [
        ("queue ttl 4w", "w"),
        ('queue ttl "4w"', "w"),
        ('x = "4w"\nqueue ttl $x', "w"),
        ("smtp max-message-size 35MB", "B"),
        ("smtp max-message-size -1", "-1"),
        ("bounce warn-interval 1h, 2x", "x"),
        ('action "x" relay ttl 1d2h\nmatch for any action "x"', "2h"),
    ],
)
def test_the_caret_is_on_what_is_wrong(text: str, pointed: str) -> None:
    """A time or a size is wrong at a character, not as a whole."""
    (found,) = [each for each in compile_text(RULE + text + "\n").findings if each.code.name == "unusable-value"]

    assert found.span.source.text[found.span.start : found.span.end] in {pointed, "$x"}
    assert pointed_at(found) in {pointed, "$x"}
