"""The parser tables and word lists that are made from `grammar.lark`.

    grammar.lark  ->  parser_tables.bin  ->  a Lark parser for each language, and `Facts`

Building the tables takes a quarter of a second and loading them a few milliseconds,
so the package ships them; the file carries the hash of the grammar it was made from,
and one that does not fit is ignored and the tables are built in memory.
`python -m smtpdsl.compiler.tables` writes the file.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import pickle
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import lark
from lark import Lark, Token, Transformer
from lark.grammar import Rule
from lark.lark import PostLex
from lark.lexer import PatternStr
from lark.parsers.lalr_analysis import Action

from smtpdsl.ir.syntax import Dialect

if TYPE_CHECKING:
    from smtpdsl.ir.print_parts import Lexicon

# Strings and not paths: importing pathlib takes longer than loading the tables.
_HERE = os.path.dirname(__file__)  # noqa: PTH120
GRAMMAR = f"{_HERE}/../grammar.lark"
TABLES = f"{_HERE}/parser_tables.bin"
_FORMAT = 3

_LEXERS = {Dialect.MODERN: ("config", "basic"), Dialect.LEGACY: ("legacy_config", "contextual")}
_RESERVED_RULE = {Dialect.MODERN: "reserved", Dialect.LEGACY: "legacy_reserved"}


class _WholeWords(PostLex):
    """Tells a contextual lexer to look for whole words and numbers in every context.

    Otherwise, where no name can stand, it would read `tlsport` as `tls` and `port`.
    """

    always_accept = ("STR", "NUM")

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Return the tokens as they are."""
        return stream


def _whole_words(lexer: str) -> _WholeWords | None:
    return _WholeWords() if lexer == "contextual" else None


class Facts(NamedTuple):
    """Word lists and patterns of the grammar; nothing else lists them."""

    patterns: dict[str, str]
    """Terminal name to regular expression, for the lexical terminals of both levels."""
    words: dict[Dialect, dict[str, str]]
    """Terminal name to its literal text: keywords and punctuation."""
    keywords: dict[Dialect, frozenset[str]]
    heads: dict[Dialect, frozenset[str]]
    """Keywords that a statement can begin with."""
    never_names: dict[Dialect, frozenset[str]]
    """Keywords that cannot stand unquoted where a name is wanted."""


class _Stored(NamedTuple):
    key: str
    facts: Facts
    parsers: dict[Dialect, bytes]


@cache
def facts() -> Facts:
    """Return the word lists of the grammar."""
    return _stored().facts


@cache
def lexicon(dialect: Dialect) -> Lexicon:
    """Return what `ir.printing` needs to know of *dialect*."""
    # Most runs print no tree.
    import re  # noqa: PLC0415

    from smtpdsl.ir.print_parts import Lexicon  # noqa: PLC0415

    known = facts()
    bare_word, number = re.compile(known.patterns["WORD"]), re.compile(known.patterns["NUM"])
    return Lexicon(dialect, bare_word, number, known.keywords[dialect])


def load_parser(dialect: Dialect, transformer: Transformer[Any, Any] | None) -> Lark:
    """Return a parser for *dialect* that hands its reductions to *transformer*.

    Lark's own `load` takes no transformer and spends five times as long: its format is made
    of plain values, from which every object is put together again.
    """
    # Unpickling is safe here: the file lies beside this module and is as trusted as it.
    parser: Any = pickle.loads(_stored().parsers[dialect])  # noqa: S301
    parser.options.transformer = transformer
    parser._prepare_callbacks()  # noqa: SLF001 - the step of Lark's constructor that knows the transformer
    _set_callbacks(parser, parser._callbacks)  # noqa: SLF001
    loaded: Lark = parser
    return loaded


def _set_callbacks(parser: Any, callbacks: dict[Any, Any]) -> None:  # noqa: ANN401 - inside of Lark
    parser.parser.parser_conf.callbacks = callbacks
    parser.parser.parser.parser_conf.callbacks = callbacks
    parser.parser.parser.parser.callbacks = callbacks


@cache
def _stored() -> _Stored:
    key = _key()
    try:
        stored = pickle.loads(_read(TABLES))  # noqa: S301 - as in load_parser()
    except (OSError, EOFError, pickle.UnpicklingError, AttributeError, ModuleNotFoundError):
        stored = None
    if isinstance(stored, _Stored) and stored.key == key:
        return stored
    return _build(key)


def _key() -> str:
    made_by = f"{_FORMAT} lark {lark.__version__}\n".encode()
    return hashlib.sha256(made_by + _read(GRAMMAR)).hexdigest()


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - see _HERE
        return file.read()


def _build(key: str) -> _Stored:
    grammar = _read(GRAMMAR).decode()
    larks = {
        dialect: Lark(
            grammar, start=start, parser="lalr", lexer=lexer, postlex=_whole_words(lexer), keep_all_tokens=True
        )
        for dialect, (start, lexer) in _LEXERS.items()
    }
    written = Lark(grammar, start="written_text", parser="lalr", lexer="basic")
    lexical = [*written.terminals, *larks[Dialect.MODERN].terminals]
    words = {dialect: _literals(made) for dialect, made in larks.items()}
    found = Facts(
        patterns={each.name: each.pattern.to_regexp() for each in lexical if not isinstance(each.pattern, PatternStr)},
        words=words,
        keywords={dialect: _alphabetic(literals.values()) for dialect, literals in words.items()},
        heads={dialect: _heads(made, words[dialect]) for dialect, made in larks.items()},
        never_names={
            Dialect.MODERN: _alphabetic(words[Dialect.MODERN].values()),
            Dialect.LEGACY: _reserved(larks[Dialect.LEGACY], words[Dialect.LEGACY]),
        },
    )
    return _Stored(key, found, {dialect: _dump(made) for dialect, made in larks.items()})


def _literals(parser: Lark) -> dict[str, str]:
    return {each.name: each.pattern.value for each in parser.terminals if isinstance(each.pattern, PatternStr)}


def _alphabetic(words: Any) -> frozenset[str]:  # noqa: ANN401 - any iterable of str
    return frozenset(word for word in words if word[0].isalpha())


def _heads(parser: Lark, words: dict[str, str]) -> frozenset[str]:
    """Return the keywords that begin an expansion of a statement rule."""
    first = {rule.expansion[0].name for rule in parser.rules if _is_statement(rule, parser)}
    return _alphabetic(words[name] for name in first if name in words)


def _is_statement(rule: Rule, parser: Lark) -> bool:
    """Whether *rule* is what stands between two newlines."""
    statement = "_statement" if parser.options.start == ["config"] else "_legacy_statement"
    kinds = {each.expansion[0].name for each in parser.rules if each.origin.name == statement}
    return rule.origin.name in kinds


def _reserved(parser: Lark, words: dict[str, str]) -> frozenset[str]:
    rules = [rule for rule in parser.rules if rule.origin.name == _RESERVED_RULE[Dialect.LEGACY]]
    return _alphabetic(words[rule.expansion[1].name] for rule in rules if rule.expansion[1].name in words)


class _Pickler(pickle.Pickler):
    """Pickles a Lark instance without what belongs to one process."""

    def reducer_override(self, value: Any) -> Any:  # noqa: ANN401 - pickle's signature
        """Modules are imported again, and the two kinds of action stay the two objects that Lark compares."""
        if isinstance(value, ModuleType):
            return importlib.import_module, (value.__name__,)
        return value.name if isinstance(value, Action) else NotImplemented


def _dump(parser: Any) -> bytes:  # noqa: ANN401 - a Lark instance, of which this takes parts away
    _set_callbacks(parser, {})
    del parser._callbacks, parser._parse_tree_builder, parser.source_grammar  # noqa: SLF001
    octets = io.BytesIO()
    _Pickler(octets, pickle.HIGHEST_PROTOCOL).dump(parser)
    return octets.getvalue()


def write_tables() -> str:
    """Write the shipped tables; returns the file."""
    with open(TABLES, "wb") as file:  # noqa: PTH123 - see _HERE
        file.write(pickle.dumps(_build(_key()), protocol=pickle.HIGHEST_PROTOCOL))
    return TABLES


if __name__ == "__main__":
    # Under the name of the module, so that what is pickled can be found again.
    from smtpdsl.compiler import tables  # noqa: PLW0406 - the module as others know it

    print(tables.write_tables())  # noqa: T201 - this is a command
