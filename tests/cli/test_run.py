"""`smtpdsl run`, up to the point where it serves."""

from __future__ import annotations

import os
from errno import EACCES
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from smtpdsl.cli import run as command
from smtpdsl.cli.main import main
from smtpdsl.ir.program import Program
from smtpdsl.runtime import privileges
from smtpdsl.runtime.net.listener import ListenError
from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.world import World

CONFIGURATION = """\
listen on 127.0.0.1 port 2525
action "in" maildir
match from any for any action "in"
"""


@pytest.mark.parametrize(("options", "has_diagram"), [([], True), (["--reference"], False)])
def test_the_program_that_is_served(
    options: list[str],
    has_diagram: bool,  # noqa: FBT001 - a parameter
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has a diagram unless `--reference` is given."""
    served: list[Program] = []

    def server(program: Program, world: World) -> NoReturn:
        del world
        served.append(program)
        message = "not here"
        raise ListenError(message)

    monkeypatch.setattr(command, "Server", server)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    path = tmp_path / "smtpd.conf"
    path.write_text(CONFIGURATION)

    found = CliRunner().invoke(main, ["run", "--root", str(tmp_path), *options, str(path)])

    assert (found.exit_code, found.output.splitlines()[-1]) == (1, "Error: not here")
    assert [program.diagram is not None for program in served] == [has_diagram]


def test_an_ordinary_user_is_told_who_delivers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """By name, or by number where the user has none, as in many containers."""

    def server(program: Program, world: World) -> NoReturn:
        del program, world
        message = "not here"
        raise ListenError(message)

    monkeypatch.setattr(command, "Server", server)
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    path = tmp_path / "smtpd.conf"
    path.write_text(CONFIGURATION)

    found = CliRunner().invoke(main, ["run", "--root", str(tmp_path), str(path)])

    told = 'info: running as "4000000000": whoever the mail is for, it is delivered with the rights of this user'
    assert told in found.output + capfd.readouterr().err


def test_a_configuration_that_listens_nowhere_is_not_served(tmp_path: Path) -> None:
    """The sentence says what to add."""
    path = tmp_path / "smtpd.conf"
    path.write_text('action "in" maildir\nmatch from any for any action "in"\n')

    found = CliRunner().invoke(main, ["run", "--root", str(tmp_path), str(path)])

    assert found.exit_code == 1
    assert found.output.splitlines()[-1] == (
        f'Error: "{path}" listens on no address, so there is nothing to serve: add `listen on` and an interface'
    )


def test_only_root_becomes_another_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user who asks for it has made a mistake."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    path = tmp_path / "smtpd.conf"
    path.write_text(CONFIGURATION)

    found = CliRunner().invoke(main, ["run", "--root", str(tmp_path), "--user", "nobody", str(path)])

    assert found.exit_code == 2
    assert "Error: --user is for root" in found.output


def test_an_account_that_does_not_exist_is_wrong_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is one that has the rights of root."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    path = tmp_path / "smtpd.conf"
    path.write_text(CONFIGURATION)

    for name, reason in (("nobody-has-this-name", "there is no account"), ("root", 'the account "root" has rights')):
        found = CliRunner().invoke(main, ["run", "--root", str(tmp_path), "--user", name, str(path)])
        assert found.exit_code == 2
        assert f"Error: --user: {reason}" in found.output


def test_root_needs_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is told how to make one; without `--root`, `nobody` is not enough."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(privileges, "NAMES", ("nobody-has-this-name",))
    path = tmp_path / "smtpd.conf"
    path.write_text(CONFIGURATION)

    found = CliRunner().invoke(main, ["run", str(path)])

    assert found.exit_code == 1
    assert "Error: root does not talk to the network, and there is no account for that: make one with" in found.output


def test_an_ordinary_user_is_told_of_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spool of the machine is not for everybody."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    path = tmp_path / "smtpd.conf"
    path.write_text(CONFIGURATION)

    def server(*_: object) -> NoReturn:
        error = PermissionError(EACCES, os.strerror(EACCES))
        raise SpoolError.of(tmp_path, error) from error

    monkeypatch.setattr(command, "Server", server)
    found = CliRunner().invoke(main, ["run", str(path)])

    assert found.exit_code == 1
    assert found.output.endswith(
        "permission denied; to try a server without root, name a folder of yours with --root\n"
    )
