"""`smtpdsl encrypt`: hashes that the server takes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smtpdsl.cli import encrypt as command
from smtpdsl.cli.main import main
from smtpdsl.ir.table_entry import listener_credentials_problem
from smtpdsl.runtime.credentials import hashing
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import Locked, matches, read_stored

ROOT = Path(__file__).parents[2]


def encrypt(*arguments: str, typed: bytes = b"") -> Result:
    """Run `smtpdsl encrypt` in this process."""
    return CliRunner().invoke(main, ["encrypt", *arguments], input=typed, catch_exceptions=False)


def is_of(entry: str, password: str) -> bool:
    """Whether *entry* can stand in a table, and lets *password* in and nothing else."""
    assert listener_credentials_problem(entry) is None
    stored = read_stored(entry)
    assert stored is not None
    assert not isinstance(stored, Locked)
    return matches(stored, Secret(password.encode())) and not matches(stored, Secret(b"another one"))


@pytest.mark.parametrize("arguments", [[], ["--scram"]])
def test_each_line_becomes_one(arguments: list[str]) -> None:
    """Blanks are part of a password; equal ones get different hashes."""
    found = encrypt(*arguments, typed="secret\n p\u00e4ss word \nsecret".encode())

    assert (found.exit_code, found.stderr) == (0, "")
    entries = found.stdout.splitlines()
    assert [is_of(*pair) for pair in zip(entries, ["secret", " p\u00e4ss word ", "secret"], strict=True)] == [True] * 3
    assert entries[0] != entries[2]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (b"\n", "line 1 is no password: a password has 1 to 511 octets"),
        (b"hunter2\r\n", "line 1 is no password: the password has control characters"),
        (b"x" * 512, "line 1 is no password: a password has 1 to 511 octets"),
    ],
)
def test_what_no_client_can_send_is_refused(typed: bytes, sentence: str) -> None:
    """Nobody could log in with it; it is not repeated."""
    found = encrypt(typed=typed)

    assert found.exit_code == 2
    assert sentence in found.stderr
    assert "hunter2" not in found.output


def test_a_password_is_no_argument() -> None:
    """Everybody can see those of a running program."""
    found = encrypt("hunter2")

    assert found.exit_code == 2
    assert "no arguments are expected" in found.stderr


def test_a_system_without_crypt_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """And can make keys still."""
    monkeypatch.setattr(command, "has_crypt", lambda: False)

    found = encrypt(typed=b"secret\n")
    assert found.exit_code == 2
    assert "libcrypt1" in found.stderr
    assert is_of(encrypt("--scram", typed=b"secret\n").stdout.strip(), "secret")


def test_a_crypt_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence."""
    monkeypatch.setattr(hashing, "crypt_hash", lambda _password, _setting: None)

    found = encrypt(typed=b"hunter2\n")
    assert found.exit_code == 2
    assert "crypt(3) of this system made no hash" in found.stderr
    assert "hunter2" not in found.output


def test_on_a_terminal_it_asks() -> None:
    """Twice, and shows nothing of the answers; the hash alone is the output."""
    ours, theirs = pty.openpty()
    command_line = [sys.executable, "-m", "smtpdsl", "encrypt", "--scram"]
    with (
        open(ours, "r+b", buffering=0) as terminal,  # noqa: PTH123 - a descriptor, not a path
        subprocess.Popen(
            command_line, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, cwd=ROOT, start_new_session=True
        ) as process,
    ):
        os.close(theirs)
        shown = b""
        for prompts in (1, 2):
            # A program that has ended is an OSError here.
            while shown.count(b":") < prompts:
                shown += terminal.read(1024)
            terminal.write(b"hunter2\n")
        assert process.stdout
        output = process.stdout.read()

    assert process.returncode == 0
    assert b"hunter2" not in shown
    assert is_of(output.decode().strip(), "hunter2")
