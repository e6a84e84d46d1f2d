r"""The grammar's regular expressions, printed as the engine of each editor wants them.

            a or nothing      not before b     any character
Python      (?:a)?            (?!b)            [\s\S]           what the grammar is written in
Oniguruma   (?:a)?            (?!b)            [\s\S]           TextMate grammars; JavaScript takes it too
Vim         \%(a\)\=          \%(b\)\@!        \_.              'magic', between slashes
Emacs       \(?:a\)?          cannot say it    \(?:.\|\n\)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, assert_never

from smtpdsl.tooling.highlight.regex_tree import Choice, End, Literal, Look, OneOf, RegexError, Repeat, Sequence, Tree


class Engine(NamedTuple):
    """How one engine spells what a tree says."""

    group: tuple[str, str]
    alternative: str
    suffixes: dict[tuple[int, int | None], str]
    """How often, in words of `Repeat`, to what is written behind."""
    ahead: tuple[str, str] | None
    not_ahead: tuple[str, str] | None
    end: str
    literal: Callable[[str], str]
    one_of: Callable[[OneOf], str]


def print_regex(tree: Tree, engine: Engine) -> str:
    """Return *tree* in the syntax of *engine*.

    Raises:
        RegexError: The engine has no such construct.
    """
    match tree:
        case Literal(character):
            return engine.literal(character)
        case OneOf():
            return engine.one_of(tree)
        case End():
            return engine.end
        case Sequence(parts):
            return "".join(_grouped(part, engine, Choice) for part in parts)
        case Choice(options):
            return engine.alternative.join(print_regex(option, engine) for option in options)
        case Repeat(item, low, high):
            return _grouped(item, engine, Choice, Sequence, Repeat) + engine.suffixes[low, high]
        case Look(item, is_negated):
            brackets = engine.not_ahead if is_negated else engine.ahead
            if brackets is None:
                message = f"this engine cannot look ahead at {item}"
                raise RegexError(message)
            return brackets[0] + print_regex(item, engine) + brackets[1]
        case _:
            assert_never(tree)


def _grouped(tree: Tree, engine: Engine, *kinds: type[Tree]) -> str:
    text = print_regex(tree, engine)
    return engine.group[0] + text + engine.group[1] if isinstance(tree, kinds) else text


def _escape(character: str, special: str) -> str:
    named = {"\n": r"\n", "\t": r"\t"}
    return named.get(character) or ("\\" + character if character in special else character)


def _bracketed(ranges: tuple[tuple[str, str], ...], special: str) -> str:
    return "".join(
        _escape(low, special) if low == high else f"{_escape(low, special)}-{_escape(high, special)}"
        for low, high in ranges
    )


def _one_of_oniguruma(one: OneOf) -> str:
    if one.is_anything:
        return r"[\s\S]"
    return f"[{'^' * one.is_negated}{_bracketed(one.ranges, '[]^-&' + chr(92))}]"


def _one_of_vim(one: OneOf) -> str:
    if one.is_anything:
        return r"\_."
    newline = ("\n", "\n")
    # There the end of the line is no character: it belongs to a set if the set says so in front.
    has_newline = (newline in one.ranges) is not one.is_negated
    ranges = tuple(each for each in one.ranges if each != newline)
    return f"{chr(92) + '_' if has_newline else ''}[{'^' * one.is_negated}{_bracketed(ranges, ']^-' + chr(92))}]"


def _one_of_emacs(one: OneOf) -> str:
    if one.is_anything:
        return r"\(?:.\|" + "\n" + r"\)"
    # Nothing can be escaped in a set: a bracket has to stand first, a caret not first, and a hyphen last.
    singles = {low for low, high in one.ranges if low == high}
    others = "".join(low if low == high else f"{low}-{high}" for low, high in one.ranges if low not in "]^-")
    return f"[{'^' * one.is_negated}{']' * (']' in singles)}{others}{'^' * ('^' in singles)}{'-' * ('-' in singles)}]"


ONIGURUMA = Engine(
    group=("(?:", ")"),
    alternative="|",
    suffixes={(0, None): "*", (1, None): "+", (0, 1): "?"},
    ahead=("(?=", ")"),
    not_ahead=("(?!", ")"),
    end=r"\z",
    literal=lambda character: _escape(character, r".*+?()[]{}|^$/" + "\\"),
    one_of=_one_of_oniguruma,
)
PYTHON = ONIGURUMA._replace(end=r"\Z")
VIM = Engine(
    group=(r"\%(", r"\)"),
    alternative=r"\|",
    suffixes={(0, None): "*", (1, None): r"\+", (0, 1): r"\="},
    ahead=(r"\%(", r"\)\@="),
    not_ahead=(r"\%(", r"\)\@!"),
    end=r"\%$",
    literal=lambda character: _escape(character, r".*[^$~/" + "\\"),
    one_of=_one_of_vim,
)
EMACS = Engine(
    group=(r"\(?:", r"\)"),
    alternative=r"\|",
    suffixes={(0, None): "*", (1, None): "+", (0, 1): "?"},
    ahead=None,
    not_ahead=None,
    end=r"\'",
    literal=lambda character: "\\" + character if character in r".*+?[^$" + "\\" else character,
    one_of=_one_of_emacs,
)
