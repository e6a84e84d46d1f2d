"""What a setup prepares, and what it changes in the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interpreters import anybodys_python
from tests.vectors.fixture import Changes, Configuration, Knowledge, Line
from tests.vectors.process import Refusal
from tests.vectors.setups import SetupError, apply_setup, prepare_root


def apply(folder: Path, setup: dict[str, Any]) -> tuple[Path, Changes]:
    """Prepare *setup*; return the root and the changes."""
    root = folder / "root"
    prepare_root(root)
    return root, apply_setup(root, setup, folder / "pwn")


def test_aliases(tmp_path: Path) -> None:
    """Beside those that every fixture has; generated ones lead to a user."""
    root, _ = apply(tmp_path, {"aliases": "self: self\n", "aliases_generated": {"name": "many", "count": 2}})

    assert (root / "etc/mail/aliases").read_text().splitlines()[-4:] == [
        "self: self",
        "many: many0, many1",
        "many0: alice",
        "many1: alice",
    ]


def test_forwards(tmp_path: Path) -> None:
    """Links, FIFOs, modes and texts; the path that must not come into being is put in."""
    secret = tmp_path / "secret"
    secret.touch()
    root, _ = apply(
        tmp_path,
        {
            "forward": {
                "alice": "symlink:/etc/shadow",
                "bob": "fifo",
                "o'brien": "mode:0666:|touch $PWN\n",
                "root": f"hardlink:{secret}",
            }
        },
    )

    home = root / "home"
    assert (home / "alice/.forward").readlink() == Path("/etc/shadow")
    assert (home / "bob/.forward").is_fifo()
    assert (home / "o'brien/.forward").stat().st_mode & 0o777 == 0o666
    assert (home / "o'brien/.forward").read_text() == f"|touch {tmp_path}/pwn\n"
    assert (root / "root/.forward").stat().st_nlink == 2


def test_a_folder_of_a_maildir_that_leads_elsewhere(tmp_path: Path) -> None:
    """The others are as usual."""
    root, _ = apply(tmp_path, {"maildir": {"alice": "new is a symlink to /etc"}, "mbox": {"bob": "symlink:/etc/x"}})

    maildir = root / "home/alice/Maildir"
    assert (maildir / "new").readlink() == Path("/etc")
    assert (maildir / "tmp").is_dir()
    assert (root / "var/mail/bob").is_symlink()


@pytest.mark.parametrize(
    ("setup", "field", "value"),
    [
        ({"action": 'mda "cat"'}, "action", 'mda "cat"'),
        ({"action": 'maildir "/srv" virtual'}, "virtual_action", 'maildir "/srv"'),
        ({"mda": 'echo "x"'}, "action", 'mda "echo \\"x\\""'),
        ({"filter": "garbage"}, "filter_behaviour", "garbage"),
    ],
)
def test_changes_of_the_configuration(tmp_path: Path, setup: dict[str, Any], field: str, value: str) -> None:
    """Actions and filters."""
    _, changes = apply(tmp_path, setup)

    assert getattr(changes, field) == value


def test_a_table_becomes_a_program(tmp_path: Path) -> None:
    """Which is named by its path, for nothing below a root is looked for."""
    root, changes = apply(tmp_path, {"table": "sleep 60"})
    program = root / "usr/libexec/opensmtpd/table_broken.py"

    assert changes.userbase == f'"proc-exec:{anybodys_python()} {program}"'
    assert "sleep(60)" in program.read_text()


@pytest.mark.parametrize(
    "setup", [{"weather": "rain"}, {"filter": "sleep"}, {"maildir": {"alice": "full"}}, {"forward": "x"}, {"table": 1}]
)
def test_a_setup_that_nobody_knows(tmp_path: Path, setup: dict[str, Any]) -> None:
    """It is told, and not passed over."""
    with pytest.raises(SetupError, match=f"knows no setup [`']{next(iter(setup))}"):
        apply(tmp_path, setup)


LINES = [
    Line("listen on lo"),
    Line('action "m" mbox', "mbox"),
    Line('match for any action "m"', "mbox"),
]


def test_a_part_that_is_not_served_is_left_out() -> None:
    """All of its lines, and no others; what was learnt holds for the next stage."""
    knowledge = Knowledge()
    configuration = Configuration(LINES, knowledge)
    assert configuration.text == 'listen on lo\naction "m" mbox\nmatch for any action "m"\n'

    assert configuration.remove([Refusal(2, "no mailboxes")]) == []

    assert configuration.text == "listen on lo\n"
    assert configuration.missing == {"mbox": "no mailboxes"}
    assert Configuration(LINES, knowledge).text == "listen on lo\n"


def test_a_line_that_belongs_to_no_part_is_needed() -> None:
    """Without it there is no fixture."""
    assert Configuration(LINES, Knowledge()).remove([Refusal(1, "no listener")]) == ["listen on lo: no listener"]
