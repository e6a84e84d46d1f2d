"""Host names as the language writes them."""

from __future__ import annotations

import pytest

from smtpdsl.ir.host_name import host_name_problem


@pytest.mark.parametrize(
    "name",
    ["example.org", "MX1", "a_b.example", "_srv.example", "1.2.3.4", "x" * 63, ".".join(["a" * 49] * 5) + ".xyz"],
)
def test_host_names_are_dotted_labels(name: str) -> None:
    """Letters, digits, hyphens and underscores, in labels up to 63 and 253 characters in all."""
    assert host_name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("", "found nothing"),
        ("*", 'found "*"'),
        ("*.example.org", 'found "*"'),
        ("mail example", 'found " "'),
        ("müller.example", 'found "ü"'),
        ("[::1]", 'found "["'),
        (".example.org", "every dot"),
        ("example.org.", "every dot"),
        ("example..org", "every dot"),
        ("-mx.example", '"-mx"'),
        ("mx-.example", '"mx-"'),
        ("x" * 64, "has 64"),
        (".".join(["a" * 49] * 5) + ".wxyz", "found 254"),
    ],
)
def test_what_is_no_host_name_is_named(name: str, part: str) -> None:
    """The problem says which rule of host names is broken, and by what."""
    problem = host_name_problem(name)

    assert problem is not None
    assert part in problem
    assert problem[0].islower()


def test_a_star_stands_for_every_name_where_it_may() -> None:
    """Names of pki and ca entries may be a star; it is not a pattern."""
    assert host_name_problem("*", wildcard=True) is None
    assert host_name_problem("*.example.org", wildcard=True) is not None
