"""`smtpdsl highlight KIND`: the colours of the language for an editor, made from the grammar."""

from __future__ import annotations

from pathlib import Path

import click

from smtpdsl.cli.compiling import FileError
from smtpdsl.tooling.highlight import KINDS, MAIN_FILES, editor_files


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write all files of the editor below DIR instead.",
)
def highlight(kind: str, output: Path | None) -> None:
    """Print the syntax file of an editor, or write everything that the editor takes.

    vim is a syntax file of Vim and Neovim, textmate a grammar as Visual Studio Code and others read it, pygments a
    lexer for Pygments, emacs a major mode.

    Exit status: 0 done, 2 wrong use, or a file cannot be written.
    """
    files = editor_files(kind)
    if output is None:
        click.echo(files[MAIN_FILES[kind]], nl=False)
    else:
        for name, text in files.items():
            _write(output / name, text)
    if kind == "pygments":
        _tell_of_pygments()


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f'cannot write "{path}": {(error.strerror or str(error)).lower()}'
        raise FileError(message) from error
    click.echo(f"wrote {path}", err=True)


def _tell_of_pygments() -> None:
    """Say what gets the library that the lexer is for, where it is missing."""
    from smtpdsl.tooling.excerpt_colours import INSTALL, has_pygments  # noqa: PLC0415 - for this kind alone

    if not has_pygments():
        click.echo(f"Pygments is not installed here; `{INSTALL}` gets it, and colours what `check` shows too", err=True)
