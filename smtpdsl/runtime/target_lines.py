"""The files of targets that an alias includes: ``:include:/etc/mail/staff``."""

from __future__ import annotations


def target_lines(octets: bytes) -> tuple[str, ...]:
    """Return the lines of a file of targets; `#` begins a comment unless a backslash protects it."""
    lines = (_without_comment(line).strip() for line in octets.decode("utf-8", "surrogateescape").split("\n"))
    return tuple(line for line in lines if line)


def _without_comment(line: str) -> str:
    at = line.find("#")
    while at > 0 and line[at - 1] == "\\":
        at = line.find("#", at + 1)
    return line if at < 0 else line[:at]
