r"""The lines of a file of vectors, as values; README.md beside this file describes them.

    {"id": "st-017", "pre": "ehlo", "send": ["QUIT\r\n"], "codes": ["221"], "conn": "closed", ...}
        Vector(id="st-017", pre="ehlo", steps=(Write(b"QUIT\r\n"),), codes=("221",), conn="closed", ...)

Whatever is not as described is found here, and nowhere later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from tests.vectors.steps import ScriptStep, Step, StepError, parse_script, parse_steps

LISTENERS = frozenset(
    {
        "mx",
        "mx-plain",
        "mx-mbox",
        "mx-filtered",
        "mx-proxy",
        "mx-srs",
        "sub",
        "sub-tls",
        "sub-auth",
        "smtps",
        "mta-out",
    }
)
PRES = ("raw", "none", "ehlo", "mail", "rcpt", "data")
_FIELDS = frozenset(
    {
        "id",
        "area",
        "listener",
        "pre",
        "needs",
        "role",
        "setup",
        "send",
        "expect",
        "codes",
        "conn",
        "accepted",
        "never",
        "state",
        "why",
        "ref",
    }
)
_CONNECTION = frozenset({"open", "closed", "any"})
_STATES = frozenset({"delivered", "temp", "perm", "mixed"})
_QUEUED = re.compile(r"message queued for (\S+@\S+)")


class Role(Enum):
    """Whom the harness plays."""

    CLIENT = "client"
    SERVER_SCRIPT = "server-script"
    DNS = "dns"


class Vector(NamedTuple):
    """One line of the file.

    For a client of the server there are *pre*, *steps*, *codes* and *conn*; for our own client
    there are *queued_for*, *script* and *states*.
    """

    id: str
    area: str
    listener: str
    role: Role
    pre: str
    needs: tuple[str, ...]
    setup: Mapping[str, Any]
    steps: tuple[Step, ...]
    script: tuple[ScriptStep, ...]
    expect: str
    codes: tuple[str, ...]
    conn: str
    accepted: int | None
    never: tuple[str, ...]
    states: frozenset[str]
    queued_for: str = ""
    unknown: tuple[str, ...] = ()


class FormatError(Exception):
    """A line that is no vector; the text says which line and why."""


def parse_file(lines: Iterable[bytes]) -> Iterator[Vector]:
    """Yield the vectors of the *lines* of a file; blank lines are none.

    Raises:
        FormatError: A line is not as README.md describes, or an identifier is there twice.
    """
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            vector = parse_line(line)
        except FormatError as error:
            message = f"line {number}: {error}"
            raise FormatError(message) from None
        if vector.id in seen:
            message = f'line {number}: the id "{vector.id}" is that of line {seen[vector.id]}, too'
            raise FormatError(message)
        seen[vector.id] = number
        yield vector


def parse_line(line: bytes) -> Vector:
    """Return the vector of one *line*.

    Raises:
        FormatError: It is not as README.md describes.
    """
    try:
        fields = json.loads(line.decode("utf-8"))
    except ValueError as error:
        message = f"no JSON in UTF-8: {error}"
        raise FormatError(message) from None
    if not isinstance(fields, dict):
        message = f"expected an object, found {type(fields).__name__}"
        raise FormatError(message)
    try:
        return _vector(fields)
    except (FormatError, StepError) as error:
        message = f"{fields.get('id', 'a vector without id')}: {error}"
        raise FormatError(message) from None


def _vector(fields: dict[str, Any]) -> Vector:
    role = Role(_choice(fields, "role", {each.value for each in Role}, Role.CLIENT.value))
    is_client = role is Role.CLIENT
    if is_client and fields.get("listener") == "mta-out":
        message = "`mta-out` is our client, so `role` says whom it meets"
        raise FormatError(message)
    if "send" not in fields:
        message = "`send` is missing"
        raise FormatError(message)
    return Vector(
        id=_text(fields, "id"),
        area=_text(fields, "area", ""),
        listener=_choice(fields, "listener", LISTENERS),
        role=role,
        pre=_choice(fields, "pre", set(PRES), "none") if is_client else "",
        needs=tuple(each.strip().upper() for each in _text(fields, "needs", "").split(",") if each.strip()),
        setup=_setup(fields),
        steps=parse_steps(fields["send"]) if is_client else (),
        script=parse_script(fields["send"]) if role is Role.SERVER_SCRIPT else (),
        expect=_text(fields, "expect", ""),
        codes=_codes(fields),
        conn=_choice(fields, "conn", _CONNECTION, "open"),
        accepted=_count(fields, "accepted"),
        never=_texts(fields, "never"),
        states=frozenset() if is_client else _states(fields),
        queued_for="" if is_client else _recipient(_text(fields, "pre", "")),
        unknown=tuple(sorted(fields.keys() - _FIELDS)),
    )


def _text(fields: dict[str, Any], name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        message = f"`{name}` is missing" if value is None else f"`{name}` is no text: {value!r}"
        raise FormatError(message)
    return value


def _texts(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name, [])
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        message = f"`{name}` is no list of texts: {value!r}"
        raise FormatError(message)
    return tuple(value)


def _choice(fields: dict[str, Any], name: str, choices: Iterable[str], default: str | None = None) -> str:
    value = _text(fields, name, default)
    if value not in set(choices):
        message = f'`{name}` is "{value}", and not one of {", ".join(sorted(choices))}'
        raise FormatError(message)
    return value


def _count(fields: dict[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    message = f"`{name}` is no number: {value!r}"
    raise FormatError(message)


def _setup(fields: dict[str, Any]) -> Mapping[str, Any]:
    value = fields.get("setup", {})
    if not isinstance(value, dict):
        message = f"`setup` is no object: {value!r}"
        raise FormatError(message)
    return value


def _codes(fields: dict[str, Any]) -> tuple[str, ...]:
    codes = _texts(fields, "codes")
    for code in codes:
        try:
            re.compile(code)
        except re.error as error:
            message = f'`codes` has "{code}", which is no regular expression: {error}'
            raise FormatError(message) from None
    return codes


def _states(fields: dict[str, Any]) -> frozenset[str]:
    states = frozenset(_text(fields, "state").split("|"))
    if not states <= _STATES:
        message = f'`state` is "{fields["state"]}", and its words are {", ".join(sorted(_STATES))}'
        raise FormatError(message)
    return states


def _recipient(pre: str) -> str:
    found = _QUEUED.fullmatch(pre)
    if found is None:
        message = f'`pre` is "{pre}", and for our own client it is "message queued for ADDRESS"'
        raise FormatError(message)
    return found[1]
