"""Format strings: texts in which ``%{…}`` stands for a value of one delivery.

    spec  = "%{" token [ "[" range "]" | ":" modifier { "|" modifier } ] "}" | "%%"
    range = int | [ int ] ":" [ int ]              both ends belong to it, except a negative last one

    "/var/vmail/%{dest.domain:lowercase}/%{dest.user[0]}"

    FormatString.parts   ("/var/vmail/", Specifier(dest.domain, lowercase), "/", Specifier(dest.user, [0]))

They are used by the methods `mda`, `maildir` and `lmtp`, by wrappers, and by files and
pipes of alias tables and .forward files.  This module reads them once and tells all that
is wrong with one; `ir.format_expansion` puts the values in.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.record import Record

MODIFIERS = ("lowercase", "uppercase", "strip", "raw")
HOME = "user.directory"
MDA = "mda"
# Where a delivery that is no command stands in a wrapper; no command line can have it.
PLACE = "\0"

_TOKENS = (
    *(name + part for name in ("sender", "rcpt", "dest") for part in ("", ".user", ".domain")),
    "user.username",
    HOME,
)
_MODERN_TOKENS = ("mbox.from", MDA)
_MAX_TOKEN_OCTETS = 127

# Words that are too far from the right one for `nearest`.
_MEANT = {
    "user": "user.username",
    "username": "user.username",
    "home": HOME,
    "domain": "dest.domain",
    "from": "sender",
    "recipient": "rcpt",
}
# The letters of releases before 5.3; nothing is expanded for them any more.
_EARLIER_LETTERS = {"u": "user.username", "d": "rcpt.domain"}


class Range(NamedTuple):
    """The characters *first* to *last*; negative counts from the end, and None is the end.

    *last* is included if it is not negative: [0:1] has two characters, [0:-1] drops one.
    """

    first: int
    last: int | None


class Specifier(Record):
    """One ``%{…}``, or the ``~`` that stands for a home directory; *start* and *end* are offsets in the text."""

    token: str
    modifiers: tuple[str, ...] = ()
    range: Range | None = None
    start: int = 0
    end: int = 0

    _uncompared: ClassVar[frozenset[str]] = frozenset({"start", "end"})


class FormatProblem(NamedTuple):
    """What is wrong with some characters of a format string; *is_fatal* if each delivery fails of it."""

    start: int
    end: int
    message: str
    help: str = ""
    is_fatal: bool = True


class FormatString(Record):
    """A format string as read; literal text and specifiers in order."""

    text: str
    parts: tuple[str | Specifier, ...]
    problems: tuple[FormatProblem, ...] = ()
    is_legacy: bool = False

    @property
    def uses_mda(self) -> bool:
        """Whether it holds the command of the action, as a wrapper should."""
        return any(isinstance(part, Specifier) and part.token == MDA for part in self.parts)

    @property
    def specifiers(self) -> tuple[Specifier, ...]:
        """What is expanded, in order."""
        return tuple(part for part in self.parts if isinstance(part, Specifier))


def parse_format(text: str, *, wrapper: bool = False, legacy: bool = False, tilde: bool = True) -> FormatString:
    """Read a format string; what is wrong with it is found in its `problems`.

    Args:
        text: The string as the configuration means it, without quotes.
        wrapper: Whether it is the command of a wrapper, the only place for ``%{mda}``.
        legacy: Whether it belongs to a configuration of the language up to 6.3.
        tilde: Whether ``~/`` at its start is the recipient's home directory.  In the
            command of a modern `mda` it is the shell's, which knows the home of the
            user who delivers.
    """
    return _Reader(text, wrapper=wrapper, legacy=legacy).read(tilde=tilde)


class _Reader:
    """One pass over a format string."""

    def __init__(self, text: str, *, wrapper: bool, legacy: bool) -> None:
        self.text = text
        self.wrapper = wrapper
        self.legacy = legacy
        self.parts: list[str | Specifier] = []
        self.problems: list[FormatProblem] = []
        self.is_expanded = True
        self.letters: list[int] = []

    def read(self, *, tilde: bool) -> FormatString:
        position = 0
        if tilde and self.text.startswith("~/"):
            self.parts.append(Specifier(token=HOME, start=0, end=1))
            position = 1
        while (mark := self.text.find("%", position)) >= 0:
            self.literal(self.text[position:mark])
            position = self.after_percent(mark)
        self.literal(self.text[position:])
        self.hint_at_letters()
        parts = tuple(self.parts) if self.is_expanded else (self.text,)
        self.problems.sort(key=lambda problem: problem.start)
        return FormatString(text=self.text, parts=parts, problems=tuple(self.problems), is_legacy=self.legacy)

    def problem(self, start: int, end: int, message: str, advice: str = "", *, fatal: bool = True) -> None:
        self.problems.append(FormatProblem(start, end, message, advice, fatal))

    def literal(self, text: str) -> None:
        if text and self.parts and isinstance(last := self.parts[-1], str):
            self.parts[-1] = last + text
        elif text:
            self.parts.append(text)

    def after_percent(self, mark: int) -> int:
        """Read what the percent sign at *mark* begins, and return where it ends."""
        following = self.text[mark + 1 : mark + 2]
        if following == "{":
            return self.specifier(mark)
        if following.isascii() and following.isalpha():
            self.letters.append(mark)
        self.literal("%")
        return mark + 2 if following == "%" else mark + 1

    def specifier(self, mark: int) -> int:
        close = self.text.find("}", mark)
        if close < 0:
            self.is_expanded = False
            rest = self.text[mark:]
            message = f'expected "}}" after "{rest}": without it the whole text is used unexpanded'
            self.problem(mark, len(self.text), message, fatal=False)
            return len(self.text)
        end = close + 1
        content = self.text[mark + 2 : close]
        if len(content.encode(errors="replace")) > _MAX_TOKEN_OCTETS:
            self.is_expanded = False
            message = (
                f'expected at most {_MAX_TOKEN_OCTETS} octets between "%{{" and "}}": the whole text is used unexpanded'
            )
            self.problem(mark, end, message, fatal=False)
            return end
        self.parts.append(self.read_specifier(content, mark, end))
        return end

    def read_specifier(self, content: str, start: int, end: int) -> Specifier:
        """Read the *content* of the braces of the specifier from *start* to *end*."""
        length = next((place for place, character in enumerate(content) if character in "[:"), len(content))
        token, mark, rest = content[:length], content[length : length + 1], content[length + 1 :]
        rest_start = start + 2 + length + 1
        name = self.token(token, start, end)
        if mark == "[":
            found = self.range(rest, rest_start, start, end)
            return Specifier(token=name, range=found, start=start, end=end)
        modifiers = self.modifiers(rest, rest_start, start, end) if mark else ()
        return Specifier(token=name, modifiers=modifiers, start=start, end=end)

    def token(self, written: str, start: int, end: int) -> str:
        name = written.lower()
        known = _TOKENS if self.legacy else _TOKENS + _MODERN_TOKENS
        if name not in known:
            message = f'expected the name of a value, found "{written}"'
            self.problem(start, end, message, self.token_advice(name.strip(), known))
        elif name == MDA and not self.wrapper:
            self.problem(start, end, "`%{mda}` has a value only in the command of a wrapper")
        return name

    def token_advice(self, name: str, known: tuple[str, ...]) -> str:
        if self.legacy and name in _MODERN_TOKENS:
            return "this value is younger than the language of this file"
        if near := _MEANT.get(name) or nearest(name, known):
            return f"write `%{{{near}}}`"
        others = "user.username and user.directory" if self.legacy else "user.username, user.directory and mbox.from"
        return f"the values are sender, rcpt and dest, also with .user and .domain, {others}"

    def modifiers(self, text: str, text_start: int, start: int, end: int) -> tuple[str, ...]:
        found = []
        for written in text.split("|"):
            modifier = written.lower()
            if modifier in MODIFIERS:
                found.append(modifier)
            elif "[" in modifier:
                self.both(start, end)
            else:
                near = nearest(written.strip(), MODIFIERS)
                advice = f"write `{near}`" if near else ""
                message = f'expected one of the modifiers {", ".join(MODIFIERS)}, found "{written}"'
                # Where nothing is written, the mark after it is what can be pointed at.
                self.problem(text_start, text_start + max(len(written), 1), message, advice)
            text_start += len(written) + 1
        return tuple(found)

    def both(self, start: int, end: int) -> None:
        self.problem(start, end, "a range and modifiers exclude each other", "keep one of them")

    def range(self, rest: str, rest_start: int, start: int, end: int) -> Range | None:
        """Read a range from the text after its opening bracket."""
        written, close, after = rest.partition("]")
        if not close:
            self.problem(rest_start - 1, end - 1, f'expected "]" after "[{rest}"')
            return None
        after_start = rest_start + len(written) + 1
        if after.startswith(":"):
            self.both(start, end)
        elif after:
            self.problem(after_start, end - 1, f'nothing may follow a range: "{after}" is ignored', fatal=False)
        found = _parse_range(written)
        if found is None:
            message = f'expected a range such as "[0]", "[2:4]" or "[-3:]", found "[{written}]"'
            self.problem(rest_start - 1, after_start, message)
        elif _never_fits(found):
            self.problem(rest_start - 1, after_start, f'no text has the range "[{written}]"', _range_advice(found))
        return found

    def hint_at_letters(self) -> None:
        """Report ``%u`` and ``%d``, unless they look like the format of a date."""
        letters = {self.text[mark + 1] for mark in self.letters}
        if not letters <= _EARLIER_LETTERS.keys() or "+%" in self.text:
            return
        for mark in self.letters:
            letter = self.text[mark + 1]
            message = f"`%{letter}` is used as it stands: nothing is expanded"
            advice = f"write `%{{{_EARLIER_LETTERS[letter]}}}`, or `%%{letter}` if this is meant"
            self.problem(mark, mark + 2, message, advice, fatal=False)


def _parse_range(text: str) -> Range | None:
    first, colon, last = text.partition(":")
    numbers = [_parse_int(number) if number else None for number in (first, last)]
    if any(number is None and written for number, written in zip(numbers, (first, last), strict=True)):
        return None
    if not colon:
        return None if numbers[0] is None else Range(numbers[0], numbers[0])
    return Range(numbers[0] or 0, numbers[1])


def _parse_int(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() else None


def _never_fits(found: Range) -> bool:
    """Whether *found* is empty in a text of any length."""
    if found.last is None or (found.first < 0) != (found.last < 0):
        return False
    # A negative last character is the one before: [0:-1] drops the last one.
    return found.last - (found.last < 0) < found.first


def _range_advice(found: Range) -> str:
    """Say how to name one character counted from the end."""
    if found.first != found.last:
        return ""
    return f"write `[{found.first}:{found.first + 1 or ''}]`"
