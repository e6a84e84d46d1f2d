"""A table program that behaves, or misbehaves, as its arguments say; it needs nothing but Python.

    peer.py FILE [MISDEED …]      FILE has lines `SERVICE KEY VALUE`, read anew at each update; a value may be empty

It is small and speaks the protocol on its own, so that both sides are not wrong in the same way.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENTRIES: dict[tuple[str, str], str] = {}
TURNS: dict[str, int] = {}


def read(path: str) -> None:
    """Read the entries."""
    ENTRIES.clear()
    for line in Path(path).read_text().splitlines():
        service, key, value = (*line.split(" ", 2), "")[:3]
        ENTRIES[service, key] = value


def say(*words: str) -> None:
    """Write a line."""
    print("|".join(words), flush=True)  # noqa: T201 - that is how it speaks


def note(line: str) -> None:
    """Keep what it was asked, for whoever wants to know."""
    if os.environ.get("PEER_NOTES"):
        with Path(os.environ["PEER_NOTES"]).open("a") as notes:
            notes.write(line)


def answer(fields: list[str], path: str) -> tuple[str, ...]:
    """Return the answer to the request *fields*."""
    operation, *rest = fields
    if operation == "update":
        read(path)
        return "update-result", rest[0], "ok"
    service, identifier, *keys = rest
    key = keys[0] if keys else ""
    if key == "broken":
        return f"{operation}-result", identifier, "error", "no such relation"
    if operation == "fetch":
        values = [each for of, each in ENTRIES if of == service]
        turn = TURNS[service] = TURNS.get(service, -1) + 1
        found = ("found", values[turn % len(values)]) if values else ("not-found",)
        return "fetch-result", identifier, *found
    if (service, key) not in ENTRIES:
        return f"{operation}-result", identifier, "not-found"
    return f"{operation}-result", identifier, "found", *([ENTRIES[service, key]] if operation == "lookup" else [])


def _kill(_: list[str]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang(_: list[str]) -> None:
    signal.pause()


def _nonsense(_: list[str]) -> None:
    say("what do you mean?")


def _wrong_id(fields: list[str]) -> None:
    say(f"{fields[0]}-result", "zzzzzzzz", "not-found")


def _flood(_: list[str]) -> None:
    while True:
        sys.stdout.write("x" * 65536)


def _flood_lines(fields: list[str]) -> None:
    while True:
        say(f"{fields[0]}-result", "00000000", "not-found")


# What it does in place of an answer to the key of that name.
MISDEEDS: dict[str, Callable[[list[str]], Any]] = {
    "die": _kill,
    "hang": _hang,
    "nonsense": _nonsense,
    "wrong-id": _wrong_id,
    "flood": _flood,
    "flood-lines": _flood_lines,
    "silence": lambda _: None,
}


def main(path: str, *options: str) -> None:
    """Talk to the server."""
    if "dies-at-once" in options:
        raise SystemExit(3)
    if "never-ready" in options:
        signal.pause()
    read(path)
    held: list[tuple[str, ...]] = []
    for line in sys.stdin:
        note(line)
        if line.startswith("config|"):
            if line == "config|ready\n":
                services = {service for service, _ in ENTRIES} or {"alias"}
                for service in services:
                    say("register", service)
                say("register", "ready")
            continue
        _, _, _, _, *fields = line.rstrip("\n").split("|", 7)
        if fields[-1] in MISDEEDS:
            MISDEEDS[fields[-1]](fields)
            continue
        held.append(answer(fields, path))
        # Two at a time, the last first.
        if "reversed" not in options or len(held) == 2:
            for each in reversed(held):
                say(*each)
            held.clear()


if __name__ == "__main__":
    main(*sys.argv[1:])
