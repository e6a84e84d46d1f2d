"""What the template of an editor is told about the language; all of it comes from the grammar.

    grammar.lark  ->  its word lists and terminals  ->  Language  ->  templates/*/*.j2

A highlighter takes a text apart as `written_text` of the grammar does, token by token, and
looks a word up in its statement:

    listen on $if tls                 head, option, reference, option
    pki tls.example.org cert "x"      head, a word like any other, option, string
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from smtpdsl.compiler.tables import facts
from smtpdsl.ir.quantity import SECONDS_PER_UNIT, SIZE_UNITS
from smtpdsl.ir.syntax import Dialect
from smtpdsl.tooling.highlight.regex_tree import (
    Choice,
    Literal,
    Look,
    OneOf,
    RegexError,
    Repeat,
    Sequence,
    Tree,
    literally,
    one_of_words,
    parse_regex,
)
from smtpdsl.tooling.highlight.words import Statement, reserved_words, statements

RESERVED_BY = {
    (Dialect.MODERN,): "modern",
    (Dialect.LEGACY,): "legacy",
    (Dialect.MODERN, Dialect.LEGACY): "both",
}
"""The languages that have a statement, to the name of the list of words that are no names in it."""

_TERMINALS = ("WRITTEN_WORD", "NUM", "REFERENCE", "QUOTED", "COMMENT")
# Between the words of a line that tells what the file is.
_BLANK, _NAME, _NO_SIGN = map(parse_regex, (r"[ \t]+", r"[^ \t\n]+", r"[^ \t\n={]"))


class _UnknownFormError(RegexError):
    """A terminal is not what it was when this was written."""

    def __init__(self, token: Tree) -> None:
        super().__init__(f"no editor has been taught a token of this form: {token}")


class Delimited(NamedTuple):
    """A token from one sign to another: a string, a comment."""

    opening: str
    escape: Tree
    """What does not end it although it looks like it."""
    whole: Tree


class Language(NamedTuple):
    """The language, as far as colours go."""

    statements: tuple[Statement, ...]
    reserved: dict[str, tuple[str, ...]]
    """What is a name nowhere, for statements of modern, of legacy and of both languages."""
    word: Tree
    word_inside: OneOf
    """The characters that go on with a word; a keyword ends before any other."""
    number: Tree
    number_itself: Tree
    after_number: Tree
    """The number again, in two: not every engine can look at what follows."""
    quantity: Tree
    """Sizes and times, which the grammar takes for words."""
    reference: Tree
    strings: tuple[Delimited, ...]
    comment: Delimited
    evidence: Choice
    """The beginning of a statement that is found in smtpd.conf and in no other program's file."""
    any_statement: Tree
    """The beginning of what may be a statement."""


@cache
def language() -> Language:
    """Return what the grammar says.

    Raises:
        RegexError: A terminal has a form that no editor has been taught.
    """
    terminals = {name: parse_regex(facts().patterns[name]) for name in _TERMINALS}
    units = SIZE_UNITS + SIZE_UNITS.lower() + "".join(SECONDS_PER_UNIT)
    known = statements()
    number_itself, after_number = _number(terminals["NUM"])
    return Language(
        statements=known,
        reserved={name: tuple(sorted(reserved_words(dialects))) for dialects, name in RESERVED_BY.items()},
        word=terminals["WRITTEN_WORD"],
        word_inside=_word_inside(terminals["WRITTEN_WORD"]),
        number=terminals["NUM"],
        number_itself=number_itself,
        after_number=after_number,
        quantity=parse_regex(rf"[0-9]+(?:\.[0-9]+)?[{''.join(sorted(set(units)))}]"),
        reference=terminals["REFERENCE"],
        strings=_strings(terminals["QUOTED"]),
        comment=_delimited(terminals["COMMENT"]),
        evidence=_evidence(known),
        any_statement=Sequence((one_of_words(each.head for each in known), _BLANK, _NO_SIGN)),
    )


def _evidence(known: Iterable[Statement]) -> Choice:
    """Match a name between two keywords, as in ``action "in" maildir``, or an old rule, as in ``accept from any``."""
    beginnings = []
    for head, dialects, *_, is_named, openings in known:
        between = [_BLANK, _NAME, _BLANK] if is_named else [_BLANK]
        if openings and (is_named or dialects == (Dialect.LEGACY,)):
            beginnings.append(Sequence((literally(head), *between, one_of_words(openings))))
    return Choice(tuple(beginnings))


def _word_inside(word: Tree) -> OneOf:
    """Return the class of characters that a word goes on with, leaving out what a backslash adds."""
    match word:
        case Sequence((OneOf(), Repeat(Choice((OneOf() as inside, *_)), 0, None))):
            return inside
        case _:
            raise _UnknownFormError(word)


def _number(number: Tree) -> tuple[Tree, Tree]:
    """Take apart the digits and what has to follow them."""
    match number:
        case Sequence((*digits, Look(follow, is_negated=False))):
            return Sequence(tuple(digits)), follow
        case _:
            raise _UnknownFormError(number)


def _strings(quoted: Tree) -> tuple[Delimited, ...]:
    match quoted:
        case Choice(options):
            return tuple(map(_delimited, options))
        case _:
            raise _UnknownFormError(quoted)


def _delimited(token: Tree) -> Delimited:
    """Take apart what begins with a sign and repeats characters and escapes."""
    match token:
        case Sequence((Literal(opening), Repeat(Choice((OneOf(is_negated=True), escape, *_)), 0, None), *_)):
            return Delimited(opening, escape, token)
        case _:
            raise _UnknownFormError(token)
