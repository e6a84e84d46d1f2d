"""Which of several certificates a client gets."""

from __future__ import annotations

import pytest

from smtpdsl.runtime.net.tls_names import Names

NAMES = Names(
    [
        ("star", ("*.example.org",), "mail"),
        ("exact", ("mx.example.org", "MX.Example.NET"), "other.test"),
        ("late", ("mx.example.org", "*.example.org", "late.test"), "late"),
        ("nobody", (), "only.pki.test"),
    ]
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("mx.example.org", "exact"),
        ("Mx.Example.Org", "exact"),
        ("mx.example.org.", "exact"),
        ("mx.example.net", "exact"),
        ("imap.example.org", "star"),
        ("example.org", None),
        ("a.b.example.org", None),
        (".example.org", None),
        ("*.example.org", "star"),
        ("late.test", "late"),
        ("other.test", "exact"),
        ("only.pki.test", "nobody"),
        ("mail", "star"),
        ("", None),
        (".", None),
        ("unknown.test", None),
    ],
)
def test_a_certificate_is_found_by_name(name: str, found: str | None) -> None:
    """A name inside of it, then a star for one label (RFC 6125 §6.4.3), then the name of its `pki`."""
    assert NAMES.find(name) == found
