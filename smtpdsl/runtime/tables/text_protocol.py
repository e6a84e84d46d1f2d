"""The text protocol of table programs: one line for each question, one for each answer (OpenSMTPD 7.6).

    we                                             the program
    config|smtpd-version|7.8.0
    config|protocol|0.1
    config|tablename|users
    config|ready
                                                   register|alias
                                                   register|ready
    table|0.1|1795335736.357285|users|lookup|alias|2526087f|joe
                                                   lookup-result|2526087f|found|joe@example.net

The key and the value come last and may contain the separator.  No I/O and no clock: who
waits for which answer, and how long, is for `table_program`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple, TypeAlias

from smtpdsl.ir.table_file import Service

PROTOCOL = "0.1"
# What programs may go by; the protocol has been the same since 7.6.
SMTPD_VERSION = "7.8.0"
# OpenSMTPD sends no longer key to any table.
MAX_KEY_OCTETS = 1023
_SERVICES = {service.value: service for service in Service}
_NEVER_IN_A_KEY = frozenset("\r\n\0")


class TableProtocolError(Exception):
    """A program does not keep to the protocol; the text is a clause for the log, and has no key and no value."""


class KeyRefusedError(Exception):
    """A key that no program is asked for; the text is a clause for the log, and does not repeat it."""


class Operation(Enum):
    """What a program is asked to do; the value is its word."""

    UPDATE = "update"
    CHECK = "check"
    LOOKUP = "lookup"
    FETCH = "fetch"


# Those that are about an entry, and what they say of it.
_ASKING = frozenset({Operation.CHECK, Operation.LOOKUP, Operation.FETCH})
_WITH_VALUE = frozenset({Operation.LOOKUP, Operation.FETCH})
_BY_RESULT = {f"{operation.value}-result": operation for operation in Operation}


class Question(NamedTuple):
    """What a program is asked; an update is about no service, and only a check or a look-up has a key."""

    operation: Operation
    service: Service | None = None
    key: str = ""


class Done(NamedTuple):
    """The table was updated."""


class Found(NamedTuple):
    """There is an entry; a check tells no value."""

    value: str = ""


class NotFound(NamedTuple):
    """There is none."""


class Failed(NamedTuple):
    """The program cannot tell, and perhaps why."""

    why: str = ""


Result: TypeAlias = Done | Found | NotFound | Failed


class Answer(NamedTuple):
    """What a program says to the question *identifier*."""

    operation: Operation
    identifier: str
    result: Result


# ---------------------------------------------------------------- what we say


def greeting(table: str) -> bytes:
    """Return what a program is told first; *table* is the name that the configuration has for it."""
    said = (f"smtpd-version|{SMTPD_VERSION}", f"protocol|{PROTOCOL}", f"tablename|{table}", "ready")
    return b"".join(_octets(f"config|{each}\n") for each in said)


def request(question: Question, identifier: str, table: str, moment: float) -> bytes:
    """Return the line that asks *question*.

    Args:
        question: With a key that is folded already.
        identifier: Eight hexadecimal digits, which no other question has that is not answered yet.
        table: The name of the table.
        moment: Seconds since 1970.

    Raises:
        KeyRefusedError: The key would be another line, or is too long.
    """
    return _octets("|".join((f"table|{PROTOCOL}|{moment:.6f}|{table}", *_asked(question, identifier))) + "\n")


def _asked(question: Question, identifier: str) -> Iterator[str]:
    yield question.operation.value
    if question.operation in _ASKING:
        assert question.service is not None, "an entry is asked for as something"
        yield question.service.value
    yield identifier
    if question.operation in {Operation.CHECK, Operation.LOOKUP}:
        yield checked_key(question.key)


def checked_key(key: str) -> str:
    """Return *key*.

    Raises:
        KeyRefusedError: It would be another line, or is too long.
    """
    if not _NEVER_IN_A_KEY.isdisjoint(key):
        message = "the key has an end of line or a NUL in it"
        raise KeyRefusedError(message)
    if len(_octets(key)) > MAX_KEY_OCTETS:
        message = f"the key is longer than {MAX_KEY_OCTETS} octets"
        raise KeyRefusedError(message)
    return key


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


# ---------------------------------------------------------------- what the program says


class Registration:
    """The first lines of a program: what it can be asked for."""

    def __init__(self) -> None:
        """Know of nothing yet."""
        self.services: set[Service] = set()

    def hear(self, line: bytes) -> bool:
        """Take the next *line*, without its end; say whether it was the last one.

        Raises:
            TableProtocolError: It registers nothing, or no service that there is.
        """
        word, _, name = line.decode("utf-8", "surrogateescape").partition("|")
        if word != "register":
            message = "its first lines register nothing"
            raise TableProtocolError(message)
        if name == "ready":
            if not self.services:
                message = "it registers no service"
                raise TableProtocolError(message)
            return True
        if name not in _SERVICES:
            message = "it registers a service that there is not"
            raise TableProtocolError(message)
        self.services.add(_SERVICES[name])
        return False


def parse_answer(line: bytes) -> Answer:
    """Read a *line*, without its end.

    Raises:
        TableProtocolError: It is no answer.
    """
    word, _, rest = line.decode("utf-8", "surrogateescape").partition("|")
    operation = _BY_RESULT.get(word)
    if operation is None:
        message = "it says something that is no answer"
        raise TableProtocolError(message)
    identifier, _, rest = rest.partition("|")
    result, bar, text = rest.partition("|")
    return Answer(operation, identifier, _result(operation, result, bar, text))


def _result(operation: Operation, word: str, bar: str, text: str) -> Result:
    if word == "error":
        return Failed(text)
    is_about_entry = operation in _ASKING
    if word == "found" and operation in _WITH_VALUE:
        if not text:
            message = "it has found a value that is empty"
            raise TableProtocolError(message)
        return Found(text)
    if not bar:
        if word == "ok" and not is_about_entry:
            return Done()
        if word == "found" and is_about_entry:
            return Found()
        if word == "not-found" and is_about_entry:
            return NotFound()
    message = f"its answer to `{operation.value}` is none of those that there are"
    raise TableProtocolError(message)
