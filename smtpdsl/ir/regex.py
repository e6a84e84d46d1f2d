r"""The regular expressions of the language: POSIX extended, as people write them.

    ^mx[0-9]+\.example\.org$        found anywhere in the text, in any case of its letters
    (?i)spam                        the only option there is, and it changes nothing

An expression is used as it is written; OpenSMTPD turns it to lower case first, which
makes ``\S`` mean ``\s``.  `ir.regex_syntax` says what is read, and translates it.

Time: with the `re2` extra a search takes time linear in the text.  Python's own
engine, the fallback, tries alternatives one after the other, and an expression such as
``(a|aa)*$`` can take it exponential time on a text that a stranger chooses:
`ir.regex_time` tells which those are.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from smtpdsl.ir.matching import fold
from smtpdsl.ir.regex_scanner import RegexError
from smtpdsl.ir.regex_syntax import Dialect, translate
from smtpdsl.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Regex", "RegexError", "compile_regex", "has_linear_engine", "python_search", "re2_search"]


class Regex(Record):
    """An expression that `compile_regex` has read; equal if written the same."""

    pattern: str

    def matches(self, text: str) -> bool:
        """Whether the expression is found anywhere in *text*."""
        return _search(self.pattern)(fold(text))


def compile_regex(pattern: str) -> Regex:
    """Read *pattern*; the work of the engine is put off until something is matched.

    Raises:
        RegexError: *pattern* is no regular expression.
    """
    translate(pattern, Dialect.PYTHON)
    return Regex(pattern=pattern)


@cache
def _search(pattern: str) -> Callable[[str], bool]:
    return re2_search(pattern) or python_search(pattern)


def python_search(pattern: str) -> Callable[[str], bool]:
    """Return what finds *pattern* in a folded text, by Python's engine."""
    # Both sides are folded, so that no engine's own idea of case comes in.
    import re  # noqa: PLC0415 - only files with regular expressions pay for it

    search = re.compile(translate(pattern, Dialect.PYTHON), re.ASCII | re.DOTALL).search
    return lambda text: search(text) is not None


def has_linear_engine() -> bool:
    """Whether RE2 is installed, for which every expression is quick."""
    return _re2() is not None


def re2_search(pattern: str) -> Callable[[str], bool] | None:
    """Return what finds *pattern* in a folded text, by RE2; None if it is not installed or not able to.

    RE2 has no back-references, no look at what stands beside a word's edge, and no
    intervals above 1000.
    """
    re2 = _re2()
    if re2 is None:
        return None
    options = re2.Options()
    options.never_capture = True
    options.dot_nl = True
    options.log_errors = False
    try:
        search = re2.compile(translate(pattern, Dialect.RE2).encode(), options).search
    except (re2.error, UnicodeEncodeError):
        return None
    # Keys are text that can be encoded; what is not must not become an exception in a decision.
    return lambda text: search(text.encode(errors="replace")) is not None


@cache
def _re2() -> Any:  # noqa: ANN401 - an extra without type hints
    from importlib import import_module  # noqa: PLC0415 - as above

    try:
        return import_module("re2")
    except ImportError:
        return None
