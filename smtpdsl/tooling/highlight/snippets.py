"""The snippets of the editors: one text for all of them, written as Visual Studio Code reads it.

    match from any for domain <${1:domains}> action "${2:in}"

    ${1:domains}            the first place to fill in, and what it holds until then
    ${1|tls,smtps|}         the same, with the texts to choose from

The snippets themselves are in `templates/snippets.toml`.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from smtpdsl.ir.syntax import Dialect

_FILE = Path(__file__).parent.parent / "templates" / "snippets.toml"
_PLACE = re.compile(r"\$\{(?P<number>\d+)(?::(?P<text>[^}]*)|\|(?P<choices>[^}|]*)\|)\}|\\(?P<sign>[$}\\])")

_DIALECTS = {"modern": (Dialect.MODERN,), "legacy": (Dialect.LEGACY,), "both": (Dialect.MODERN, Dialect.LEGACY)}


class Snippet(NamedTuple):
    """A few lines of configuration with places to fill in."""

    prefix: str
    """What somebody types to get it."""
    description: str
    body: str
    dialects: tuple[Dialect, ...]

    @property
    def lines(self) -> list[str]:
        """The body, line by line."""
        return self.body.split("\n")


@cache
def snippets() -> tuple[Snippet, ...]:
    """Return all snippets."""
    found = tomllib.loads(_FILE.read_text(encoding="utf-8"))["snippet"]
    return tuple(
        Snippet(
            each["prefix"], each["description"], each["body"].strip("\n"), _DIALECTS[each.get("generation", "both")]
        )
        for each in found
    )


def fill(snippet: Snippet, choice: int = 0) -> str:
    """Return what is left when every place keeps its text, and of several to choose from the one numbered *choice*."""
    return _PLACE.sub(partial(_filled, choice=choice), snippet.body)


def choices(snippet: Snippet) -> int:
    """Return how many texts the place has that offers most."""
    return max((len(_texts(place)) for place in _PLACE.finditer(snippet.body)), default=1)


def as_snipmate(snippet: Snippet) -> str:
    """Return the body for the snippet engines of Vim, where nothing can be chosen."""

    def place_of(place: re.Match[str]) -> str:
        return place[0] if place["sign"] else f"${{{place['number']}:{_filled(place)}}}"

    return _PLACE.sub(place_of, snippet.body)


def pieces(snippet: Snippet) -> list[str | tuple[int, list[str]]]:
    """Return the body in pieces: texts, and for each place its number and what it may hold."""
    found: list[str | tuple[int, list[str]]] = []
    text, position = "", 0
    for place in _PLACE.finditer(snippet.body):
        text += snippet.body[position : place.start()]
        position = place.end()
        if place["sign"]:
            text += place["sign"]
            continue
        found += [text, (int(place["number"]), _texts(place))]
        text = ""
    return [piece for piece in [*found, text + snippet.body[position:]] if piece]


def _texts(place: re.Match[str]) -> list[str]:
    """Return what *place* may hold."""
    if place["choices"] is not None:
        return place["choices"].split(",")
    return [place["sign"] or place["text"]]


def _filled(place: re.Match[str], choice: int = 0) -> str:
    texts = _texts(place)
    return texts[choice % len(texts)]
