"""Filters of 5.x in modern terms."""

from __future__ import annotations

import pytest

from tests.compiler.legacy.translated import translated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("filter f dnsbl", "filter f proc-exec filter-dnsbl"),
        ('filter f dnsbl "-h" list.example "a b"', "filter f proc-exec \"filter-dnsbl -h list.example 'a b'\""),
        ('filter f "/opt/filter-x"', 'filter f proc-exec "/opt/filter-x"'),
    ],
)
def test_program_keeps_its_name_and_must_be_replaced(text: str, expected: str) -> None:
    """The declaration stays, so that its users are right, with a warning about the program."""
    found = translated(text + "\n")
    assert found.lines == [expected]
    assert [each.code.name for each in found.findings] == ["legacy-leftover"]
    assert not found.has_errors


@pytest.mark.parametrize("text", ["filter c chain a b", "filterchain c a b"])
def test_chain_is_a_chain(text: str) -> None:
    """Both ways to write a chain become the one of today."""
    found = translated(text + "\n")
    assert found.lines == ["filter c chain { a, b }"]
    assert found.codes == []


def test_chains_in_chains_are_unfolded() -> None:
    """A chain lists filters only, each once and in the order in which they ran."""
    found = translated("filter a chain b x c\nfilter b chain y c\nfilter c chain z x\n")
    assert found.lines[0] == "filter a chain { y, z, x }"
    assert found.codes == []


def test_chain_that_contains_itself_is_an_error() -> None:
    """However many chains lie between, each of them is told so once."""
    found = translated("filter a chain x b\nfilter b chain a\n")
    assert [each.message for each in found.findings] == [
        'filter chain "a" contains itself',
        'filter chain "b" contains itself',
    ]
    assert found.has_errors


def test_deep_chains_are_unfolded_in_no_time() -> None:
    """Chains that name two chains each do not grow without bound."""
    text = "".join(f"filter c{n} chain c{n + 1} d{n + 1}\nfilter d{n} chain d{n + 1} c{n + 1}\n" for n in range(60))
    assert translated(text).lines[0] == "filter c0 chain { c60, d60 }"


def test_enqueuer_filter_is_one_of_the_socket() -> None:
    """`enqueuer filter` filters what the local socket takes."""
    assert translated("enqueuer filter f\n").lines == ["listen on socket filter f"]
