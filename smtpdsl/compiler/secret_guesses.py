r"""Where a secret may stand in a text with several mistakes, whose words nobody could tell apart.

    srsky "f2c1…"                 begins like `srs key`, if only its letters are read
    aut h{ work = "ann:secret" }  ends like `auth`
    tabl ecreds { ann = "hash" }  ends like the name of a table that `auth` asks
    "smtps:a/ann:secret@mx"       something before a host that is no label
    x { y = "ann:secret" }        a name and a password behind a sign of equality

Something too much may be taken for a secret here.  It is looked at only where something is shown, and what is
hidden then are words that nobody understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from smtpdsl.compiler.secret_text import is_like, rest_of_statement

_LINE = re.compile(r"^(?![ \t]*#)[^\n\"']{1,60}", re.MULTILINE)
_BRACE = re.compile(r"^(?P<before>[^\n#]*?)\{", re.MULTILINE)
_NO_LETTERS = re.compile(r"[^a-z]+")
_HEADS = ("queueencryption", "srskey")
_WORDS = ("queue", "encryption", "key", "backup", "stdin", *_HEADS)
_MOST_MISTAKES = 2
# Nobody can have a shorter key.
_LEAST_KEY = 6
# Everything is bounded: a text may be long and have nothing of that in it.
# A number behind a colon is a port, or a part of an account.
_LOGIN = re.compile(r"=[ \t]{0,9}[\"']?([^\s:/\"'{}=,<>]{1,60}:(?!\d{1,9}\b)[^\s:/\"'{}=,<>]+)")
_PASSWORDS = (
    # Where a slash is gone, or what stands before the host is no label of a table.
    re.compile(r"(?:\w:|//)(?![\w.+-]{0,60}@)((?:(?!//)[^\s\"'@]){1,60})@"),
    re.compile(r"[\"'][^\"'\n]{0,60}?//([^\"'\n@]{0,60} [^\"'\n@]{0,60})@"),
)


def passwords(text: str) -> Iterator[tuple[int, int]]:
    """Yield what may be a password, before a host or behind the name of a login."""
    for pattern in (*_PASSWORDS, _LOGIN):
        yield from (found.span(1) for found in pattern.finditer(text))


def keys(text: str) -> Iterator[re.Match[str]]:
    """Yield the tokens that may be a key."""
    for line in _LINE.finditer(text):
        if _begins_like_a_key(line.group()):
            yield from (each for each in rest_of_statement(text, line.start()) if _may_be_key(each))


def lists(text: str, tables: Iterable[str]) -> Iterator[int]:
    """Yield where lists begin that may be logins: those of `auth`, and the values of *tables*."""
    names = [letters for name in tables if len(letters := _letters(name)) > 1]
    for brace in _BRACE.finditer(text):
        before = _letters(brace["before"])
        if is_like(before[-len("auth") :], "auth") or before.endswith(tuple(names)):
            yield brace.end()


def _begins_like_a_key(line: str) -> bool:
    letters = _letters(line)
    return any(
        is_like(letters[:size], head)
        for head in _HEADS
        # To compare takes its time, and most lines begin with quite other letters.
        if not set(head[:3]).isdisjoint(letters[:3])
        for size in range(len(head) - _MOST_MISTAKES, len(head) + _MOST_MISTAKES + 1)
    )


def _may_be_key(token: re.Match[str]) -> bool:
    return token.lastgroup != "word" or not (len(token.group()) < _LEAST_KEY or is_like(token.group(), *_WORDS))


def _letters(text: str) -> str:
    return _NO_LETTERS.sub("", text.lower())
