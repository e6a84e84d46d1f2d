"""Settings that mean little without another one: issuers of tokens, and backup keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checking import check_text, shown

PKI = 'pki mail cert "/c" key "/k"\n'
LOGINS = "listen on eth0 smtps pki mail auth\n"
NO_LOGINS = "listen on eth0 smtps pki mail\n"
RULES = 'action "out" relay\nmatch from any for local action "out"\nmatch from auth for any action "out"\n'
ISSUER = 'oauth-issuer "https://id.example" key "/id.jwks"'
KEY, OLD = f'"{"k" * 32}"', f'"{"o" * 32}"'


def check(text: str, root: Path) -> list[str]:
    """Check *text* before a listener that lets people log in; nothing of this machine is asked."""
    return shown(check_text(f"{text}\n{LOGINS}{PKI}{RULES}", root, options=["--static"]))


def test_an_issuer_for_anybody(tmp_path: Path) -> None:
    """It is shown at its name; one with `for` is none."""
    assert check(ISSUER, tmp_path) == ["1:14 warning issuer-without-audience '\"https://id.example\"'"]
    assert check(f'{ISSUER} for "mail"', tmp_path) == []


def test_an_issuer_for_nothing(tmp_path: Path) -> None:
    """Each of them is told of, unless a listener, or something that might be one, lets people log in."""
    issuers = f'{ISSUER} for "mail"\n{ISSUER.replace("id.", "b.")} for "mail"\n'
    text = f"{issuers}{NO_LOGINS}{PKI}{RULES}"
    found = shown(check_text(text, tmp_path, options=["--static"]))

    assert [each for each in found if "issuer" in each] == [
        "1:14 warning issuer-without-auth '\"https://id.example\"'",
        "2:14 warning issuer-without-auth '\"https://b.example\"'",
    ]
    for more in (LOGINS.replace("auth", "auth-optional"), "listen on eth1 nonsense\n"):
        assert "issuer-without-auth" not in str(check_text(text + more, tmp_path, options=["--static"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"queue encryption backup {OLD}", [f"1:25 warning backup-without-key '{OLD}'"]),
        ("queue encryption backup stdin", ["1:25 warning backup-without-key 'stdin'"]),
        (f"queue encryption {KEY}\nqueue encryption backup {OLD}", []),
        (f"queue encryption\nqueue encryption backup {OLD}", []),
        ('srs key backup "b"', ["1:16 warning backup-without-key '\"b\"'"]),
        ('srs key "a"\nsrs key backup "b"', []),
        # What is wrong with a key is told once.
        (f"queue encryption short\nqueue encryption backup {OLD}", ["1:18 error unusable-value 'short'"]),
        ("queue encryption backup short", ["1:25 error unusable-value 'short'"]),
    ],
)
def test_a_backup_key_comes_after_another(tmp_path: Path, text: str, expected: list[str]) -> None:
    """Without it, nothing is rewritten, or nothing is encrypted."""
    assert [each for each in check(text, tmp_path) if "unused" not in each] == expected
