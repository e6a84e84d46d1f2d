"""The command `smtpdsl`; each subcommand is a module that is imported when it is called."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

import smtpdsl

# Command to the one line that `smtpdsl --help` shows, so that listing them imports none.
_COMMANDS = {
    "check": "Diagnose configurations.",
    "ctl": "See and change what a running server does, and its queue.",
    "diff": "Print which mail two configurations treat differently.",
    "dkim-key": "Make a key that mail is signed with.",
    "encrypt": "Hash passwords for a table of logins.",
    "explain": "Trace a sender and a recipient through the rules.",
    "graph": "Draw the decision diagram that the rules become.",
    "highlight": "Print the syntax file of an editor.",
    "prove": "Tell whether properties hold of all mail.",
    "run": "Serve mail, in the foreground.",
}


# A compiler makes many objects and few cycles.  At the usual threshold the collector takes a tenth of the time,
# and at exit it would look at everything once more, a quarter of the time of a small file, only to forget it.
gc.set_threshold(100_000, 20, 20)
atexit.register(gc.freeze)


_WRONG_USE = 2
# As shells call a process that SIGINT has ended.
_INTERRUPTED = 130


class _WrongUseError(click.ClickException):
    """A command line that says nothing we could do."""

    exit_code = _WRONG_USE


class _Commands(click.Group):
    """Looks a subcommand up by importing ``smtpdsl.cli.NAME``."""

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - as in click
        """Run, and say in one sentence that the output cannot be written; click handles closed pipes."""
        try:
            return super().main(*args, **extra)
        except OSError as error:
            _drop_output()
            reason = (error.strerror or str(error)).lower()
            about = f' "{error.filename}"' if error.filename else ""
            click.echo(f"Error: cannot go on{about}: {reason}", err=True)
            raise SystemExit(_WRONG_USE) from None

    def make_context(self, *args: Any, **extra: Any) -> click.Context:  # noqa: ANN401 - as in click
        """Read the command line up to the subcommand."""
        with _one_sentence():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as in click
        """Read the rest of the command line and run the subcommand."""
        with _one_sentence(ctx), _quiet_interrupt():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of *cmd_name*."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"smtpdsl.cli.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Say "did you mean" for a command that does not exist."""
        from smtpdsl.diagnostics.cells import visible  # noqa: PLC0415 - only for mistakes
        from smtpdsl.diagnostics.suggest import nearest  # noqa: PLC0415

        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = nearest(args[0], _COMMANDS)
            possible = f'did you mean "{near}"?' if near else f"possible are {', '.join(_COMMANDS)}"
            ctx.fail(f'no command "{visible(args[0])}"; {possible}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(smtpdsl.__version__, prog_name="smtpdsl")
def main() -> None:
    """Compile, ask and serve configurations of a mail server in the language of smtpd.conf(5)."""
    for stream in (sys.stdout, sys.stderr):
        # Names in a configuration may hold what the terminal's encoding cannot say.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


@contextmanager
def _one_sentence(ctx: click.Context | None = None) -> Iterator[None]:
    """Say what is wrong with a command line and where to read on, without the summary of all options.

    Of an option that lacks its value click does not tell whose it is: then it is that of the subcommand of *ctx*.
    """
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        from smtpdsl.cli.wrong_use import sentence_of  # noqa: PLC0415 - only for mistakes

        path = error.ctx.command_path if error.ctx else _path(ctx)
        sentence = f"{sentence_of(error)} (see `{path} --help`)"
        raise _WrongUseError(sentence) from None


@contextmanager
def _quiet_interrupt() -> Iterator[None]:
    """End without a word on Ctrl-C, which needs no answer; click would say "Aborted!"."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort):
        # Where something was asked for, its line has not ended yet.
        if sys.stderr is not None and sys.stderr.isatty():
            click.echo(err=True)
        raise SystemExit(_INTERRUPTED) from None


def _path(ctx: click.Context | None) -> str:
    return " ".join(filter(None, [ctx.command_path, ctx.invoked_subcommand])) if ctx else "smtpdsl"


def _drop_output() -> None:
    """Throw away what is still buffered: Python would try to write it again at its end, and complain."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
