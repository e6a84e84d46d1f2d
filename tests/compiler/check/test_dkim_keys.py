"""Keys of `dkim-sign`: present, safe, of a kind that signs, and long enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.mail.dkim_key import new_key
from tests.certificates import make_pair, rsa_key
from tests.checking import check_text, shown

TEXT = """dkim-sign "s2026._domainkey.example.org" key "/etc/dkim.key"
action "out" relay
match from local for any action "out"
listen on lo
"""
KEY = "'\"/etc/dkim.key\"'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (new_key().decode(), []),
        (new_key(is_ed25519=True).decode(), []),
        (rsa_key(1024), [f"1:46 warning weak-key {KEY}"]),
        (make_pair("example.org").key, [f"1:46 error unusable-certificate {KEY}"]),
        ("rubbish", [f"1:46 error unusable-certificate {KEY}"]),
    ],
)
def test_a_key_is_one_that_others_believe(tmp_path: Path, text: str, expected: list[str]) -> None:
    """At the path that is written."""
    assert shown(check_text(TEXT, tmp_path, {"/etc/dkim.key": text})) == expected


def test_a_key_has_to_be_there(tmp_path: Path) -> None:
    """Unless nothing of this machine is looked at."""
    assert shown(check_text(TEXT, tmp_path)) == [f"1:46 error unusable-certificate {KEY}"]
    assert shown(check_text(TEXT, tmp_path, options=["--static"])) == []


def test_a_key_is_kept_from_others(tmp_path: Path) -> None:
    """As those of certificates are; on a test bed that is a warning."""
    check_text(TEXT, tmp_path, {"/etc/dkim.key": new_key().decode()})
    (tmp_path / "etc/dkim.key").chmod(0o644)

    assert shown(check_text(TEXT, tmp_path)) == [f"1:46 warning unsafe-file {KEY}"]
