"""`smtpdsl check FILE…`: what is wrong with a configuration, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import click

from smtpdsl.cli.asking import Asker
from smtpdsl.cli.compiling import (
    Compiled,
    FileError,
    compile_file,
    compiling_options,
    excerpt_colours,
    terminal_columns,
    wants_colour,
)
from smtpdsl.compiler.target import Target
from smtpdsl.diagnostics.diagnostic import Diagnostic, Severity

_FORMATS = ("text", "concise", "json", "github", "sarif")
# Each round of fixes may make room for the next; a configuration that needs more has a fix that undoes another.
_MAX_ROUNDS = 10


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1)
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", help="How findings are printed.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.option(
    "--target",
    type=click.Choice([target.value for target in Target]),
    default=Target.SMTPDSL.value,
    help="Say too what this release would refuse or do otherwise.",
)
@click.option("--static", is_flag=True, help="Look at nothing of this machine except included files.")
@click.option("--fix", is_flag=True, help="Write the safe fixes into the files.")
@click.option("--diff", is_flag=True, help="Print the safe fixes as a patch (for `patch -p0`) instead of the findings.")
@click.option("--explain", "code", metavar="CODE", help="Explain a kind of finding, and exit.")
@compiling_options
def check(
    files: tuple[str, ...],
    form: str,
    target: str,
    code: str | None,
    defines: dict[str, str],
    root: str,
    *,
    strict: bool,
    static: bool,
    fix: bool,
    diff: bool,
) -> None:
    """Diagnose configurations.

    Exit status: 0 nothing found, 1 found (errors; with --strict warnings too), 2 wrong use or unreadable FILE.
    """
    if code is not None:
        _explain(code)
        return
    if not files:
        message = 'name a file: "smtpdsl check smtpd.conf"'
        raise click.UsageError(message)
    if fix and diff:
        message = "--fix writes what --diff only shows: choose one"
        raise click.UsageError(message)

    def look() -> _Findings:
        compiled: list[Compiled] = []
        unreadable: list[FileError] = []
        for path in dict.fromkeys(files):
            try:
                asker = Asker(path, root, static=static, is_strict=strict)
                compiled.append(
                    compile_file(
                        path, root=root, defines=defines, static=static, target=Target(target), look=asker.look
                    )
                )
            except FileError as error:
                unreadable.append(error)
        return _Findings([found for each in compiled for found in each.findings], compiled, unreadable)

    seen = look()
    if diff:
        _print_patch(seen.found)
    else:
        for _ in range(_MAX_ROUNDS if fix else 0):
            if not _write_fixes(seen.found):
                break
            seen = look()
        if seen.found or not seen.unreadable:
            _print(seen, form)
    for error in seen.unreadable:
        error.show()
    raise SystemExit(_status(seen, strict=strict))


class _Findings(NamedTuple):
    """What a look at all files found, and the files that could not be looked at."""

    found: list[Diagnostic]
    compiled: list[Compiled]
    unreadable: list[FileError]


def _status(seen: _Findings, *, strict: bool) -> int:
    if seen.unreadable:
        return FileError.exit_code
    matters = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return int(any(each.severity in matters for each in seen.found))


def _print(seen: _Findings, form: str) -> None:
    found = seen.found
    if form == "text" and not found:
        click.echo("no problems found")
        return
    if form == "text":
        from smtpdsl.diagnostics.render import render_text  # noqa: PLC0415 - clean files are the usual case

        colours = excerpt_colours(seen.compiled)
        text = render_text(found, colour=wants_colour(), columns=terminal_columns(), colours=colours)
        click.echo(text, nl=False, color=True)
        return
    from smtpdsl.diagnostics import formats  # noqa: PLC0415 - as above

    click.echo(getattr(formats, f"render_{form}")(found), nl=False)


def _print_patch(found: Iterable[Diagnostic]) -> None:
    from smtpdsl.diagnostics.fixes import apply_fixes, unified_diff  # noqa: PLC0415 - only for this option

    patch = unified_diff(apply_fixes(found).changes)
    click.echo(patch.encode("utf-8", "surrogateescape"), nl=False)


def _write_fixes(found: Iterable[Diagnostic]) -> bool:
    """Apply one round of safe fixes; returns whether any file changed."""
    from pathlib import Path  # noqa: PLC0415 - only for this option; it is slow to import

    from smtpdsl.cli.write_back import FileChangedError, write_back  # noqa: PLC0415 - only for this option
    from smtpdsl.diagnostics.fixes import apply_fixes  # noqa: PLC0415

    changes = apply_fixes(found).changes
    for change in changes:
        try:
            write_back(Path(change.file), change.before, change.after)
        except FileChangedError as error:
            raise FileError(str(error)) from error
        except OSError as error:
            message = f'cannot write "{change.file}": {(error.strerror or str(error)).lower()}'
            raise FileError(message) from error
        click.echo(f"fixed {change.file}", err=True)
    return bool(changes)


def _explain(code: str) -> None:
    """Print the document of *code*."""
    from smtpdsl.diagnostics.codes import CODES  # noqa: PLC0415 - only for this option
    from smtpdsl.diagnostics.documents import document  # noqa: PLC0415
    from smtpdsl.diagnostics.suggest import nearest  # noqa: PLC0415

    if code in CODES:
        click.echo(document(code), nl=False)
        return
    near = nearest(code, CODES)
    known = f'did you mean "{near}"?' if near else "a finding has its code in brackets, as in error[unknown-action]"
    message = f'no code "{code}"; {known}'
    raise click.UsageError(message)
