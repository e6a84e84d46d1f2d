"""`smtpdsl diff` says what changes, to people and to programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smtpdsl.cli.main import main

OLD = 'action "in" mbox\nmatch from any for domain "a.example" action "in"\n'
NEW = 'action "box" mbox\nmatch from any for domain { "a.example", "b.example" } action "box"\n'


def diff(folder: Path, old: str, new: str, *options: str) -> Result:
    """Compare two texts."""
    (folder / "old.conf").write_text(old, encoding="utf-8")
    (folder / "new.conf").write_text(new, encoding="utf-8")
    return CliRunner().invoke(main, ["diff", *options, str(folder / "old.conf"), str(folder / "new.conf")])


def test_the_same(tmp_path: Path) -> None:
    """Names make no difference, and neither does the generation of the language."""
    legacy = 'accept from any for domain "a.example" deliver to mbox\n'
    for new in (OLD, OLD.replace('"in"', '"box"'), legacy):
        found = diff(tmp_path, OLD, new)
        assert (found.exit_code, found.stdout) == (0, "the same: no mail is treated differently\n")


def test_a_difference(tmp_path: Path) -> None:
    """Who, what was, what will be, and an example."""
    found = diff(tmp_path, OLD, NEW)

    assert found.exit_code == 1
    assert found.stdout.replace(f"{tmp_path}/", "") == (
        "1 kind of mail is treated differently\n\n"
        'for domain { "a.example", "b.example" } and !for domain "a.example"\n'
        "  old  refused: no rule matches\n"
        '  new  accepted: action "box" (new.conf:2)\n'
        "  see  smtpdsl explain -f new.conf --from 203.0.113.9 somebody@domain.invalid somebody@b.example\n"
    )


def test_for_programs(tmp_path: Path) -> None:
    """The form is documented in docs/json.md."""
    found = json.loads(diff(tmp_path, OLD, NEW, "--json").stdout)

    assert (found["same"], found["complete"], len(found["differences"])) == (False, True, 1)
    assert json.loads(diff(tmp_path, OLD, OLD, "--json").stdout) == {
        "version": 1,
        "same": True,
        "complete": True,
        "settings": [],
        "differences": [],
    }


def test_a_setting_that_changes_the_meaning(tmp_path: Path) -> None:
    """What separates a sub-address."""
    found = diff(tmp_path, OLD, f'smtp sub-addr-delim "-"\n{OLD}')

    assert (found.exit_code, found.stdout) == (1, "smtp sub-addr-delim is set otherwise\n")


@pytest.mark.parametrize("texts", [("match", OLD), (OLD, "match")])
def test_a_configuration_with_errors(texts: tuple[str, str], tmp_path: Path) -> None:
    """They are shown, and nothing is compared."""
    found = diff(tmp_path, *texts)

    assert (found.exit_code, found.stdout) == (1, "")
    assert "error[syntax-error]" in found.stderr


def test_the_errors_of_both_are_shown(tmp_path: Path) -> None:
    """Who mends the one would have to ask again to hear of the other."""
    found = diff(tmp_path, "match", "action")

    assert found.exit_code == 1
    assert "old.conf:1" in found.stderr
    assert "new.conf:1" in found.stderr


def test_wrong_use(tmp_path: Path) -> None:
    """Two files, and files that are there."""
    assert CliRunner().invoke(main, ["diff", str(tmp_path / "x")]).exit_code == 2
    assert CliRunner().invoke(main, ["diff", str(tmp_path / "x"), str(tmp_path / "y")]).exit_code == 2
