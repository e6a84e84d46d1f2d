"""Wiring: the queue of a server that does not run."""

from __future__ import annotations

import os
from pathlib import Path

import click

from smtpdsl.cli.compiling import DEFAULT_FILES, compile_file
from smtpdsl.cli.queue_key import queue_seals
from smtpdsl.compiler.world import Machine
from smtpdsl.ir.resolved import Ruleset
from smtpdsl.runtime.control.commands import ControlError
from smtpdsl.runtime.control.offline import OfflineQueue, become_owner
from smtpdsl.runtime.control.parts import routes_of
from smtpdsl.runtime.log import StructuredLog
from smtpdsl.runtime.queue.closed_spool import is_spool
from smtpdsl.runtime.queue.folder import SPOOL
from smtpdsl.runtime.sealing.seals import PLAIN_SEALS


def offline_queue(machine: Machine, file: str) -> OfflineQueue:
    """Return the queue in the spool of *machine*; the configuration *file* has its keys, and knows actions.

    Raises:
        ControlError: There is no spool.
        SpoolError: It cannot be used.
    """
    path = Path(machine.locate(SPOOL))
    if not is_spool(path):
        message = f"no server is running, and {path} is no spool: {_advice(machine)}"
        raise ControlError(message, "no-server")
    ruleset = _ruleset(machine, file)
    seals = queue_seals(ruleset.settings) if ruleset is not None else PLAIN_SEALS
    routes = routes_of(ruleset.actions) if ruleset is not None else {}
    become_owner(path)
    known = "" if ruleset is not None else "; -f names a configuration, for its actions and keys"
    click.echo(f"no server is running; this is the spool {path}{known}", err=True)
    return OfflineQueue(path, seals, routes.get, StructuredLog())


def _advice(machine: Machine) -> str:
    """Say why there may be no spool."""
    if not machine.root:
        return "if the server has a --root, name it"
    if not Path(machine.root).is_dir():
        return f"there is no folder {machine.root}"
    return "if the server has another --root, name that one"


def _ruleset(machine: Machine, file: str) -> Ruleset | None:
    """Compile the configuration: the one that is named, or that of this machine."""
    path = file or _default(machine)
    return compile_file(path, root=machine.root, defines={}).compilation.ruleset if path else None


def _default(machine: Machine) -> str:
    if machine.is_test_bed:
        return ""
    return next((path for path in DEFAULT_FILES if os.access(path, os.R_OK)), "")
