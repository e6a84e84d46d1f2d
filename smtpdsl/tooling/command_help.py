"""The help of a command as a part of a page: how it is called, what it does, its options.

    <!-- smtpdsl check -->

    `smtpdsl check [OPTIONS] FILE…`

    Diagnose configurations.

    `--strict`
    : Exit with 1 for warnings too.

    <!-- end -->

Everything between the comments comes from the command itself, so that page and `--help` cannot drift apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

_BLOCK = re.compile(r"^<!-- (?P<name>smtpdsl[a-z -]*) -->\n(?:.*\n)*?<!-- end -->$", re.MULTILINE)


class UnknownCommandError(Exception):
    """A page asks for a command that does not exist."""


def renewed(page: str, program: click.Group) -> str:
    """Return the text of a page with the help of its commands as *program* has it.

    Raises:
        UnknownCommandError: There is no such command.
    """
    return _BLOCK.sub(lambda block: f"<!-- {block['name']} -->\n\n{_help(block['name'], program)}\n<!-- end -->", page)


def command_names(page: str) -> Iterator[str]:
    """Yield the commands whose help a page has, with the program before them."""
    return (block["name"] for block in _BLOCK.finditer(page))


def _help(name: str, program: click.Group) -> str:
    context = click.Context(program, info_name="smtpdsl", **program.context_settings)
    command: click.Command | None = program
    for word in name.split()[1:]:
        assert isinstance(command, click.Group)
        command = command.get_command(context, word)
        if command is None:
            message = f'no command "{name}"'
            raise UnknownCommandError(message)
        context = click.Context(command, context, info_name=word)
    assert command is not None
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    options = (each for each in command.params if isinstance(each, click.Option) and not each.hidden)
    chapters = [f"`{usage}`", *_paragraphs(command.help or ""), *map(_option, options)]
    return "\n\n".join(chapters) + "\n"


def _paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a docstring, each on one line."""
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", cleandoc(text))]


def _option(option: click.Option) -> str:
    """Return an option as a definition."""
    argument = "" if option.is_flag else f" {_argument(option)}"
    terms = ", ".join(f"`{name}{argument}`" for name in option.opts)
    default = f" Default: `{option.default}`." if _has_default(option) else ""
    return f"{terms}\n: {option.help}{default}"


def _argument(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    return "|".join(option.type.choices) if isinstance(option.type, click.Choice) else option.type.name.upper()


def _has_default(option: click.Option) -> bool:
    return isinstance(option.type, click.Choice) and not option.multiple and option.default is not None
