"""Put the values of one delivery into a format string, so that no value can do harm.

    value  ->  modifiers  ->  sanitising  ->  range  ->  made safe for where it goes

Most values come from strangers: a sender may be ``"; rm -rf ~ #"@example.org``, a
recipient ``..@example.org``.  Where the text is a path, a value never adds a component;
where it is a command, no shell sees a value as anything but part of a word.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from smtpdsl.ir.format_string import HOME, MDA, FormatString, Range, Specifier
from smtpdsl.record import Record
from smtpdsl.text_error import TextError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)

_SANITISED = str.maketrans(dict.fromkeys("!#$%&'*?`{|}~", ":"))
_SANITISED_LEGACY = str.maketrans(dict.fromkeys("!#$%&'*/?^`{|}~", ":"))

# What has no meaning to any shell, in or out of any quotes, however often it is read; the set that shlex leaves bare.
_SHELL_SAFE = frozenset(string.ascii_letters + string.digits + "@%+=:,./_-")


class FormatError(TextError):
    """A specifier has no usable value, so the delivery fails; `is_temporary` if it may be tried again."""

    def __init__(self, message: str, start: int, end: int, help: str = "", *, temporary: bool = False) -> None:  # noqa: A002
        """Blame the specifier from *start* to *end*."""
        super().__init__(message, start, end, help)
        self.is_temporary = temporary


class FormatValues(Record):
    """What the specifiers of one delivery stand for.

    An address is its local part and its domain, or None for the null reverse-path;
    `mda` is the expanded command of the action, for wrappers; `delimiter` begins the
    sub-address.
    """

    sender: tuple[str, str] | None
    rcpt: tuple[str, str] | None
    dest: tuple[str, str] | None
    username: str
    directory: str
    mda: str = ""
    delimiter: str = "+"


def expand_format(text: FormatString, values: FormatValues, *, path: bool = False) -> str:
    """Put *values* into *text*.

    Args:
        text: Any format string; one with a fatal problem cannot be expanded.
        values: What its specifiers stand for.
        path: Whether the result is a path.  Then ``/`` and control characters of a
            value become ``:``, and a component that a value makes ``.`` or ``..`` is
            refused.  The home directory is a path itself and stays as it is.

    Raises:
        FormatError: *text* has a fatal problem, a range lies outside of its value, or
            a value is no file name.
    """
    expansion = list(_expand(text, values, _as_file_name if path else _as_it_is))
    if path:
        _check_components(expansion)
    return "".join(word for word, _ in expansion)


def expand_command(text: FormatString, values: FormatValues) -> str:
    """Put *values* into a command line that one or more shells are going to read.

    A value may stand outside of quotes, in them, and inside of a word that a second
    shell reads (``rspamc --exec "deliver -d %{dest}"``); no quoting is right in all of
    these.  So a value is left with characters that mean nothing to a shell anywhere:
    ASCII letters and digits, ``@ % + = : , . / _ -``, and printable ones outside of
    ASCII.  Each other character becomes ``:``, as sanitising does with most of them,
    and also under `raw`, which saves ``%`` alone.  Of what a local part may hold
    without quotes only ``^`` is lost by this that sanitising keeps.

    The home directory would be another one with a character changed; if it holds an
    unsafe one it is refused.  ``%{mda}`` is a command line already and goes in as it is.

    Two places are refused because there even letters would be read: behind ``$``, and
    behind a backslash if the value is empty.  What the configuration decides stays with
    it: a value may begin with ``-``, so put it behind an option that takes an argument,
    and whoever puts one first lets a stranger name the program.

    Raises:
        FormatError: As `expand_format`; or a place or the home directory is refused.
    """
    command = ""
    for word, specifier in _expand(text, values, _as_shell_word):
        if specifier is not None:
            _check_place(command, word, specifier)
        command += word
    return command


def _check_place(before: str, word: str, specifier: Specifier) -> None:
    """Refuse *word* where what stands *before* it would make a shell do something with it."""
    if before.endswith(("$", "${")):
        message = f'the value of `%{{{specifier.token}}}` would be the name of a variable after "$"'
        raise FormatError(message, specifier.start, specifier.end, "remove the dollar sign")
    if not word and before.endswith("\\"):
        message = f"`%{{{specifier.token}}}` is empty, so the backslash before it would apply to what follows"
        raise FormatError(message, specifier.start, specifier.end, "remove the backslash")


def _expand(
    text: FormatString, values: FormatValues, secure: Callable[[str, Specifier], str]
) -> Iterable[tuple[str, Specifier | None]]:
    """Give the parts of the result in order, each with the specifier that it came from, if any."""
    for problem in text.problems:
        if problem.is_fatal:
            raise FormatError(problem.message, problem.start, problem.end, problem.help)
    for part in text.parts:
        if isinstance(part, str):
            yield part, None
        else:
            yield _expand_specifier(part, values, secure, legacy=text.is_legacy), part


def _expand_specifier(
    specifier: Specifier, values: FormatValues, secure: Callable[[str, Specifier], str], *, legacy: bool
) -> str:
    value = _value(specifier.token, values, legacy=legacy)
    for modifier in specifier.modifiers:
        value = _modify(value, modifier, values.delimiter)
    if "raw" not in specifier.modifiers and specifier.token not in {HOME, MDA}:
        value = value.translate(_SANITISED_LEGACY if legacy else _SANITISED)
    value = secure(value, specifier)
    if specifier.range is not None:
        value = _cut(value, specifier.range, specifier)
    if legacy and not value:
        # Up to 6.3 an empty value stops the delivery; the modern language expands it to nothing.
        message = f"`%{{{specifier.token}}}` is empty"
        raise FormatError(message, specifier.start, specifier.end, temporary=True)
    return value


def _value(token: str, values: FormatValues, *, legacy: bool) -> str:
    match token:
        case "user.username":
            return values.username
        case "user.directory":
            return values.directory
        case "mda":
            return values.mda
        case "mbox.from":
            return _address_text(values.sender) or "MAILER-DAEMON"
    name, _, part = token.partition(".")
    address = {"sender": values.sender, "rcpt": values.rcpt, "dest": values.dest}[name]
    if part:
        return (address or ("", ""))[part == "domain"]
    return _address_text(address) or ("@" if legacy else "")


def _address_text(address: tuple[str, str] | None) -> str:
    if address is None:
        return ""
    local_part, domain = address
    return f"{local_part}@{domain}" if domain else local_part


def _modify(value: str, modifier: str, delimiter: str) -> str:
    match modifier:
        case "lowercase":
            return value.translate(_LOWER)
        case "uppercase":
            return value.translate(_UPPER)
        case "strip":
            return _without_sub_address(value, delimiter)
    return value


def _without_sub_address(value: str, delimiter: str) -> str:
    start, at = value.find(delimiter), value.rfind("@")
    if start < 0 or 0 <= at < start:
        return value
    return value[:start] + (value[at:] if at >= 0 else "")


def _cut(value: str, wanted: Range, specifier: Specifier) -> str:
    """Return the characters that *wanted* names; nothing of nothing, whatever it names."""
    if not value:
        return value
    length = len(value)
    first = wanted.first + (length if wanted.first < 0 else 0)
    last = length - 1 if wanted.last is None else min(wanted.last, length - 1)
    if last < 0:
        # [0:-1] drops the last character and [0:-4] drops four: one less than counting alone would give.
        last += length - 1
    if not 0 <= first <= last:
        end = "" if wanted.last is None else wanted.last
        message = f'expected a range inside of "{value}", which has {length} characters, found "[{wanted.first}:{end}]"'
        raise FormatError(message, specifier.start, specifier.end)
    return value[first : last + 1]


def _as_it_is(value: str, _: Specifier) -> str:
    return value


def _as_file_name(value: str, specifier: Specifier) -> str:
    """Leave no separator in a value that goes into a path."""
    if specifier.token in {HOME, MDA}:
        return value
    return "".join(":" if character == "/" or not character.isprintable() else character for character in value)


def _check_components(expansion: list[tuple[str, Specifier | None]]) -> None:
    """Refuse ``.`` and ``..`` as a component of a path if a value has a share in it."""
    component, share = "", None
    for word, specifier in [*expansion, ("/", None)]:
        value = None if specifier is None or specifier.token == HOME else specifier
        share = share or value
        first, *others = word.split("/")
        component += first
        for following in others:
            if share and component in {".", ".."}:
                message = f'a value makes "{component}" a part of the path'
                raise FormatError(message, share.start, share.end)
            component, share = following, None


def _as_shell_word(value: str, specifier: Specifier) -> str:
    """Leave nothing in *value* that any shell could act upon."""
    if specifier.token == MDA:
        return value
    unsafe = next((character for character in value if not _is_shell_safe(character)), None)
    if unsafe is None:
        return value
    if specifier.token == HOME:
        message = f'expected a home directory that no shell reads otherwise, found "{unsafe}" in "{value}"'
        raise FormatError(message, specifier.start, specifier.end)
    return "".join(character if _is_shell_safe(character) else ":" for character in value)


def _is_shell_safe(character: str) -> bool:
    """Whether every shell takes *character* literally; those that are not printable include every blank."""
    return character in _SHELL_SAFE or (not character.isascii() and character.isprintable())
