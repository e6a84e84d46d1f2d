"""`smtpdsl graph FILE`: the decision diagram as a picture."""

from __future__ import annotations

import shutil
import subprocess

import click

from smtpdsl.cli.compiling import compiling_options
from smtpdsl.cli.machine import site_of
from smtpdsl.cli.meaning import ruleset_of
from smtpdsl.compiler.build_diagram import build_diagram
from smtpdsl.tooling.graph.forms import as_dot, as_mermaid
from smtpdsl.tooling.graph.picture import Picture, picture_of


class CannotDrawError(click.ClickException):
    """There is a diagram, and no picture of it."""

    exit_code = 1


@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--format",
    "form",
    type=click.Choice(["dot", "mermaid", "svg", "json"]),
    default="dot",
    show_default=True,
    help="dot and svg are of Graphviz; svg needs its program `dot`.",
)
@compiling_options
def graph(file: str, form: str, defines: dict[str, str], root: str) -> None:
    """Print the decision diagram that the rules become, as a picture.

    A box asks about one thing of the envelope, an arrow says for which values it is the way on, and a box without
    arrows decides.  In brackets are the lines that a box comes from.

    Exit status: 0 printed, 1 the configuration has errors or its diagram cannot be drawn, 2 wrong use.
    """
    dot = _dot_program() if form == "svg" else ""
    ruleset = ruleset_of(file, root, defines)
    picture = picture_of(build_diagram(ruleset.rules, site_of(ruleset)))
    if picture is None:
        message = f'the rules of "{file}" make a diagram too large to be drawn: the server decides without one'
        raise CannotDrawError(message)
    click.echo(_svg(picture, dot) if form == "svg" else _text(picture, form), nl=False)


def _text(picture: Picture, form: str) -> str:
    if form == "json":
        from smtpdsl.cli.graph_json import as_json  # noqa: PLC0415 - one of the forms is needed

        return as_json(picture)
    return as_dot(picture) if form == "dot" else as_mermaid(picture)


def _dot_program() -> str:
    program = shutil.which("dot")
    if program is None:
        message = "no program `dot`, which draws SVG: install Graphviz, or use --format mermaid"
        raise click.UsageError(message)
    return program


def _svg(picture: Picture, dot: str) -> str:
    done = subprocess.run([dot, "-Tsvg"], input=as_dot(picture).encode(), capture_output=True, check=False)  # noqa: S603
    if done.returncode:
        reason = " ".join(done.stderr.decode(errors="replace").split())
        message = f"`dot` failed: {reason}"
        raise CannotDrawError(message)
    return done.stdout.decode()
