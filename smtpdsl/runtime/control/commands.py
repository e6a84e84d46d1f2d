"""What can be asked of a server: the name of a command, and what it yields.

    "show queue" ──▶ async def show_queue(arguments) -> AsyncIterator[Item]: …

A part of the server offers commands of its own with a few lines,

    commands = {"show routes": rows_of(lambda arguments: relay.routes())}

and `smtpdsl ctl` gets a word for each in `cli/control_words.py`.  Values in both directions are plain JSON, and whoever
gets them looks at each: what a client says is not believed, whoever it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TypeAlias

from smtpdsl.runtime.interfaces import StorageError

# One thing of an answer: plain JSON.
Item: TypeAlias = Mapping[str, object]

_MAX_TEXT = 1024


class ControlError(Exception):
    """It cannot be done; the text is one sentence for whoever asked.  *kind* is a word that programs can rely on."""

    def __init__(self, text: str, kind: str = "failed") -> None:
        """Say *text*."""
        super().__init__(text)
        self.kind = kind


class Arguments:
    """What a client says with a command; whatever it may not say is an error that tells what was expected."""

    def __init__(self, values: Mapping[str, object]) -> None:
        """Read *values*."""
        self._values = dict(values)

    def has(self, name: str) -> bool:
        """Whether something is said of *name* that has not been looked at."""
        return bool(self._values.get(name))

    def text(self, name: str, default: str = "") -> str:
        """Return a text, which may be missing."""
        value = self._values.pop(name, default)
        if not isinstance(value, str) or len(value) > _MAX_TEXT:
            raise _wrong(name, f"a text of at most {_MAX_TEXT} characters")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, which may be missing."""
        value = self._values.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(each, str) and len(each) <= _MAX_TEXT for each in value):
            raise _wrong(name, "a list of texts")
        return tuple(value)

    def flag(self, name: str) -> bool:
        """Return whether something is so; it is not if it is missing."""
        value = self._values.pop(name, False)
        if not isinstance(value, bool):
            raise _wrong(name, "true or false")
        return value

    def end(self) -> None:
        """Refuse what nobody has asked for.

        Raises:
            ControlError: There is more.
        """
        for name in self._values:
            message = f'there is no argument "{name[:_MAX_TEXT]}"'
            raise ControlError(message, "wrong-use")


Handler: TypeAlias = Callable[[Arguments], AsyncIterator[Item]]
Commands: TypeAlias = Mapping[str, Handler]


def rows_of(function: Callable[[Arguments], Iterable[Item]]) -> Handler:
    """Return a command that yields what *function*, which does not wait, returns."""

    async def command(arguments: Arguments) -> AsyncIterator[Item]:
        rows = function(arguments)
        arguments.end()
        for each in rows:
            yield each

    return command


async def answer(commands: Commands, command: str, arguments: Mapping[str, object]) -> AsyncIterator[Item]:
    """Yield what *command* answers.

    Raises:
        ControlError: It cannot be done.
    """
    handler = commands.get(command)
    if handler is None:
        message = f'this server knows no command "{command[:_MAX_TEXT]}"'
        raise ControlError(message, "unknown-command")
    try:
        async for item in handler(Arguments(arguments)):
            yield item
    except StorageError as error:
        raise ControlError(str(error)) from None


def _wrong(name: str, expected: str) -> ControlError:
    return ControlError(f'expected {expected} as "{name}"', "wrong-use")
