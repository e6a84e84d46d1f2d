"""`smtpdsl ctl`: see and change what a server does; where none runs, its queue."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Protocol

import click

from smtpdsl.cli.control_queue_text import OFFLINE
from smtpdsl.cli.control_text import Fields, unexpected
from smtpdsl.cli.control_words import ALL, VERBS, Arguments, Verb, WordError, find_verb
from smtpdsl.compiler.world import Machine
from smtpdsl.runtime.control.client import ControlClient, NoServerError
from smtpdsl.runtime.control.commands import ControlError, Item
from smtpdsl.runtime.control.envelopes import SHOWN_STATES
from smtpdsl.runtime.control.port import PATH
from smtpdsl.runtime.log import printable
from smtpdsl.runtime.queue.folder import SpoolError

_WIDTH = max(len(verb.usage) for verb in VERBS) + 2
_VERBS_HELP = "\b\nCommands:\n" + "\n".join(f"  {verb.usage:<{_WIDTH}}{verb.summary}" for verb in VERBS)
# Of what `--json` prints.
JSON_VERSION = 1
# How the server calls filters whose names mean something else here.
_NAMES = {"sender": "from", "recipient": "to"}


class CannotError(click.ClickException):
    """It cannot be done; the message says why."""

    exit_code = 1


class WrongUseError(click.ClickException):
    """What was typed has the right form, and says nothing that can be done; the message says what was expected."""

    exit_code = 2


class Asked(Protocol):
    """A running server, or its queue."""

    def ask(self, command: str, arguments: Mapping[str, object]) -> Iterator[Item]:
        """Yield what is answered to *command*."""


@click.command(epilog=_VERBS_HELP)
@click.argument("words", metavar="COMMAND…", nargs=-1)
@click.option("--from", "sender", metavar="ADDRESS", default="", help="Only envelopes of this sender; <> is nobody.")
@click.option("--to", "recipient", metavar="ADDRESS", default="", help="Only envelopes for this recipient.")
@click.option("--domain", metavar="DOMAIN", default="", help="Only envelopes that go to this domain.")
@click.option("--action", metavar="NAME", default="", help="Only envelopes with this action.")
@click.option("--error", metavar="TEXT", default="", help="Only envelopes whose last error has this in it.")
@click.option(
    "--state",
    "states",
    type=click.Choice(SHOWN_STATES),
    multiple=True,
    help="Only envelopes in this state, or in one of these.",
)
@click.option("--force", is_flag=True, help="Bind to an action that the configuration does not have.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, an object on each line.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "smtpctl"]),
    default="text",
    help="How answers are printed; smtpctl is what scripts for OpenSMTPD expect.",
)
@click.option("-f", "--file", metavar="FILE", default="", help="The configuration, where no server runs to know it.")
@click.option("--root", metavar="DIR", default="", help="The server was started with this --root.")
def ctl(
    words: tuple[str, ...],
    *,
    force: bool,
    as_json: bool,
    form: str,
    file: str,
    root: str,
    states: tuple[str, ...],
    **filters: str,
) -> None:
    """See and change what a running server does: its queue, its routes, and what it has counted.

    Where no server runs, the commands of the queue read and change the spool itself. Words may be cut as long as it
    is clear what is meant (sh q). ID identifies a message (8 digits) or an envelope (16), as in the log. A * in a
    filter stands for any text.

    Exit status: 0 done, 1 it cannot be done, or there is no such envelope, 2 wrong use.
    """
    if as_json and form == "smtpctl":
        message = "`--json` and `--format smtpctl` are two forms; choose one"
        raise click.UsageError(message)
    try:
        verb, operands = find_verb(words)
        arguments = {**verb.read(operands), **_selection(verb, operands, filters, states), **_force(verb, force=force)}
    except WordError as error:
        raise click.UsageError(str(error)) from None
    machine = Machine(os.path.abspath(root) if root else "")  # noqa: PTH100 - no path is built
    try:
        with ExitStack() as stack:
            _tell(_asked(machine, file, stack), verb, arguments, "json" if as_json else form)
    except (ControlError, SpoolError) as error:
        # It may be the server's words.
        is_wrong_use = isinstance(error, ControlError) and error.kind == "wrong-use"
        raise (WrongUseError if is_wrong_use else CannotError)(printable(str(error))) from None


def _tell(asked: Asked, verb: Verb, arguments: Arguments, form: str) -> None:
    """Print what is answered."""
    if form == "smtpctl" and verb.old_lines is not None:
        _print(verb.old_lines(_marked(asked.ask(verb.command, arguments), asked)))
        return
    items = _noticed(asked, verb, arguments)
    if form == "json":
        _print(json.dumps({"version": JSON_VERSION, **item}) for item in items)
    elif verb.command == "show message":
        _write(items)
    else:
        _print(verb.lines(items))


def _selection(
    verb: Verb, operands: Sequence[str], filters: Mapping[str, str], states: Sequence[str]
) -> dict[str, object]:
    """Return the filters; what changes envelopes is told which, in words.

    Raises:
        WordError: A filter means nothing to *verb*, or it is not said which envelopes are meant.
    """
    given: dict[str, object] = {_NAMES.get(name, name): text for name, text in filters.items() if text}
    if states:
        given["states"] = list(states)
    if given and not verb.has_filters:
        message = f"`{' '.join(verb.words)}` takes no filters"
        raise WordError(message)
    if verb.changes and not given and (not operands or operands[0] == "to"):
        message = f"expected identifiers, a filter, or `{ALL}`: {verb.usage}"
        raise WordError(message)
    return given


def _force(verb: Verb, *, force: bool) -> dict[str, object]:
    if force and verb.command != "rebind":
        message = "`--force` is for `rebind`"
        raise WordError(message)
    return {"force": True} if force else {}


def _asked(machine: Machine, file: str, stack: ExitStack) -> Asked:
    """Return the server, connected until the end of *stack*, or its queue if none is running."""
    try:
        return stack.enter_context(ControlClient(machine.locate(PATH)))
    except NoServerError:
        # What reads the spool, and the configuration, is not needed to talk to a server.
        from smtpdsl.cli.control_offline import offline_queue  # noqa: PLC0415

        return offline_queue(machine, file)


def _marked(items: Iterable[Item], asked: Asked) -> Iterator[Item]:
    """Say of each envelope whether it is one of a running server."""
    for item in items:
        yield item if isinstance(asked, ControlClient) else {**item, OFFLINE: True}


def _noticed(asked: Asked, verb: Verb, arguments: Arguments) -> Iterator[Item]:
    """Yield what is answered; if envelopes were named and none has changed, that is an error, which tells why."""
    items = asked.ask(verb.command, arguments)
    ids = arguments.get("ids")
    if not verb.changes or not ids:
        yield from items
        return
    # To the end, before anything else is asked.
    effects = list(items)
    if not any(Fields(each).number(name) for each in effects for name in ("done", "later", "unfit")):
        raise _unchanged(verb, list(asked.ask("show queue", {"ids": ids})))
    yield from effects


def _unchanged(verb: Verb, found: Sequence[Item]) -> ControlError:
    if not found:
        return ControlError("there are no such envelopes in the queue")
    first = Fields(found[0])
    done = " ".join(verb.words)
    return ControlError(f"`{done}` does nothing with what is {first.text('state')}, as {first.text('id')} is")


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _write(items: Iterable[Item]) -> None:
    """Write a message as it is."""
    for item in items:
        try:
            octets = b64decode(Fields(item).raw("octets"), validate=True)
        except ValueError:
            raise unexpected() from None
        click.echo(octets, nl=False)
