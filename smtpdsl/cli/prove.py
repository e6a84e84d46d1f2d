"""`smtpdsl prove FILE PROPERTY…`: whether something holds of all mail."""

from __future__ import annotations

import json
import shlex
from typing import Any

import click

from smtpdsl.analysis.prove import Proof, Result
from smtpdsl.analysis.prove import prove as find_out
from smtpdsl.cli.asking import Options, explain_options
from smtpdsl.cli.compiling import compiling_options, terminal_columns, wants_colour
from smtpdsl.cli.machine import site_of
from smtpdsl.cli.meaning import ruleset_of
from smtpdsl.compiler.properties import read_property
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.cells import visible
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir.properties import Property
from smtpdsl.ir.resolved import Ruleset

_STATUS = {Proof.HOLDS: 0, Proof.FAILS: 1, Proof.UNKNOWN: 3}
_WRONG_USE = 2


@click.command()
@click.argument("file", metavar="FILE")
@click.argument("properties", metavar="PROPERTY…", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@compiling_options
def prove(file: str, properties: tuple[str, ...], defines: dict[str, str], root: str, *, as_json: bool) -> None:
    """Tell whether properties hold of all mail, with an example if one does not.

    A PROPERTY is one argument: no-open-relay, always-tls-for-auth, accepts CONDITIONS, rejects CONDITIONS, or
    never match CONDITIONS [action NAME | reject] [unless CONDITIONS], in the words of the language.

    Exit status: 0 all hold, 1 one fails, or the configuration has errors, 2 wrong use, 3 nobody can tell.
    """
    ruleset = ruleset_of(file, root, defines)
    asked = _read(properties, ruleset, Machine(root))
    site = site_of(ruleset)
    options = explain_options(file, root)
    results = [find_out(each, ruleset, site) for each in asked]
    if as_json:
        click.echo(_json(properties, results, ruleset, options), nl=False)
    else:
        texts = (_text(*each, ruleset, options) for each in zip(properties, results, strict=True))
        click.echo("\n".join(texts), nl=False)
    raise SystemExit(_status(results))


def _status(results: list[Result]) -> int:
    proofs = {each.proof for each in results}
    worst = next(proof for proof in (Proof.FAILS, Proof.UNKNOWN, Proof.HOLDS) if proof in proofs)
    return _STATUS[worst]


def _read(texts: tuple[str, ...], ruleset: Ruleset, world: Machine) -> list[Property]:
    """Read the properties; what is wrong with them is wrong use."""
    report = Report()
    found = [read_property(text, number, ruleset, world, report) for number, text in enumerate(texts, 1)]
    if report.diagnostics:
        from smtpdsl.diagnostics.render import render_text  # noqa: PLC0415 - only for mistakes

        text = render_text(report.diagnostics, colour=wants_colour(), columns=terminal_columns())
        click.echo(text, nl=False, err=True)
    read = [each for each in found if each is not None]
    if len(read) < len(texts):
        if len(texts) > 1 and read_property(" ".join(texts), 1, ruleset, world, Report()) is not None:
            click.echo(f"note: a property is one argument: {shlex.quote(' '.join(texts))}", err=True)
        raise SystemExit(_WRONG_USE)
    return read


# ---------------------------------------------------------------- printing


def _text(text: str, result: Result, ruleset: Ruleset, options: Options) -> str:
    lines = [f"{result.proof.value}  {text}"]
    if result.why:
        lines.append(f"  {result.why}")
    if result.listener is not None:
        lines.append(f"  here people can log in without TLS: {result.listener.span.place}")
    if result.decision is not None and result.witness is not None:
        from smtpdsl.cli.difference_text import outcome_words  # noqa: PLC0415 - not everything fails

        lines.append(f"  {outcome_words(result.decision)}")
        lines.append(f"  see  {result.witness.command(options, ruleset)}")
        lines += [f"       {each}" for each in result.witness.assumptions]
    return "".join(f"{visible(line)}\n" for line in lines)


def _json(texts: tuple[str, ...], results: list[Result], ruleset: Ruleset, options: Options) -> str:
    found = [_object(*each, ruleset, options) for each in zip(texts, results, strict=True)]
    return json.dumps({"version": 1, "properties": found}, separators=(",", ":")) + "\n"


def _object(text: str, result: Result, ruleset: Ruleset, options: Options) -> dict[str, Any]:
    from smtpdsl.cli.difference_json import rule_object, witness_object  # noqa: PLC0415 - one form is needed

    rule = result.decision.rule if result.decision else None
    return {
        "property": visible(text),
        "result": result.proof.value,
        "why": visible(result.why) or None,
        "rule": rule_object(rule) if rule else None,
        "witness": witness_object(result.witness, ruleset, options),
    }
