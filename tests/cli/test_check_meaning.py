"""What `smtpdsl check` says of the meaning of a configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smtpdsl.cli.main import main
from smtpdsl.compiler import validate_diagram
from smtpdsl.compiler.validate_diagram import Validity
from smtpdsl.ir.diagram import Diagram
from smtpdsl.ir.resolved import Rule

OPEN = 'match from any for any action "out"'


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(text: str, *options: str) -> Result:
    """Check a text."""
    Path("smtpd.conf").write_text(text, encoding="utf-8")
    return CliRunner().invoke(main, ["check", "--static", *options, "smtpd.conf"])


def with_rule(rule: str) -> str:
    """Write a configuration that relays by *rule*."""
    return f'listen on lo\naction "out" relay\n{rule}\n'


def test_a_finding_has_its_witness_for_people_and_for_programs() -> None:
    """As a command to paste."""
    found = check(with_rule(OPEN), "--format", "json")

    (finding,) = json.loads(found.stdout)["diagnostics"]
    assert finding["code"] == "open-relay"
    assert finding["notes"][-1].startswith("see `smtpdsl explain -f smtpd.conf --from 203.0.113.9 ")
    assert finding["notes"][-1] in check(with_rule(OPEN)).stdout


def test_it_can_be_silenced() -> None:
    """Like any other finding; a comment that silences nothing is told."""
    comment = "  # smtpdsl: allow open-relay -- the laboratory has no way out"

    assert check(with_rule(OPEN + comment)).stdout == "no problems found\n"
    assert "unused-suppression" in check(with_rule('match from local for any action "out"' + comment)).stdout


def test_nothing_is_asked_of_a_configuration_with_errors() -> None:
    """What it means is not known."""
    assert "open-relay" not in check(with_rule(OPEN) + "match\n").stdout


def test_a_warning_does_not_fail_unless_it_shall() -> None:
    """As with all warnings."""
    assert check(with_rule(OPEN)).exit_code == 0
    assert check(with_rule(OPEN), "--strict").exit_code == 1


PLAIN = (
    'listen on lo\naction "in" mbox\nmatch from any for domain "a.example" action "in"\nmatch for local action "in"\n'
)
# What the second rule can decide does not show at once.
KNOTTY = PLAIN + 'match from any for domain "*.a.example" tag { "", "x" } !helo "*" action "in"\n'


@pytest.mark.parametrize(
    ("text", "options", "is_proven"), [(PLAIN, [], False), (PLAIN, ["--strict"], True), (KNOTTY, [], True)]
)
def test_the_diagram_is_proven(
    text: str,
    options: list[str],
    is_proven: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where it takes no longer than the rest, and for --strict; one that is wrong is a mistake of ours."""
    asked: list[object] = []

    def refute(diagram: Diagram, rules: Sequence[Rule]) -> Validity:
        asked.append((diagram, rules))
        return Validity.REFUTED

    monkeypatch.setattr(validate_diagram, "validate", refute)

    found = check(text, *options)

    assert bool(asked) is is_proven
    assert ("does not mean what its rules mean" in found.stderr) is is_proven
    assert found.exit_code == int(is_proven)
