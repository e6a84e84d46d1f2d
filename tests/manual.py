"""The language manual as data: its pages, the options that it describes, its examples.

An option is described by a list of definitions,

    `port PORT`, `port smtp` †
    : The port.  Default: 25, with `smtps` 465. Since 6.6.

whose terms are forms of the grammar; † says that the server does not serve it yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.certificates import Pair, make_pair, rsa_key

ROOT = Path(__file__).parent.parent
ENTRY = ROOT / "docs" / "language.md"
PAGES = [ENTRY, *sorted((ROOT / "docs" / "language").glob("*.md"))]
FENCE = re.compile(r"^```(\S+) ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)

_DEFINITION = re.compile(r"^(?P<terms>`.*`)(?P<mark> †)?\n: (?P<text>.+\n(?: {2}.+\n)*)", re.MULTILINE)
_DEFAULT = re.compile(r"Default: (.+?)\.(?=\s|$)")
_SINCE = re.compile(r"Since (\d\.\d)")
_RULE = re.compile(r"^(match|accept|reject)\b", re.MULTILINE)
# What makes an excerpt whole.
_LISTENER = "listen on 127.0.0.1\n"
_REST = 'action "rest" relay\nmatch from local for any action "rest"\n'


class Option(NamedTuple):
    """What the manual says of an option."""

    page: str
    terms: tuple[str, ...]
    """Its forms, as the grammar has them."""
    is_served: bool
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.terms[0]}"

    @property
    def default(self) -> str | None:
        """What holds without it; None if the manual does not say."""
        return default_in(self.text)

    @property
    def since(self) -> str | None:
        """The release that brought it, if that is not the first one of the language."""
        found = _SINCE.search(self.text)
        return found[1] if found else None

    @property
    def is_only_here(self) -> bool:
        """Whether no release has it."""
        return "Only here." in self.text


class Example(NamedTuple):
    """A configuration of a page, and the files that stand before it there."""

    page: str
    number: int
    text: str
    files: dict[str, str]

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"

    @property
    def is_whole(self) -> bool:
        """Whether it says what to do with mail."""
        return _RULE.search(self.text) is not None

    @property
    def whole(self) -> str:
        """The configuration, completed if it is an excerpt."""
        if self.is_whole:
            return self.text
        return self.text + ("" if "listen on" in self.text else _LISTENER) + _REST

    @property
    def all_files(self) -> dict[str, str]:
        """The files that it names, with certificates and keys made for it."""
        found = dict(self.files)
        for path in re.findall(r'^dkim-sign .* key +"(/.+?)"$', self.text, re.MULTILINE):
            found[path] = rsa_key(2048)
        for pki, rest in re.findall(r"^(?:pki|ca) (\S+) (.*)$", self.text, re.MULTILINE):
            for keyword, path in re.findall(r'(cert|certificate|key) +"(/.+?)"', rest):
                found[path] = _pair(pki).key if keyword == "key" else _pair(pki).certificate
        return found


class Session(NamedTuple):
    """A command, lines that it prints, and the configuration that it is about."""

    example: Example
    command: str
    lines: list[str]

    def __str__(self) -> str:
        return f"{self.example} {self.command}"


def text(page: Path) -> str:
    """Return what a page says."""
    return page.read_text(encoding="utf-8")


def page_named(name: str) -> Path:
    """Return a page by its name."""
    return next(page for page in PAGES if page.stem == name)


def default_in(said: str) -> str | None:
    """Return what *said* calls the default."""
    found = _DEFAULT.search(" ".join(said.split()))
    return found[1] if found else None


def options() -> list[Option]:
    """Return every option that the manual describes."""
    found = []
    for page in PAGES:
        for match in _DEFINITION.finditer(text(page)):
            terms = tuple(re.findall(r"`([^`]+)`", match["terms"]))
            found.append(Option(page.stem, terms, match["mark"] is None, " ".join(match["text"].split())))
    return found


def examples() -> list[Example]:
    """Return every configuration of the manual."""
    return [example for example, _ in _examples()]


def sessions() -> list[Session]:
    """Return every command that the manual shows."""
    found = []
    for example, consoles in list(_examples()):
        for console in consoles:
            for part in console.split("$ ")[1:]:
                command, *lines = part.splitlines()
                found.append(Session(example, command, lines))
    return found


def _examples() -> Iterator[tuple[Example, list[str]]]:
    """Yield each example with the console blocks that follow it."""
    for page in PAGES:
        files: dict[str, str] = {}
        consoles: list[str] = []
        for number, (language, words, content) in enumerate(FENCE.findall(text(page))):
            if language == "text" and words.startswith("/"):
                files = files | {words: content}
            elif language == "smtpd.conf" and words != "skip":
                consoles = []
                yield Example(page.stem, number, content, files), consoles
            elif language == "console":
                consoles.append(content)


@cache
def _pair(name: str) -> Pair:
    return make_pair(name)
