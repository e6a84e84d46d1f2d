"""`smtpdsl diff OLD NEW`: which mail two configurations treat differently."""

from __future__ import annotations

import click

from smtpdsl.analysis.difference import Comparison, compare
from smtpdsl.cli.asking import Options, explain_options
from smtpdsl.cli.compiling import compiling_options
from smtpdsl.cli.machine import site_of
from smtpdsl.cli.meaning import rulesets_of
from smtpdsl.ir.resolved import Ruleset

_DIFFERENT = 1


@click.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@compiling_options
def diff(old: str, new: str, defines: dict[str, str], root: str, *, as_json: bool) -> None:
    """Print which mail two configurations treat differently, with an example for each difference.

    The rules are compared by what they mean: names, order without effect and the generation of the language make no
    difference.  Actions are the same if they do the same.

    Exit status: 0 the same, 1 different, or the configurations have errors, 2 wrong use.
    """
    before, after = rulesets_of((old, new), root, defines)
    rulesets = before, after
    comparison = compare(*rulesets, (site_of(rulesets[0]), site_of(rulesets[1])))
    click.echo(_shown(comparison, rulesets, explain_options(new, root), as_json=as_json), nl=False)
    raise SystemExit(0 if comparison.is_same else _DIFFERENT)


def _shown(comparison: Comparison, rulesets: tuple[Ruleset, Ruleset], options: Options, *, as_json: bool) -> str:
    if as_json:
        from smtpdsl.cli.difference_json import as_json as render  # noqa: PLC0415 - one of the two is needed

        return render(comparison, rulesets, options)
    from smtpdsl.cli.difference_text import as_text  # noqa: PLC0415

    return as_text(comparison, rulesets, options)
