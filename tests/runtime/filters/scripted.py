"""A filter program that does what its arguments say; what it hears is in its standard error.

    scripted.py mail-from,commit link-connect 'mail-from=reject|550 5.7.1 no' commit=!die

Phases, events, and what is answered in a phase, where that is not `proceed`.  Begins with ``!``:

    !die !hang           it ends, it never answers           !nonsense !flood     no answer, a line without end
    !twice               it answers twice                     !token               it answers what nobody asked
    !collect             data-line: it keeps the message, and gives it back with `X-Filtered: yes` in front
    !upper               data-line: line by line, in capitals
    !long                data-line: it never stops writing    !headless            data-line: the message has no header
    !endless             data-line: its header is too large   !crlf                data-line: each line ends in CRLF
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator


def behave(action: str, head: str, session: str, token: str) -> Iterator[str]:
    """Yield what is answered to a question."""
    if action == "!die":
        os._exit(7)
    elif action == "!hang":
        return
    elif action == "!nonsense":
        yield "filter-result|zz|"
    elif action == "!flood":
        yield "x" * 1_000_000
    elif action == "!token":
        yield f"{head}|{session}|0000000000000bad|proceed"
        yield f"{head}|{session}|{token}|proceed"
    elif action == "!twice":
        yield from [f"{head}|{session}|{token}|proceed"] * 2
    else:
        yield f"{head}|{session}|{token}|{action}"


def read(action: str, session: str, token: str, line: str, kept: list[str]) -> Iterator[str]:
    """Yield what becomes of a line of a message."""
    head = f"filter-dataline|{session}|{token}"
    if action == "!upper":
        yield f"{head}|{line.upper()}"
    elif action == "!collect":
        kept.append(f"{head}|{line}")
        if line == ".":
            yield from (f"{head}|X-Filtered: yes", *kept)
            kept.clear()
    elif action == "!headless":
        yield f"{head}|{line if line == '.' else ' no header'}"
    elif action == "!endless":
        yield from [f"{head}|X-Long: {'x' * 1000}"] * (2000 if line.startswith("Subject:") else 0)
        yield f"{head}|{line}"
    elif action == "!crlf":
        yield f"{head}|{line}\r"
    elif action == "!long":
        while True:
            yield f"{head}|{'x' * 1000}"
    elif action.startswith("!"):
        yield from behave(action, "filter-dataline", session, token)
    else:
        yield f"{head}|{line}"


def main() -> None:
    """Talk to the server."""
    phases, events, *rules = sys.argv[1:]
    actions = dict(rule.split("=", 1) for rule in rules)
    if "!silent" in actions.values():
        time.sleep(1000)
    kept: list[str] = []
    for received in sys.stdin:
        line = received.rstrip("\n")
        kind, *fields = line.split("|", 7)
        if kind != "config" and fields[3] != "data-line":
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - that is how it speaks
        said: Iterator[str] = iter(())
        if line == "config|ready":
            names = [f"filter|smtp-in|{phase}" for phase in phases.split(",") if phase]
            names += [f"report|smtp-in|{event}" for event in events.split(",") if event]
            said = iter([f"register|{name}" for name in (*names, "ready")])
        elif kind == "filter":
            _, _, _, phase, session, token, parameter = fields
            action = actions.get(phase, "proceed")
            if phase == "data-line":
                said = read(action, session, token, parameter, kept)
            else:
                said = behave(action, "filter-result", session, token)
        for each in said:
            print(each, flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
