"""What trees of both dialects are drawn from: words, tables, options, shared statements."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from smtpdsl.compiler.tables import facts, lexicon
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Dialect, Option, Word

SPAN = Source("generated.conf", "").whole()

_BARE = "abcxyzABC019_:-./;?@[]^`|~*+$%&'\"\\"
_KEYWORDS = sorted(facts().keywords[Dialect.MODERN] | facts().keywords[Dialect.LEGACY])
NAMES = ["lo", "t", "example.org", "192.0.2.0/24", "2001:db8::1", "file:/etc/mail/aliases", "4h", "587", "10/8"]


def _is_writable(text: str) -> bool:
    """Whether some token stands for *text*: a backslash at the end needs a bare word, which begins like no number."""
    _, bare_word, number, _ = lexicon(Dialect.MODERN)
    return not text.endswith("\\") or (bare_word.fullmatch(text) is not None and number.match(text) is None)


@functools.cache
def word_texts() -> SearchStrategy[str]:
    """Draw what a word can stand for: names, keywords, numbers, anything in quotes."""
    return st.one_of(
        st.sampled_from(NAMES),
        st.sampled_from(_KEYWORDS),
        st.text(_BARE, min_size=1, max_size=8),
        st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), max_size=8),
        st.text("\\ \t\"'a", max_size=6),
    ).filter(_is_writable)


@functools.cache
def words() -> SearchStrategy[Word]:
    """Draw a word."""
    return word_texts().map(lambda text: Word(span=SPAN, text=text))


@functools.cache
def numbers() -> SearchStrategy[syntax.Number]:
    """Draw a number of the language: 64 bits and a sign."""
    return st.integers(-(2**63), 2**63 - 1).map(lambda value: syntax.Number(span=SPAN, value=value))


def node(kind: Callable[..., Any], **fields: Any) -> SearchStrategy[Any]:  # noqa: ANN401 - a strategy or a fixed value
    """Draw a node; every field that is no strategy already is the field's value."""
    drawn = {name: each if isinstance(each, SearchStrategy) else st.just(each) for name, each in fields.items()}
    return st.builds(kind, span=st.just(SPAN), **drawn)


def some(what: SearchStrategy[Any], at_least: int = 0) -> SearchStrategy[tuple[Any, ...]]:
    """Draw a tuple of at most four."""
    return st.lists(what, min_size=at_least, max_size=4).map(tuple)


@functools.cache
def inline_lists() -> SearchStrategy[syntax.InlineList]:
    """Draw one word or several in braces."""
    return node(syntax.InlineList, entries=some(words(), 1))


@functools.cache
def inline_mappings() -> SearchStrategy[syntax.InlineMapping]:
    """Draw pairs in braces."""
    return node(syntax.InlineMapping, pairs=some(node(syntax.Pair, key=words(), value=words()), 1))


@functools.cache
def table_refs() -> SearchStrategy[syntax.TableRef]:
    """Draw a table as it is used."""
    return st.one_of(node(syntax.NamedTable, name=words()), inline_lists(), inline_mappings())


Argument: TypeAlias = SearchStrategy[Any] | None


def option(keyword: str, argument: Argument = None, modifier: str | SearchStrategy[Any] | None = None) -> Any:  # noqa: ANN401
    """Draw an option; *modifier* is a word, or a strategy for one."""
    return node(Option, keyword=keyword, argument=argument, modifier=modifier, keyword_span=SPAN)


def each(keywords: str, argument: Argument = None) -> SearchStrategy[Option]:
    """Draw an option with one of *keywords*, which all take the same argument."""
    return st.one_of([option(keyword, argument) for keyword in keywords.split()])


def maybe(what: SearchStrategy[Any] | str) -> SearchStrategy[Any]:
    """Draw *what*, or nothing."""
    return st.none() | (st.just(what) if isinstance(what, str) else what)


def setting(text: str, *values: SearchStrategy[Any]) -> SearchStrategy[syntax.Setting]:
    """Draw a setting with these keywords and values."""
    return node(syntax.Setting, words=tuple(text.split()), values=st.tuples(*values))


def shared_statements() -> SearchStrategy[syntax.Statement]:
    """Draw what both dialects have."""
    limits = some(node(syntax.Limit, key=words(), value=numbers()))
    session_limits = some(node(syntax.Limit, key=words(), value=numbers() | words()))
    families = some(st.sampled_from(["inet4", "inet6"]).map(lambda text: Word(span=SPAN, text=text)))
    content = words() | inline_lists() | inline_mappings()
    return st.one_of(
        node(syntax.Macro, name=words(), value=words()),
        node(syntax.Include, path=words()),
        node(syntax.Table, name=words(), content=content),
        node(syntax.Ca, name=words(), cert=words()),
        node(syntax.Limits, subsystem=st.sampled_from(["mda", "scheduler"]), limits=limits),
        node(syntax.Limits, subsystem=st.just("smtp"), limits=session_limits),
        node(syntax.Limits, subsystem="mta", domain=maybe(words()), limits=limits, families=families),
        setting("mta max-deferred", numbers()),
        setting("smtp ciphers", words()),
        setting("smtp max-message-size", numbers() | words()),
        setting("smtp sub-addr-delim", words()),
        setting("queue compression"),
        setting("queue encryption"),
        setting("queue encryption", words()),
        setting("queue ttl", words()),
    )


def configs(dialect: Dialect, statements: SearchStrategy[syntax.Statement]) -> SearchStrategy[syntax.Config]:
    """Draw a configuration of some *statements*."""
    return node(syntax.Config, dialect=dialect, statements=some(statements))
