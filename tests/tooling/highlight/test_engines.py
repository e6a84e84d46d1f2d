"""The tokenizers of all editors see in a file what our own lexer sees in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import RequirePeer
from tests.tooling.highlight.engines import HERE, ROOT, Seen, ascii_text, engine, texts
from tests.tooling.highlight.own_tokens import (
    COMMENT,
    KEYWORD,
    PLAIN,
    REFERENCE,
    RESERVED,
    STRING,
    UNKNOWN,
    own_kinds,
)

ENGINES = ("pygments", "vim", "textmate", "emacs")
HARD = HERE / "hard"
MISTAKES = HARD / "reserved-words.conf"
CORPUS = (
    *sorted((ROOT / "examples").glob("*.conf")),
    *sorted((ROOT / "tests" / "real_world").glob("*.conf")),
    *sorted(HARD.glob("*.conf")),
)


class Difference(NamedTuple):
    """Something in a file that our lexer takes for another kind than a tokenizer does."""

    file: str
    line: int
    text: str
    own: str
    theirs: str


class Permitted(NamedTuple):
    """A difference that is right or cannot be helped."""

    engines: frozenset[str]
    difference: Difference


EVERYWHERE = frozenset(ENGINES)
# What does not look at one line alone puts the halves of a word together.
LINE_BY_LINE = frozenset({"vim", "textmate"})


def permitted(why: str, *differences: Difference, engines: frozenset[str] = EVERYWHERE) -> Iterator[Permitted]:
    """Permit *differences*; *why* is for the reader."""
    assert why
    return (Permitted(engines, difference) for difference in differences)


PERMITTED = (
    *permitted(
        "The line before ends in a backslash and blanks.  That is an error, which the parser reads over.",
        Difference("003.conf", 19, "auth", KEYWORD, PLAIN),
    ),
    *permitted(
        "A keyword of the statement in one language, and a name in the other: which one holds is in other lines.",
        Difference("111.conf", 5, "smtp", PLAIN, KEYWORD),
    ),
    *permitted(
        "A keyword that came and went is a name where only a name can stand: only the parser knows where that is.",
        Difference("legacy.conf", 14, "disable", PLAIN, KEYWORD),
    ),
    *permitted(
        "A word that is broken in two.",
        Difference("broken-words.conf", 2, "lis\\", KEYWORD, PLAIN),
        Difference("broken-words.conf", 3, "ten", KEYWORD, PLAIN),
        Difference("broken-words.conf", 3, "on", KEYWORD, PLAIN),
        Difference("broken-words.conf", 3, "tls", KEYWORD, PLAIN),
        Difference("broken-words.conf", 4, "t\\", KEYWORD, PLAIN),
        Difference("broken-words.conf", 5, "ls", KEYWORD, PLAIN),
        Difference("broken-words.conf", 6, "m\\", KEYWORD, PLAIN),
        Difference("broken-words.conf", 7, "bo\\", KEYWORD, PLAIN),
        Difference("broken-words.conf", 8, "x", KEYWORD, PLAIN),
        engines=LINE_BY_LINE,
    ),
)

# Not one line that only an smtpd.conf can have: a name and a keyword are on two lines, or there is no rule at all.
UNDETECTED = frozenset({"013.conf", "097.conf", "broken-words.conf"})

# What other programs' files begin with, some of them in the same words.
OTHER_FILES = [
    "AS 65001\nrouter-id 192.0.2.1\nlisten on 127.0.0.1\nmatch from any set localpref 100\n",  # bgpd.conf
    'server "example.org" {\n    listen on * tls port 443\n    tls certificate "/etc/ssl/x"\n}\n',  # httpd.conf
    "table <abusers> persist\nmatch in all scrub (no-df)\nblock in from <abusers>\n",  # pf.conf
    "listen on *\nservers pool.ntp.org\n",  # ntpd.conf
    "relay_domains = $mydestination\ninet_interfaces = all\n",  # Postfix
    "protocols = imap lmtp\nauth_mechanisms = plain\nservice auth {\n}\n",  # Dovecot
    "filter f_mail { facility(mail); };\nlog { source(s_sys); filter(f_mail); };\n",  # syslog-ng
    "user www-data;\nhttp {\n    include mime.types;\n    server { listen 80; }\n}\n",  # nginx
    'action(type="omfile" file="/var/log/mail")\n',  # rsyslog
]

Looked = Callable[[str], dict[Path, Seen]]


@pytest.fixture(scope="module")
def looked(require_peer: RequirePeer, tmp_path_factory: pytest.TempPathFactory) -> Looked:
    """Return what an engine sees in the whole corpus; each is started once."""

    @cache
    def look(name: str) -> dict[Path, Seen]:
        return engine(name, require_peer, tmp_path_factory.mktemp(name))(texts(CORPUS))

    return look


def differences(path: Path, kinds: list[str]) -> Iterator[Difference]:
    """Yield what the tokenizer and our lexer do not agree on, word by word."""
    text = ascii_text(path)
    own = own_kinds(path.name, text)
    start = 0
    while start < len(text):
        end = start + 1
        if not agree(own[start], kinds[start]) and not text[start].isspace():
            pair = own[start], kinds[start]
            while end < len(text) and not text[end].isspace() and (own[end], kinds[end]) == pair:
                end += 1
            yield Difference(path.name, text.count("\n", 0, start) + 1, text[start:end], *pair)
        start = end


def agree(own: str, theirs: str) -> bool:
    """Whether two kinds are the same; where a statement is broken, only some have to be."""
    return own == theirs or (own == UNKNOWN and theirs not in {COMMENT, STRING, REFERENCE})


@pytest.mark.parametrize("name", ENGINES)
def test_all_see_what_our_lexer_sees(name: str, looked: Looked) -> None:
    """Keywords, strings, comments, references, tables and numbers: in both languages, and except for what is listed."""
    found = [each for path, seen in looked(name).items() for each in differences(path, seen.kinds)]

    assert found == [permitted.difference for permitted in sorted(PERMITTED, key=order) if name in permitted.engines]


def order(permitted: Permitted) -> tuple[int, int]:
    """Tell where the difference stands in the corpus."""
    names = [path.name for path in CORPUS]
    return names.index(permitted.difference.file), permitted.difference.line


@pytest.mark.parametrize("name", ENGINES)
def test_words_that_are_no_names_are_marked(name: str, looked: Looked) -> None:
    """A reserved word is marked where a name is wanted; that no other one is, the differences would tell."""
    text, kinds = ascii_text(MISTAKES), looked(name)[MISTAKES].kinds
    marked = "".join(each if kind == RESERVED else " " for each, kind in zip(text, kinds, strict=True))

    assert marked.split() == ["local", "listen", "relay", "tls", "auth", "relay", "filter"]


@pytest.mark.parametrize("name", ENGINES)
def test_files_are_detected_by_what_is_in_them(name: str, looked: Looked) -> None:
    """No name tells what these are."""
    assert {path.name for path, seen in looked(name).items() if not seen.is_detected} == UNDETECTED


@pytest.mark.parametrize("name", ENGINES)
def test_files_of_other_programs_are_left_alone(name: str, require_peer: RequirePeer, tmp_path: Path) -> None:
    """They have some of the words, but no line that is ours."""
    files = {Path(f"{number}.conf"): text for number, text in enumerate(OTHER_FILES)}

    assert not any(seen.is_detected for seen in engine(name, require_peer, tmp_path)(files).values())
