"""What every command that compiles shares: its options, and the way from a path to findings."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from smtpdsl.compiler.pipeline import Compilation, compile_octets
from smtpdsl.compiler.silence import silence
from smtpdsl.compiler.target import Target
from smtpdsl.compiler.world import Machine, Unavailable, read_file
from smtpdsl.diagnostics.cells import visible
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report

if TYPE_CHECKING:
    from smtpdsl.diagnostics.excerpt import Colours

F = TypeVar("F", bound=Callable[..., Any])

# Where OpenSMTPD keeps its configuration: OpenBSD and the BSDs, then Debian.
DEFAULT_FILES = ("/etc/mail/smtpd.conf", "/etc/smtpd.conf")


class FileError(click.ClickException):
    """A file that the command line names cannot be read or written."""

    exit_code = 2


class Compiled(NamedTuple):
    """A file, what became of it, and the findings that no comment silences."""

    name: str
    compilation: Compilation
    findings: list[Diagnostic]


def compiling_options(command: F) -> F:
    """Add `-D` and `--root` to *command*."""
    define = click.option(
        "-D",
        "defines",
        metavar="NAME=VALUE",
        multiple=True,
        callback=_defines,
        help="Define a macro; definitions of that name in files are ignored.",
    )
    root = click.option(
        "--root",
        metavar="DIR",
        default="",
        callback=_root,
        help="Find the absolute paths that the configuration names under DIR; programs keep theirs.",
    )
    return define(root(command))


def _defines(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Split at the last `=`, as smtpd(8) does."""
    defines = {}
    for value in values:
        name, sign, text = value.rpartition("=")
        if not sign or not name:
            message = f'expected NAME=VALUE, found "{value}"'
            raise click.BadParameter(message, ctx, parameter)
        defines[name] = text
    return defines


def _root(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    if value and not os.path.isdir(value):  # noqa: PTH112 - pathlib is not needed for one question
        message = f'"{value}" is no directory'
        raise click.BadParameter(message, ctx, parameter)
    return value


Look = Callable[[Compilation, Report], None]
"""What looks at a compiled file for more than the compiler does; its findings can be silenced as well."""


def compile_file(
    path: str,
    *,
    root: str,
    defines: dict[str, str],
    static: bool = False,
    target: Target = Target.SMTPDSL,
    look: Look | None = None,
) -> Compiled:
    """Run the compiler over the file at *path*, which is taken as given, and *look* over what came out.

    Raises:
        FileError: The file cannot be read.
    """
    if path == "-":
        message = 'no configuration is read from standard input: name a file ("./-" if it is called that)'
        raise FileError(message)
    octets = read_file(path)
    if isinstance(octets, Unavailable):
        message = f'cannot read "{visible(path)}": {octets.reason}'
        raise FileError(message)
    report = Report()
    world = Machine(root, static=static)
    compilation = compile_octets(path, octets, world, report, defines=defines, target=target)
    if look is not None:
        look(compilation, report)
    return Compiled(path, compilation, silence(report.diagnostics, compilation.text))


def default_file() -> str:
    """Return where the configuration of this machine is.

    Raises:
        FileError: There is none.
    """
    for path in DEFAULT_FILES:
        if os.path.exists(path):  # noqa: PTH110 - `Path.exists` raises where a folder may not be entered
            return path
    message = f"no configuration at {' or '.join(DEFAULT_FILES)}; name one"
    raise FileError(message)


def terminal_columns() -> int | None:
    """How wide the terminal is that standard output goes to; None if it goes elsewhere."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None


def excerpt_colours(compiled: Iterable[Compiled]) -> Colours | None:
    """Return the colours of the files of *compiled* for a terminal that shows some."""
    if not wants_colour():
        return None
    # Where nothing is coloured, nobody waits for it.
    from smtpdsl.tooling import excerpt_colours as adapter  # noqa: PLC0415

    texts = (each.compilation.text for each in compiled)
    return adapter.excerpt_colours(file for text in texts if text is not None for file in text.files)


def wants_colour() -> bool:
    """Whether standard output is a terminal whose user has not asked for plain text."""
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
