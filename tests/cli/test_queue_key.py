"""The key of the queue is asked for where the configuration does not have it."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from smtpdsl.cli import run as command
from smtpdsl.cli.main import main
from smtpdsl.ir.program import Program
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.net.listener import ListenError
from smtpdsl.runtime.sealing.keys import Key
from smtpdsl.runtime.world import World

CONFIGURATION = """\
listen on 127.0.0.1 port 2525
action "in" maildir
match from any for any action "in"
"""
KEY, OLD = "k" * 32, "o" * 32


@pytest.fixture(name="worlds")
def _worlds(monkeypatch: pytest.MonkeyPatch) -> list[World]:
    """Return what servers are given, which all fail to listen."""
    given: list[World] = []

    def server(program: Program, world: World) -> NoReturn:
        del program
        given.append(world)
        message = "not here"
        raise ListenError(message)

    monkeypatch.setattr(command, "Server", server)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return given


def started(folder: Path, settings: str, typed: str = "") -> str:
    """Start a server with *settings*, and return the last line that it says."""
    path = folder / "smtpd.conf"
    path.write_text(settings + CONFIGURATION)
    found = CliRunner().invoke(main, ["run", "--root", str(folder), str(path)], input=typed)
    assert found.exit_code == 1
    assert KEY not in found.output
    return found.output.splitlines()[-1]


@pytest.mark.parametrize("settings", ["queue encryption\n", "queue encryption stdin\n", 'queue encryption "-"\n'])
def test_one_line_of_the_standard_input(tmp_path: Path, worlds: list[World], settings: str) -> None:
    """Whatever ends it; there is no terminal here."""
    for typed in (f"{KEY}\n", f"{KEY}\r\nmore\n", KEY):
        assert started(tmp_path, settings, typed) == "Error: not here"
        current = worlds.pop().seals.keys.current
        assert current is not None
        assert current.number == Key(Secret(KEY.encode())).number


def test_an_older_key_is_asked_for_after_the_other(tmp_path: Path, worlds: list[World]) -> None:
    """In a line of its own; which of the two is which is said by their order."""
    assert (
        started(tmp_path, "queue encryption\nqueue encryption backup stdin\n", f"{KEY}\n{OLD}\n") == "Error: not here"
    )
    keys = worlds[0].seals.keys
    numbers = [Key(Secret(each.encode())).number for each in (KEY, OLD)]

    assert keys.current is not None
    assert keys.current.number == numbers[0]
    assert numbers[1] in keys


def test_an_older_key_that_is_not_given(tmp_path: Path, worlds: list[World]) -> None:
    """It is named as the configuration names it."""
    said = started(tmp_path, "queue encryption\nqueue encryption backup stdin\n", f"{KEY}\n")

    assert "`queue encryption backup` is to be read at start" in said
    assert worlds == []


def test_a_key_of_the_configuration_is_not_asked_for(tmp_path: Path, worlds: list[World]) -> None:
    """Nor is one where nothing is encrypted."""
    started(tmp_path, f'queue encryption "{KEY}"\nqueue encryption backup "{OLD}"\n', "anything\n")
    started(tmp_path, "", "anything\n")
    keys = worlds[0].seals.keys
    numbers = [Key(Secret(each.encode())).number for each in (KEY, OLD)]

    assert [number in keys for number in numbers] == [True, True]
    assert keys.current is not None
    assert keys.current.number == numbers[0]
    assert worlds[1].seals.keys.current is None


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", "`queue encryption` is to be read at start, and there is no line on the standard input"),
        ("too short\n", "the key for `queue encryption` has 9 octets, and must have 32"),
        (f"{KEY}!\n", "the key for `queue encryption` has 33 octets, and must have 32"),
    ],
)
def test_what_is_no_key(tmp_path: Path, worlds: list[World], typed: str, problem: str) -> None:
    """It is not repeated in what is said of it, and nothing is started."""
    assert started(tmp_path, "queue encryption\n", typed) == f"Error: {problem}"
    assert worlds == []
