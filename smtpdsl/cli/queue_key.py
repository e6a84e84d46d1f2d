"""Asks for the key of the queue, where the configuration does not have it."""

from __future__ import annotations

import sys

import click

from smtpdsl.ir.resolved import Globals
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.sealing.seals import Seals
from smtpdsl.runtime.sealing.settings import QueueKeyError, seals_of


class NoQueueKeyError(click.ClickException):
    """There is no key; the message says what was wrong with the answer."""

    exit_code = 1


def queue_seals(settings: Globals) -> Seals:
    """Return how the entries of the queue are sealed; a key may be asked for on the terminal or standard input.

    Raises:
        NoQueueKeyError: It was not given.
    """
    try:
        return seals_of(settings, _ask)
    except QueueKeyError as error:
        raise NoQueueKeyError(str(error)) from None


def _ask(name: str) -> Secret:
    if sys.stdin.isatty():
        # Not echoed, and not among the output.
        typed = click.prompt(f"Key for {name}", hide_input=True, err=True)
        return Secret(typed.encode("utf-8", "surrogateescape"))
    line = sys.stdin.buffer.readline()
    if not line:
        message = f"`{name}` is to be read at start, and there is no line on the standard input"
        raise NoQueueKeyError(message)
    return Secret(line.rstrip(b"\r\n"))
