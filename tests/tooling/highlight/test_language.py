"""What the templates are told about the language."""

from __future__ import annotations

import re

import pytest

from smtpdsl.ir.quantity import parse_size, parse_time
from smtpdsl.tooling.highlight.language import language
from smtpdsl.tooling.highlight.regex_engines import PYTHON, print_regex
from smtpdsl.tooling.highlight.regex_tree import Tree


def matches(tree: Tree, text: str) -> bool:
    """Whether *tree* matches all of *text*."""
    return re.fullmatch(print_regex(tree, PYTHON), text) is not None


def test_tokens() -> None:
    """As the grammar has them."""
    assert matches(language().word, "mail-from.x$y")
    assert matches(language().word, "a\\\nb")
    assert not matches(language().word, "-a")
    assert matches(language().word_inside, "-")
    assert not matches(language().word_inside, "#")
    assert matches(language().reference, "$if_1")
    assert matches(language().number_itself, "-25")
    assert matches(language().after_number, ",")


def test_delimited_tokens() -> None:
    """Each begins with a sign, and something in it does not end it."""
    double, single = language().strings

    assert (double.opening, single.opening, language().comment.opening) == ('"', "'", "#")
    assert matches(double.escape, '\\"')
    assert not matches(double.escape, "\\'")
    assert matches(single.escape, "\\'")
    assert matches(language().comment.escape, "\\\n")
    assert matches(double.whole, r'"a \" \\\""')
    assert matches(language().comment.whole, "# a \\\n b")


@pytest.mark.parametrize("text", ["35M", "1.5G", "35m", "4096k"])
def test_sizes(text: str) -> None:
    """What can be read as a size has the colour of a number."""
    assert parse_size(text) >= 0
    assert matches(language().quantity, text)


@pytest.mark.parametrize("text", ["4d", "90s", "2h", "15m"])
def test_times(text: str) -> None:
    """What can be read as a time too."""
    assert parse_time(text) >= 0
    assert matches(language().quantity, text)


@pytest.mark.parametrize(
    ("line", "is_evidence"),
    [
        ('action "in" maildir', True),
        ("accept from", True),
        ("pki mail.example.org cert", True),
        ("filter x phase", True),
        # Others have these too.
        ("listen on lo", False),
        ("match from", False),
        ("table x file:/y", False),
        ("queue compression", False),
        ("include x", False),
    ],
)
def test_evidence(line: str, *, is_evidence: bool) -> None:
    """Some lines tell what the file is, and some do not."""
    assert matches(language().evidence, line) is is_evidence
