"""docs/commands.md is what the commands say of themselves."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from smtpdsl.cli.main import main
from smtpdsl.tooling.command_help import UnknownCommandError, command_names, renewed
from tests.conftest import CompareGolden

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = main.list_commands(click.Context(main))


def test_the_page_is_the_help_of_the_commands(golden: CompareGolden) -> None:
    """Between its comments; ``--update-golden`` writes it anew."""
    golden(PAGE, renewed(TEXT, main))


def test_every_command_has_its_chapter() -> None:
    """A new one needs a heading, and below it ``<!-- smtpdsl NAME -->`` and ``<!-- end -->``."""
    assert list(command_names(TEXT)) == ["smtpdsl", *(f"smtpdsl {name}" for name in COMMANDS)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_described(name: str) -> None:
    """Whatever the command takes, its chapter has it."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    chapter = TEXT.partition(f"<!-- smtpdsl {name} -->")[2].partition("<!-- end -->")[0]
    options = [option for each in command.params if isinstance(each, click.Option) for option in each.opts]

    assert [option for option in options if f"`{option}" not in chapter] == []


def test_a_command_that_does_not_exist_is_a_mistake() -> None:
    """Of the page."""
    with pytest.raises(UnknownCommandError, match='no command "smtpdsl sing"'):
        renewed("<!-- smtpdsl sing -->\n<!-- end -->\n", main)
