"""`explain`, `prove`, `diff` and `graph` answer for a configuration without errors, and for no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smtpdsl.cli.main import main

RULES = 'action "in" maildir\nmatch from any for domain "here.example" action "in"\n'
QUESTIONS = {
    "explain": ["explain", "-f", "smtpd.conf", "eve@away.example", "root@here.example"],
    "prove": ["prove", "smtpd.conf", "no-open-relay"],
    "diff": ["diff", "smtpd.conf", "smtpd.conf"],
    "graph": ["graph", "smtpd.conf"],
}
BROKEN = {
    "listen on lo port 26\nlisten on lo port 26\n": "duplicate-listener",
    "listen on lo tls pki absent\n": "unknown-pki",
    "listen on lo tls\n": "missing-option",
    'pki mail cert "/c"\nlisten on lo tls pki mail\n': "incomplete-pki",
    "listen on lo ca absent\n": "unknown-ca",
    "listen on lo filter absent\n": "unknown-filter",
    "listen on lo port\n": "syntax-error",
    'queue encryption "short"\n': "unusable-value",
}
ELSEWHERE = {
    "listen on vio9\n": "unknown-interface",
    'pki mail cert "/etc/absent.crt" key "/etc/absent.key"\nlisten on lo tls pki mail\n': "unusable-certificate",
    'dkim-sign "a._domainkey.here.example" key "/etc/absent.key"\n': "unusable-certificate",
}


@pytest.fixture(name="ask", params=QUESTIONS)
def _ask(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a question of each command."""
    monkeypatch.chdir(tmp_path)
    return QUESTIONS[request.param]


def answer(ask: list[str], listeners: str) -> Result:
    """Ask it of *listeners* with rules in which nothing is wrong."""
    Path("smtpd.conf").write_text(listeners + RULES)
    return CliRunner().invoke(main, ask, catch_exceptions=False)


@pytest.mark.parametrize(("listeners", "code"), BROKEN.items())
def test_what_is_wrong_with_listeners_is_wrong(ask: list[str], listeners: str, code: str) -> None:
    """With the findings and without an answer, though the rules are all there."""
    found = answer(ask, listeners)

    assert (found.exit_code, found.stdout) == (1, "")
    assert f"error[{code}]" in found.stderr


@pytest.mark.parametrize(("listeners", "code"), ELSEWHERE.items())
def test_what_another_machine_has_is_not_wrong(ask: list[str], listeners: str, code: str) -> None:
    """Its file can be asked; what a server would miss here is told, and said to be no matter."""
    found = answer(ask, listeners)

    assert found.exit_code == 0
    assert found.stdout
    assert f"error[{code}]" in found.stderr
    assert found.stderr.endswith('note: a server would not start here; the rules of "smtpd.conf" need none of this\n')


def test_nothing_wrong_is_nothing_said(ask: list[str]) -> None:
    """Warnings are the business of `check`."""
    found = answer(ask, "table leftover { a }\n")

    assert (found.exit_code, found.stderr) == (0, "")
