"""`smtpdsl prove` answers with its exit status too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smtpdsl.cli.main import main

TEXT = """table far proc:/bin/true
action "in" mbox
action "out" relay
match from any for domain "a.example" action "in"
match from any for domain <far> action "in"
match from local for any action "out"
"""


def ask(folder: Path, *arguments: str) -> Result:
    """Ask about the text with its table in a database."""
    (folder / "t.db").write_text("", encoding="utf-8")
    text = TEXT.replace("proc:/bin/true", f"db:{folder}/t.db")
    (folder / "smtpd.conf").write_text(text, encoding="utf-8")
    return CliRunner().invoke(main, ["prove", str(folder / "smtpd.conf"), *arguments])


@pytest.mark.parametrize(
    ("properties", "status", "answers"),
    [
        (["no-open-relay"], 0, ["holds"]),
        (["no-open-relay", "rejects for any"], 1, ["holds", "fails"]),
        (["rejects for domain b.example !from local"], 3, ["unknown"]),
        (["rejects for domain b.example !from local", "rejects for any"], 1, ["unknown", "fails"]),
    ],
)
def test_the_worst_answer_is_the_status(properties: list[str], status: int, answers: list[str], tmp_path: Path) -> None:
    """0 all hold, 1 one fails, 3 nobody knows."""
    found = ask(tmp_path, *properties)

    assert found.exit_code == status
    assert [line.split()[0] for line in found.stdout.splitlines() if line[:1].strip()] == answers


def test_an_example(tmp_path: Path) -> None:
    """With the rule that decides about it."""
    found = ask(tmp_path, "rejects for domain a.example")

    assert found.stdout.replace(f"{tmp_path}/", "") == (
        "fails  rejects for domain a.example\n"
        '  accepted: action "in" (smtpd.conf:4)\n'
        "  see  smtpdsl explain -f smtpd.conf --from 203.0.113.9 somebody@domain.invalid somebody@a.example\n"
    )


def test_for_programs(tmp_path: Path) -> None:
    """The form is documented in docs/json.md."""
    found = json.loads(ask(tmp_path, "--json", "no-open-relay").stdout)

    assert found == {
        "version": 1,
        "properties": [{"property": "no-open-relay", "result": "holds", "why": None, "rule": None, "witness": None}],
    }


def test_a_property_without_quotes(tmp_path: Path) -> None:
    """Its words are taken for properties, and how it is written is said below what is wrong with them."""
    found = ask(tmp_path, "accepts", "from", "local", "for", "any")

    assert found.exit_code == 2
    assert found.stderr.endswith("note: a property is one argument: 'accepts from local for any'\n")
    assert "one argument" not in ask(tmp_path, "accepts", "nonsense").stderr


def test_mistakes_of_all_properties_are_wrong_use(tmp_path: Path) -> None:
    """With line and column; nothing is proven."""
    found = ask(tmp_path, "no-open-relay", "nver match", 'never match for any action "ot"')

    assert (found.exit_code, found.stdout) == (2, "")
    assert "property 2:1:1" in found.stderr
    assert "property 3:1:28" in found.stderr
    assert CliRunner().invoke(main, ["prove", str(tmp_path / "smtpd.conf")]).exit_code == 2
