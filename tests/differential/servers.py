"""The two servers, each on a machine of its own, and what they keep in their queues.

Both take mail and attempt no delivery: what is in the queue says what they would do.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from smtpdsl.runtime.interfaces import Envelope as Queued
from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.queue.ids import message_hex
from smtpdsl.runtime.queue.sealed_facts import open_envelope
from smtpdsl.runtime.sealing.seals import PLAIN_SEALS
from tests.differential.answers import Answer, Outcome, answer
from tests.differential.configurations import Envelope
from tests.differential.explaining import Explainer
from tests.differential.machines import Country, connect, name_server
from tests.differential.sessions import Told, ask_all
from tests.namespaces import Command
from tests.peers import ROOT, Peer

_PAUSED = ("-P", "mda", "-P", "mta")
_START_SECONDS = 60
# What delivers to a file that an alias names: `PROGRAM -f SENDER PATH`.
_MBOX_FILE = "mail.mboxfile -f %{mbox.from} "


class ServerError(Exception):
    """A server does not serve; the text has its log."""


@contextmanager
def serving(country: Country, root: Path, command: Command, environment: dict[str, str]) -> Iterator[Any]:
    """Run *command* on the machine *root* until the block ends, and yield its process when it takes connections."""
    log = root / "log"
    with log.open("wb") as output:
        process = country.start(root, *command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait(process, log)
        with name_server(process):
            yield process
    except (AssertionError, OSError) as error:
        message = f"{error}; the log of {root.name}:\n{log.read_text(encoding='utf-8', errors='replace')}"
        raise ServerError(message) from error
    finally:
        process.terminate()
        process.wait(_START_SECONDS)


def _wait(process: subprocess.Popen[Any], log: Path) -> None:
    """Wait until the server listens."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            connect(process, "local", 25).close()
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(encoding="utf-8", errors="replace")
                message = f"the server does not start: {error}; its log:\n{said}"
                raise ServerError(message) from None
            # Nobody says when it is; to ask without a pause would take from the servers what they start with.
            time.sleep(0.02)
        else:
            return


Queue = dict[str, list[Outcome]]


def _answers(told: Iterable[Told], queue: Queue) -> list[Answer]:
    """Put together what a client was told and what is in the queue."""
    return [answer(each.code, queue.get(each.message, ())) for each in told]


# ---------------------------------------------------------------- OpenSMTPD


def ask_opensmtpd(country: Country, peer: Peer, root: Path, envelopes: Iterable[Envelope]) -> list[Answer]:
    """Ask Debian's OpenSMTPD."""
    command: Command = [peer.program, "-d", "-f", "/srv/smtpd.conf", *_PAUSED]
    with serving(country, root, command, peer.environment) as process:
        told = ask_all(process, envelopes)
    return _answers(told, kept_by_opensmtpd(root))


def kept_by_opensmtpd(root: Path) -> Queue:
    """Read its queue: a folder for each message, in which a file for each envelope has lines ``key: value``."""
    queue: Queue = {}
    for path in (root / "var/spool/smtpd/queue").glob("*/*/*"):
        if path.name == "message":
            continue
        text = path.read_text(encoding="utf-8")
        fields = {key: value for key, _, value in (line.partition(": ") for line in text.splitlines())}
        queue.setdefault(path.parent.name, []).append(_outcome_of_opensmtpd(fields))
    return queue


def _outcome_of_opensmtpd(fields: dict[str, str]) -> Outcome:
    action, dest, who, command = (fields.get(key, "") for key in ("dispatcher", "dest", "mda-user", "mda-exec"))
    if fields["type"] == "mta":
        return Outcome(action, dest, "relay")
    if not command:
        # It is kept as it was written, and looked up in lower case.
        return Outcome(action, dest, "user", who.lower())
    # What an alias names is done by an account of the server.
    who = "" if who == "opensmtpd" else who
    _, is_file, target = command.partition(_MBOX_FILE)
    return Outcome(action, dest, "file", who, target) if is_file else Outcome(action, dest, "command", who, command)


# ---------------------------------------------------------------- ours


class Ours(NamedTuple):
    """What `explain` says and what the server does."""

    explained: list[Answer]
    served: list[Answer]


def ask_ours(country: Country, explainer: Explainer, root: Path, envelopes: Iterable[Envelope]) -> Ours:
    """Ask `explain` and the server of this checkout, as it is started on a system of its own."""
    command = [sys.executable, "-m", "smtpdsl", "run", *_PAUSED, "/srv/smtpd.conf"]
    with serving(country, root, command, {**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        explained = explainer.ask(process, envelopes)
        told = ask_all(process, envelopes)
    # While it runs, the queue is its own.
    return Ours(explained, _answers(told, kept_by_ours(root)))


def kept_by_ours(root: Path) -> Queue:
    """Read its queue."""
    queue: Queue = {}
    (path,) = (root / "var/spool/smtpdsl").glob("*.db")
    with closing(sqlite3.connect(path)) as database:
        for number, route, facts in database.execute("SELECT id, route, facts FROM envelope"):
            outcome = _outcome_of_ours(open_envelope(PLAIN_SEALS, number, Route(route), facts))
            queue.setdefault(message_hex(number >> 24), []).append(outcome)
    return queue


def _outcome_of_ours(queued: Queued) -> Outcome:
    action, dest = queued.action, str(queued.dest)
    if queued.route is Route.RELAY:
        return Outcome(action, dest, "relay")
    if queued.file:
        return Outcome(action, dest, "file", queued.user, queued.file)
    how = "command" if queued.target else "user"
    return Outcome(action, dest, how, queued.user, queued.target)
