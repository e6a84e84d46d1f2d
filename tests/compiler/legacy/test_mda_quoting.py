"""A command between one shell and two."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.compiler.legacy import requote_mda


def run(command: str) -> tuple[str, bool]:
    """Give *command* to a shell; returns what it printed, and whether it ran."""
    environment = {"PATH": "/usr/bin:/bin", "X": "a  b"}
    ran = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    return ran.stdout, ran.returncode == 0


def prints_a_process_id(text: str) -> bool:
    """Whether *text* has `$$`, which no two shells expand alike."""
    return "$$" in text.replace("{", "")


@given(arguments=st.text("\"'\\$`X a{}", max_size=12).filter(lambda text: not prints_a_process_id(text)))
def test_second_shell_reads_what_the_first_one_did(arguments: str) -> None:
    """Between double quotes of an outer shell, the command does what it did alone."""
    command = f"printf '%s|' {arguments}"

    assert run(f'exec /bin/sh -c "{requote_mda(command)}"') == run(command)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/bin/cat", "/bin/cat"),
        ('deliver -f "%{sender}"', "deliver -f '%{sender}'"),
        ('echo "it\'s"', 'echo \\"it\'s\\"'),
        ('a "$HOME"', 'a \\"\\$HOME\\"'),
        ("a `b` \\n", "a \\`b\\` \\\\n"),
    ],
)
def test_plain_quotes_become_single_ones(command: str, expected: str) -> None:
    """Quotes without anything special become single quotes, which need no escapes; all else is escaped."""
    assert requote_mda(command) == expected
