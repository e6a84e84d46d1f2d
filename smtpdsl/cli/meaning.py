"""What `explain`, `prove`, `diff` and `graph` ask: the meaning of a configuration that has no errors.

    an error inside the configuration                 it is printed, and nothing is answered: exit status 1
    a file or an interface that is not on this host   it is printed, and the rules answer all the same

A copy of another machine's file can be asked, and so can a user who may not read the keys of the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from smtpdsl.cli.compiling import Compiled, compile_file, excerpt_colours, terminal_columns, wants_colour
from smtpdsl.diagnostics.cells import visible
from smtpdsl.diagnostics.codes import KEY_MISMATCH, UNKNOWN_INTERFACE, UNSAFE_FILE, UNUSABLE_CERTIFICATE
from smtpdsl.diagnostics.diagnostic import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpdsl.diagnostics.diagnostic import Diagnostic
    from smtpdsl.ir.resolved import Ruleset

_NOT_ANSWERED = 1
# Errors that the same file has not on another machine, or for another user, and that no rule depends on.
_OF_THIS_MACHINE = frozenset({UNKNOWN_INTERFACE, UNUSABLE_CERTIFICATE, KEY_MISMATCH, UNSAFE_FILE})


def ruleset_of(path: str, root: str, defines: dict[str, str]) -> Ruleset:
    """Return the meaning of the configuration at *path*; its errors are printed, and end the program.

    Raises:
        SystemExit: It has errors of its own.
    """
    (ruleset,) = rulesets_of((path,), root, defines)
    return ruleset


def rulesets_of(paths: Iterable[str], root: str, defines: dict[str, str]) -> list[Ruleset]:
    """Return what `ruleset_of` does for each of *paths*, after the errors of all of them are printed.

    Raises:
        SystemExit: One has errors of its own.
    """
    found = [_meaning(path, root, defines) for path in paths]
    rulesets = [each for each in found if each is not None]
    if len(rulesets) < len(found):
        raise SystemExit(_NOT_ANSWERED)
    return rulesets


def _meaning(path: str, root: str, defines: dict[str, str]) -> Ruleset | None:
    compiled = compile_file(path, root=root, defines=defines)
    errors = [found for found in compiled.findings if found.severity is Severity.ERROR]
    _show(errors, compiled)
    if not _OF_THIS_MACHINE.issuperset(found.code for found in errors):
        return None
    if errors:
        # Where mail comes in, and with which certificate, is no part of what the rules say.
        click.echo(f'note: a server would not start here; the rules of "{visible(path)}" need none of this', err=True)
    return compiled.compilation.ruleset


def _show(errors: list[Diagnostic], compiled: Compiled) -> None:
    if not errors:
        return
    from smtpdsl.diagnostics.render import render_text  # noqa: PLC0415 - only for broken configurations

    colours = excerpt_colours([compiled])
    text = render_text(errors, colour=wants_colour(), columns=terminal_columns(), colours=colours)
    click.echo(text, nl=False, err=True)
