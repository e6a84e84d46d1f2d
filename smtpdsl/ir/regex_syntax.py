r"""From POSIX extended regular expressions to those of Python and of RE2.

    alternatives = branch { "|" branch } ;
    branch       = { atom { "*" | "+" | "?" | "{" [ n ] [ "," [ m ] ] "}" } } ;
    atom         = "(" alternatives ")" | "[" … "]" | "." | "^" | "$" | "\" character | character ;

What POSIX leaves open is read as people mean it: ``\d``, ``\w``, ``\s``, ``\b`` and
their opposites work inside brackets too, a backslash there protects what follows, a
``{`` that starts no interval is a character, alternatives may be empty.  What cannot
be meant is refused with a reason.

The result is for texts that `fold` has made lower case: literals are folded, and a
bracket that names upper case letters gets the lower ones as well.  Letters, digits
and blanks are those of ASCII.
"""

from __future__ import annotations

import string
from enum import Enum
from typing import NoReturn

from smtpdsl.ir.matching import fold
from smtpdsl.ir.number import read_number
from smtpdsl.ir.regex_bracket import CONTROLS, SHORTHANDS, Bracket, shorthand_set
from smtpdsl.ir.regex_scanner import Scanner

# Nobody nests deeper, and the compiler of Python's engine calls itself for each level.
MAX_DEPTH = 50
MAX_WRAPPED_REPEATS = 50
# RE_DUP_MAX of glibc; POSIX promises 255.
MAX_REPEATS = 32767

_DIGITS = frozenset(string.digits)
# The edges of words, by their names in BSD's re_format(7); GNU writes \< and \>.
_WORD_EDGES = {"[[:<:]]": r"\b(?=[0-9A-Za-z_])", "[[:>:]]": r"\b(?<=[0-9A-Za-z_])"}


class Dialect(Enum):
    """Whose syntax to write; the value is how it spells the end of the text."""

    PYTHON = r"\Z"
    RE2 = r"\z"


def translate(pattern: str, dialect: Dialect) -> str:
    r"""Return *pattern*, a POSIX extended expression, in the syntax of *dialect*.

    The result expects a dot to match any character, and ``\b`` to go by ASCII.

    Raises:
        RegexError: *pattern* is no regular expression.
    """
    return _Translation(pattern, dialect).run()


class _Translation(Scanner):
    """One walk over a pattern, by the grammar above."""

    def __init__(self, pattern: str, dialect: Dialect) -> None:
        super().__init__(pattern, at=len("(?i)") if pattern.startswith("(?i)") else 0)
        self.end_anchor = dialect.value
        self.depth = self.groups = self.wrapped_repeats = 0
        self.closed_groups: set[int] = set()

    def run(self) -> str:
        translated = self.alternatives()
        if self.at < len(self.pattern):
            self.fail('expected no ")" without a "(" before it', self.at, advice=r"write `\)` for the character")
        return translated

    def alternatives(self) -> str:
        branches = [self.branch()]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.branch())
        return "|".join(branches)

    def branch(self) -> str:
        pieces = []
        while self.peek() not in {"", "|", ")"}:
            start = self.at
            atom, can_repeat = self.atom()
            if self.starts_repeat() and not can_repeat:
                self.nothing_to_repeat(f'"{self.pattern[start : self.at]}" is a place, not a character')
            pieces.append(self.repeated(atom))
        return "".join(pieces)

    # Repeats

    def starts_repeat(self) -> bool:
        if self.peek() != "{":
            return self.peek() in {"*", "+", "?"}
        first, second = self.pattern[self.at + 1 : self.at + 2], self.pattern[self.at + 2 : self.at + 3]
        return (second if first == "," else first) in _DIGITS

    def nothing_to_repeat(self, reason: str) -> NoReturn:
        sign = self.peek()
        advice = "write `.*` for any text" if sign == "*" else rf"write `\{sign}` for the character"
        self.fail(f'"{sign}" has nothing to repeat: {reason}', self.at, advice=advice)

    def repeated(self, atom: str) -> str:
        """Read the repeats after *atom*; of several in a row each repeats what is before it.

        Python reads ``a+?`` and ``a{2}+`` otherwise, so signs are merged and intervals wrapped.
        """
        repeat = ""
        while self.starts_repeat():
            sign = self.peek()
            if repeat and (sign == "{" or repeat.startswith("{")):
                atom, repeat = self.wrapped(atom + repeat), ""
            if sign == "{":
                repeat = self.interval()
            else:
                repeat = sign if repeat in {"", sign} else "*"
                self.at += 1
        return atom + repeat

    def wrapped(self, repeated: str) -> str:
        self.wrapped_repeats += 1
        if self.wrapped_repeats > MAX_WRAPPED_REPEATS:
            self.fail(f"expected at most {MAX_WRAPPED_REPEATS} repeats of repeats", self.at)
        return f"(?:{repeated})"

    def interval(self) -> str:
        start = self.at
        end = self.pattern.find("}", start)
        low, comma, high = self.pattern[start + 1 : end].partition(",")
        if end < 0 or (low + high).strip(string.digits):
            self.fail('expected "}" after the numbers of an interval', start, advice=r"write `\{` for the character")
        self.at = end + 1
        least, most = read_number(low or "0", MAX_REPEATS), read_number(high or "0", MAX_REPEATS)
        if least is None or most is None:
            self.fail(f"expected an interval of at most {MAX_REPEATS} repeats", start, self.at)
        if high and most < least:
            self.fail(f"expected the smaller number of an interval first, found {least},{most}", start, self.at)
        return f"{{{least}{comma}{most if high else ''}}}"

    # Atoms

    def atom(self) -> tuple[str, bool]:
        """Read one atom; a place in the text, unlike a character, cannot be repeated."""
        if self.starts_repeat():
            self.nothing_to_repeat("nothing stands before it")
        character = self.peek()
        if character == "(":
            return self.group(), True
        if character == "\\":
            return self.escape()
        if self.peek(7) in _WORD_EDGES:
            self.at += 7
            return _WORD_EDGES[self.pattern[self.at - 7 : self.at]], False
        if character == "[":
            bracket = Bracket(self.pattern, self.at)
            translated = bracket.read()
            self.at = bracket.at
            return translated, True
        self.at += 1
        if character in "^$":
            return ("^" if character == "^" else self.end_anchor), False
        return "." if character == "." else _literal(character), True

    def group(self) -> str:
        start = self.at
        if self.peek(2) == "(?":
            advice = "write `(` alone, or `(?i)` at the start"
            self.fail('"(?" has no meaning in a POSIX regular expression', start, start + 2, advice)
        if self.depth == MAX_DEPTH:
            self.fail(f"expected parentheses nested at most {MAX_DEPTH} deep", start)
        self.at += 1
        self.depth += 1
        self.groups += 1
        number = self.groups
        inside = self.alternatives()
        if not self.peek():
            self.fail('expected ")" for the "(" that opens here', start, advice=r"write `\(` for the character")
        self.at += 1
        self.depth -= 1
        self.closed_groups.add(number)
        return f"({inside})"

    def escape(self) -> tuple[str, bool]:
        start = self.at
        self.at += 2
        character = self.pattern[start + 1 : self.at]
        if not character:
            self.fail("expected a character after the backslash", start, advice=r"write `\\` for a backslash")
        if character.lower() in SHORTHANDS:
            return shorthand_set(character), True
        if character in "bB":
            return f"\\{character}", False
        if character in "`'":
            return (r"\A" if character == "`" else self.end_anchor), False
        if character in "<>":
            return _WORD_EDGES[f"[[:{character}:]]"], False
        if character in _DIGITS:
            return self.back_reference(int(character), start), True
        if character.isascii() and character.isalpha() and character not in CONTROLS:
            message = f'"\\{character}" has no meaning in a POSIX regular expression'
            self.fail(message, start, self.at, f'write "{character}" for the character')
        return _literal(CONTROLS.get(character, character)), True

    def back_reference(self, number: int, start: int) -> str:
        if number not in self.closed_groups:
            self.fail(f'expected a group before "\\{number}" that it can repeat', start, self.at)
        # In its own group, or a digit that follows would be part of the number.
        return rf"(?:\{number})"


def _literal(character: str) -> str:
    folded = fold(character)
    return f"\\{folded}" if folded in r".^$*+?{}[]\|()" else folded
