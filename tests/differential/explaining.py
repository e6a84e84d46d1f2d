"""What `smtpdsl explain --json` says on the machines of servers, asked of one process that goes from one to the other.

    python -m tests.differential.explaining

reads lines of JSON, the number of a process of a machine with the arguments of several runs, and
writes for each line what these printed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Self

from click.testing import CliRunner

from smtpdsl.cli.main import main
from tests.differential.answers import Answer, Outcome, answer
from tests.differential.configurations import NAMES, Envelope
from tests.differential.machines import CLONE_NEWNET, NAME, enter
from tests.peers import ROOT

_NAMES = {**NAMES, "127.0.0.1": "localhost", "192.0.2.1": NAME}
_KINDS = {"relay": "relay", "command": "command", "file": "file"}
_WRONG_USE = 2


class Explainer:
    """The process, for as long as it is entered; several threads may ask."""

    def __enter__(self) -> Self:
        """Start it."""
        self._lock = Lock()
        command = [sys.executable, "-m", "tests.differential.explaining"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, env=environment, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.communicate(timeout=60)

    def ask(self, machine: subprocess.Popen[Any], envelopes: Iterable[Envelope]) -> list[Answer]:
        """Ask what the configuration of a *machine* makes of *envelopes*."""
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            request = {"pid": machine.pid, "runs": [_arguments(envelope) for envelope in envelopes]}
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            found = json.loads(self._process.stdout.readline())
        return [_answer(text) for text in found]


def _arguments(envelope: Envelope) -> list[str]:
    session = envelope.session
    arguments = ["--json", "-f", "/srv/smtpd.conf", "--from", session.source, "--helo", session.helo]
    for option, value in (("rdns", _NAMES.get(session.source)), ("auth", session.login), ("tag", session.tag)):
        arguments += [f"--{option}", value] if value else []
    # An address that begins with a dash is no option.
    return [*arguments, *(["--tls"] if session.tls else []), "--", envelope.sender, envelope.recipient]


def _answer(text: str) -> Answer:
    if not text:
        return Answer("reject")
    found = json.loads(text)
    return answer(int(found["reply"][:3]), map(_outcome, found["deliveries"]))


def _outcome(found: dict[str, Any]) -> Outcome:
    action, dest, how = found["action"], found["dest"], _KINDS.get(found["kind"], "user")
    target = found.get("command") if how == "command" else found.get("path") if how == "file" else ""
    return Outcome(action, dest, how, found["user"] or "", target or "")


# ---------------------------------------------------------------- the process

# <linux/sched.h>
_NAMESPACES = {"net": CLONE_NEWNET, "uts": 0x04000000, "mnt": 0x00020000}


@contextmanager
def _on_machine(pid: int) -> Iterator[None]:
    """Be on the machine of a process, and then where we were before."""
    paths = [f"/proc/{which}/ns/{name}" for which in ("self", pid) for name in _NAMESPACES]
    # Before we enter: there, processes have other numbers.
    descriptors = [os.open(path, os.O_RDONLY) for path in paths]
    here, there = descriptors[: len(_NAMESPACES)], descriptors[len(_NAMESPACES) :]
    try:
        _enter(there)
        yield
    finally:
        _enter(here)
        for descriptor in descriptors:
            os.close(descriptor)


def _enter(descriptors: list[int]) -> None:
    for descriptor, kind in zip(descriptors, _NAMESPACES.values(), strict=True):
        enter(descriptor, kind)


def _serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        with _on_machine(request["pid"]):
            found = [_run(arguments) for arguments in request["runs"]]
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def _run(arguments: list[str]) -> str:
    done = CliRunner().invoke(main, ["explain", *arguments], catch_exceptions=False)
    # What is no address it says at once.
    if done.exit_code == _WRONG_USE and "character" in done.stderr:
        return ""
    if done.exit_code:
        message = f"explain {arguments}: {done.output}"
        raise SystemExit(message)
    return done.stdout


if __name__ == "__main__":
    _serve()
