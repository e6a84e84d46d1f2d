"""A sample is what the expression is looking for."""

from __future__ import annotations

import pytest

from smtpdsl.analysis.regex_samples import samples
from smtpdsl.ir.regex import compile_regex


@pytest.mark.parametrize(
    "pattern",
    [
        r"^mx[0-9]+\.example\.org$", "spam", "a|b|c", "^[^a-c]$", r"(x|y)+z{2,3}", r"\.dyn\.", "a?b*",
        r"^\d+\.\w+$", "[[:alpha:]]@",
        ".",
    ],
)  # fmt: skip
def test_a_sample_matches(pattern: str) -> None:
    """And there is one."""
    found = samples(pattern)

    assert found
    assert all(compile_regex(pattern).matches(each) for each in found)


def test_alternatives_have_one_each() -> None:
    """So that no case is forgotten."""
    assert samples("^(mx|mail)[0-9]$") == ["mx0", "mail0"]


@pytest.mark.parametrize("pattern", ["[", "(", "a{9,1}"])
def test_what_is_no_expression_has_none(pattern: str) -> None:
    """It matches nothing."""
    assert samples(pattern) == []
