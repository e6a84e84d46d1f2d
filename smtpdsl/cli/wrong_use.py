"""What is wrong with a command line, in one sentence that says what was expected, as findings say it.

smtpdsl check --format xml smtpd.conf     --format: expected one of text, concise, json, github, sarif, found "xml"
smtpdsl explain smtpd.conf eve ann        nothing follows RCPT, found "ann"; -f names a configuration
"""

from __future__ import annotations

import re

import click

from smtpdsl.diagnostics.cells import visible
from smtpdsl.diagnostics.suggest import nearest

_QUOTES = "'\""
_NOT_ONE_OF = re.compile(r"(?P<found>'.*'|\".*\") is not one of", re.DOTALL)
_NO_NUMBER = re.compile(r"(?P<found>'.*'|\".*\"|\S+) is not (?:a valid integer|in the range)", re.DOTALL)
_EXTRA = re.compile(r"Got unexpected extra arguments? \((?P<found>.*)\)", re.DOTALL)


def sentence_of(error: click.UsageError) -> str:
    """Return the sentence for *error*: printable, without a capital and a final stop, whoever wrote it."""
    return visible(_sentence(error))


def _sentence(error: click.UsageError) -> str:
    match error:
        case click.NoSuchOption():
            near = nearest(error.option_name, error.possibilities or ())
            return f"no option {error.option_name}" + (f"; did you mean {near}?" if near else "")
        case click.MissingParameter(param=click.Parameter() as parameter):
            return f"expected {_wanted(parameter, error.ctx)}, found nothing"
        case click.BadParameter(param=click.Parameter() as parameter):
            name = f"{_name(parameter, error.ctx)}: " if isinstance(parameter, click.Option) else ""
            return name + _of_value(error, parameter)
        case click.BadOptionUsage():
            needs = "takes a value, found nothing" if "requires" in error.message else "takes no value"
            return f"{error.option_name} {needs}"
    if (extra := _EXTRA.match(error.message)) is not None:
        return _extra(extra["found"], error.ctx)
    return _plain(error.message)


def _of_value(error: click.BadParameter, parameter: click.Parameter) -> str:
    kind = parameter.type
    if isinstance(kind, click.Choice) and (found := _NOT_ONE_OF.match(error.message)) is not None:
        return f'expected {_one_of(kind)}, found "{found["found"][1:-1]}"'
    if isinstance(kind, click.IntRange) and (found := _NO_NUMBER.match(error.message)) is not None:
        return f'expected a number from {kind.min} to {kind.max}, found "{found["found"].strip(_QUOTES)}"'
    return _plain(error.message)


def _wanted(parameter: click.Parameter, ctx: click.Context | None) -> str:
    return _one_of(parameter.type) if isinstance(parameter.type, click.Choice) else _name(parameter, ctx)


def _one_of(choice: click.Choice[str]) -> str:
    return f"one of {', '.join(map(str, choice.choices))}"


def _name(parameter: click.Parameter, ctx: click.Context | None) -> str:
    """Return what `--help` calls it."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.make_metavar(ctx or click.Context(click.Command(None))).strip("[]")


def _extra(found: str, ctx: click.Context | None) -> str:
    """Tell what the last argument is; somebody may have named a configuration where other commands want it."""
    parameters = ctx.command.params if ctx else []
    arguments = [_name(each, ctx) for each in parameters if isinstance(each, click.Argument)]
    takes_file = any(isinstance(each, click.Option) and "-f" in each.opts for each in parameters)
    place = f"nothing follows {arguments[-1]}" if arguments else "no arguments are expected"
    return f'{place}, found "{found}"' + ("; -f names a configuration" if takes_file else "")


def _plain(message: str) -> str:
    words = re.sub("'([^']*)'", r'"\1"', " ".join(message.split()).rstrip("."))
    # A word in capitals is the name of an argument, or of a record in the DNS.
    return words if words[:2].isupper() else words[:1].lower() + words[1:]
