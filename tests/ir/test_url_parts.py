"""The marks at which a relay URL is cut."""

from __future__ import annotations

from smtpdsl.ir.url_parts import split_url


def test_any_scheme_label_and_port_are_cut() -> None:
    """Whether they make sense together is not asked here."""
    parts = split_url("X+Y://a/b@[::1]:25")

    assert (parts.scheme, parts.label, parts.host, parts.port) == ("x+y", "a/b", "::1", 25)
    assert parts.authority == "a/b@[::1]:25"


def test_the_label_is_where_its_span_says() -> None:
    """An error about a label can point at it."""
    start, end = split_url("tls://ann@mx").label_span

    assert "tls://ann@mx"[start:end] == "ann"
