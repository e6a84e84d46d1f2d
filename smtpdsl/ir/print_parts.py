"""Words, tables and options as text: what every statement is printed from.

A word is bare where it reads back as that word, and quoted elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Dialect, Node, Word, quote


class Lexicon(NamedTuple):
    """How words of *dialect* are read; `compiler.tables.lexicon` takes it from the grammar."""

    dialect: Dialect
    bare_word: re.Pattern[str]
    number: re.Pattern[str]
    keywords: frozenset[str]


class PartPrinter:
    """Writes the parts of statements in one dialect."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Write the dialect of *lexicon*."""
        self.lexicon = lexicon
        self.is_legacy = lexicon.dialect is Dialect.LEGACY

    def has_no_text(self, node: Node) -> ValueError:
        """Return the error for a node that the grammar cannot say."""
        return ValueError(f"the language of {self.lexicon.dialect.value} has no text for {node!r}")

    def word(self, word: Word) -> str:
        """Return *word*, quoted if it must be."""
        text = word.text
        if self._reads_as_word(text):
            # Outside quotes a backslash vanishes and the character after it stays.
            return text.replace("\\", "\\\\")
        if text.endswith("\\") or "\n" in text or "\0" in text:
            raise self.has_no_text(word)
        return quote(text, self.lexicon.dialect)

    def _reads_as_word(self, text: str) -> bool:
        if text in self.lexicon.keywords or self.lexicon.number.match(text):
            return False
        return self.lexicon.bare_word.fullmatch(text) is not None

    def words(self, words: Iterable[Word]) -> list[str]:
        """Return the text of each word."""
        return [self.word(word) for word in words]

    def braces(self, content: syntax.InlineList | syntax.InlineMapping) -> str:
        """Return the entries of a table in braces."""
        if isinstance(content, syntax.InlineList):
            entries = self.words(content.entries)
        else:
            entries = [f"{self.word(pair.key)} = {self.word(pair.value)}" for pair in content.pairs]
        if not entries:
            raise self.has_no_text(content)
        return f"{{ {', '.join(entries)} }}"

    def argument(self, argument: syntax.Argument) -> str:
        """Return what stands after a keyword; a list of one is a single word."""
        match argument:
            case Word():
                return self.word(argument)
            case syntax.Number(value=value):
                return str(value)
            case syntax.NamedTable(name=name):
                return f"<{self.word(name)}>"
            case syntax.InlineList(entries=(single,)):
                return self.word(single)
            case _:
                return self.braces(argument)

    def option(self, option: syntax.Option) -> str:
        """Return a keyword with its argument and its second keyword."""
        parts = [option.keyword]
        if option.argument is not None:
            parts.append(self._port(option) or self.argument(option.argument))
        if option.modifier is not None:
            # `backup mx NAME` is the one option whose second keyword comes before the argument.
            parts.insert(1 if option.modifier == "mx" else len(parts), option.modifier)
        return " ".join(parts)

    def _port(self, option: syntax.Option) -> str | None:
        """Return the services that are keywords and yet stand bare after `port`."""
        is_service = isinstance(option.argument, Word) and option.argument.text in {"smtp", "smtps"}
        if option.keyword != "port" or self.is_legacy or not is_service:
            return None
        assert isinstance(option.argument, Word)
        return option.argument.text

    def options(self, options: Iterable[syntax.Option]) -> list[str]:
        """Return the text of each option."""
        return [self.option(option) for option in options]

    def criterion(self, criterion: syntax.Criterion) -> str:
        """Return one thing that a rule or a filter asks."""
        parts = [*criterion.words, "regex"] if criterion.regex else list(criterion.words)
        if criterion.table is not None:
            parts.append(self.argument(criterion.table))
        return ("!" if criterion.negated else "") + " ".join(parts)
