"""Where an alias, a virtual user or a ``.forward`` line sends mail (aliases(5)).

    joe, jim@example.org, "|/usr/bin/vacation joe", /var/mail/archive, :include:/etc/mail/staff

A comma separates; a backslash takes the next character as it is and disappears; quotes
keep commas together and stay.  What a target looks like decides what it is, in the
order of `_READERS`.  OpenSMTPD cuts an address that it does not understand at its
``@`` and delivers to the local user of that name; here it is an address or an error.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from smtpdsl.mail.address_syntax import AddressError, parse_domain, parse_local_part
from smtpdsl.record import Record
from smtpdsl.text_error import TextError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_LINE_OCTETS = 2047
MAX_NAME_OCTETS = 255

# What ends an item, or makes another character lose its meaning.
_SPECIAL = ",\\\"'"
_BLANKS = " \t\n\v\f\r"
_NAME_CHARACTERS = string.ascii_letters + string.digits + "_.-+"


class TargetError(TextError):
    """A value that cannot be used; mail for it waits (424) until it is mended."""


class _Target(Record):
    """The characters *start* to *end* (exclusive) of a value, and what they mean."""

    start: int
    end: int

    _uncompared: ClassVar[frozenset[str]] = frozenset({"start", "end"})


class ErrorTarget(_Target):
    """``error:550 No such user``: the recipient is refused with this reply."""

    code: int
    text: str


class IncludeTarget(_Target):
    """``:include:/path``: each line of the file is a value."""

    path: str


class CommandTarget(_Target):
    """``|command``: the message is piped to a shell command."""

    command: str


class FileTarget(_Target):
    """``/path``: the message is appended to a file."""

    path: str


class AddressTarget(_Target):
    """``user@domain``: back through the rules; the local part is unquoted, as in `Mailbox`."""

    local_part: str
    domain: str


class UserTarget(_Target):
    """``user``: another alias or a user of the userbase."""

    name: str


Target: TypeAlias = ErrorTarget | IncludeTarget | CommandTarget | FileTarget | AddressTarget | UserTarget


class Item(Record):
    """One item of a value: what it means without its backslashes, and where it stands in the value."""

    text: str
    start: int
    end: int


def parse_targets(text: str) -> tuple[Target, ...]:
    """Read the value of an alias, or a line of an include file or ``.forward``, without comments.

    Raises:
        TargetError: An item is no target, a quote is open, or the line is longer than 2047 octets.
    """
    if len(text.encode(errors="replace")) > MAX_LINE_OCTETS:
        message = f"expected at most {MAX_LINE_OCTETS} octets in a line of targets"
        raise TargetError(message, 0, len(text))
    return tuple(_read(item) for item in split_items(text))


def split_items(text: str) -> Iterator[Item]:
    """Yield the items between commas that are not empty.

    Raises:
        TargetError: A quote is open, or nothing follows a backslash.
    """
    if not any(character in text for character in _SPECIAL):
        # As most lines of long lists are, which are read by the hundred thousand.
        yield from _item([text], text, 0, len(text))
        return
    content: list[str] = []
    start = position = 0
    quote, quote_start = "", 0
    while position < len(text):
        character = text[position]
        if character == "," and not quote:
            yield from _item(content, text, start, position)
            content, start = [], position + 1
        elif character == "\\":
            position += 1
            content += text[position : position + 1]
        else:
            content.append(character)
            if character in {quote, '"', "'"} and (not quote or character == quote):
                quote, quote_start = ("" if quote else character), position
        position += 1
    if quote:
        message = f"expected a closing {quote} for the one that opens here"
        raise TargetError(message, quote_start, len(text))
    if position > len(text):
        message = "expected a character after the backslash"
        raise TargetError(message, len(text) - 1, len(text))
    yield from _item(content, text, start, len(text))


def _item(content: list[str], text: str, start: int, end: int) -> Iterator[Item]:
    meant = "".join(content).strip(_BLANKS)
    if meant:
        written = text[start:end]
        start += len(written) - len(written.lstrip(_BLANKS))
        yield Item(text=meant, start=start, end=start + len(written.strip(_BLANKS)))


def _read(item: Item) -> Target:
    """Return the first kind of target that *item* looks like."""
    return next(target for read in _READERS if (target := read(item)) is not None)


def _after(text: str, *prefixes: str) -> str | None:
    """What follows one of *prefixes*, in any case of its letters; None without them."""
    return next((text[len(prefix) :] for prefix in prefixes if text.lower().startswith(prefix)), None)


def _wrong(item: Item, message: str, advice: str = "") -> TargetError:
    return TargetError(message, item.start, item.end, advice)


def _error_target(item: Item) -> Target | None:
    reply = _after(item.text, ":error:", "error:")
    if reply is None:
        return None
    code, blank, text = reply[:3], reply[3:4], reply[4:]
    is_code = len(code) == len("550") and code.isascii() and code.isdecimal() and code[0] in "45"
    if not is_code or blank != " " or not (text[:1].isascii() and text[:1].isalnum()):
        message = "expected a reply code 4yz or 5yz, one blank and a text that starts with a letter or a digit"
        raise _wrong(item, message, 'write for example "error:550 No such user"')
    return ErrorTarget(start=item.start, end=item.end, code=int(code), text=text)


def _include_target(item: Item) -> Target | None:
    path = _after(item.text, ":include:", "include:")
    if path is None:
        return None
    if not path.startswith("/"):
        raise _wrong(item, f'expected an absolute path after "{item.text[: len(item.text) - len(path)]}"')
    return IncludeTarget(start=item.start, end=item.end, path=path)


def _command_target(item: Item) -> Target | None:
    quoted = item.text.startswith('"|')
    if not quoted and not item.text.startswith("|"):
        return None
    if quoted and not item.text.endswith('"'):
        raise _wrong(item, "expected nothing after the closing quote of a command")
    command = item.text[2:-1] if quoted else item.text[1:]
    # OpenSMTPD runs an empty command, which succeeds: the message would be lost.
    if not command.strip(_BLANKS):
        raise _wrong(item, 'expected a command after "|"')
    return CommandTarget(start=item.start, end=item.end, command=command)


def _file_target(item: Item) -> Target | None:
    if not item.text.startswith("/"):
        return None
    return FileTarget(start=item.start, end=item.end, path=item.text)


def _address_target(item: Item) -> Target | None:
    local_part, at, domain = item.text.rpartition("@")
    if not at:
        return None
    try:
        if local_part.startswith('"'):
            local_part = parse_local_part(local_part, utf8=True)
        else:
            # Dots may stand anywhere, as in a..b@example.org: such addresses exist, and `Mailbox` quotes them.
            parse_local_part(local_part.replace(".", "_"), utf8=True)
        parse_domain(domain, utf8=True)
    except AddressError as error:
        raise _wrong(item, f'expected an address, found "{item.text}": {error.message}', _advice(item)) from None
    return AddressTarget(start=item.start, end=item.end, local_part=local_part, domain=domain)


def _user_target(item: Item) -> Target:
    stranger = item.text.lstrip(_NAME_CHARACTERS)[:1]
    if stranger:
        message = f'expected a user name, found "{item.text}" with "{stranger}" in it'
        raise _wrong(item, message, _advice(item))
    if len(item.text) > MAX_NAME_OCTETS:
        raise _wrong(item, f"expected a user name of at most {MAX_NAME_OCTETS} characters, found {len(item.text)}")
    return UserTarget(start=item.start, end=item.end, name=item.text)


def _advice(item: Item) -> str:
    """What is probably meant by a text that is neither a user nor an address."""
    text = item.text
    if "#" in text:
        return "a comment needs a line of its own"
    if text.startswith("<") and text.endswith(">"):
        return f'write "{text[1:-1]}"'
    if " " in text:
        return "separate targets by commas"
    return ""


_READERS: tuple[Callable[[Item], Target | None], ...] = (
    _error_target,
    _include_target,
    _command_target,
    _file_target,
    _address_target,
    _user_target,
)
