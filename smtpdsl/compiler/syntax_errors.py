"""What a syntax error means to the person who wrote it.

    SyntaxContext (where the parser stopped, what it could have gone on with)  ->  Diagnostic

The parser only knows "expected X, found Y".  The hints know the mistakes that people
make in this language; the first one that recognises the situation words the
diagnostic, and `_plainly` does if none does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, cached_property

from lark import Token

from smtpdsl.compiler.raw_tokens import RawToken, statement_heads, statement_start, tokens_of
from smtpdsl.compiler.tables import facts
from smtpdsl.compiler.written import UNREADABLE
from smtpdsl.diagnostics.codes import SYNTAX_ERROR
from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.diagnostics.span import Passage, Source, Span
from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir.syntax import Dialect, unquote

# More alternatives than this help nobody.
_MAX_LISTED = 8
_MAX_SHOWN = 40


class SyntaxContext:
    """One syntax error: the statement as far as it was read, and the token that did not fit."""

    def __init__(self, source: Source, dialect: Dialect, start: int, bad: Token, expected: frozenset[str]) -> None:
        """Describe the error at *bad* in the statement that begins at *start*."""
        self.source = source
        self.dialect = dialect
        self.start = start
        self.bad = bad
        self.expected_terminals = expected

    @cached_property
    def tokens(self) -> list[RawToken]:
        """The tokens of the statement before the bad one, newlines included."""
        found = tokens_of(self.source.text, self.start, self.bad.start_pos)
        return [token for token in found if token.kind not in {"BLANK", "COMMENT"}]

    @property
    def head(self) -> str:
        """The first word of the statement, or nothing."""
        return self.tokens[0].text if self.tokens else ""

    @property
    def previous(self) -> RawToken | None:
        """The token before the bad one, newlines not counted."""
        return next((token for token in reversed(self.tokens) if token.kind != "NL"), None)

    @cached_property
    def open_brace(self) -> RawToken | None:
        """The brace around the bad token."""
        for token in reversed(self.tokens):
            if token.kind == "OTHER" and token.text in {"{", "}"}:
                return token if token.text == "{" else None
        return None

    @property
    def has_open_brace(self) -> bool:
        """Whether the bad token stands in braces."""
        return self.open_brace is not None

    @cached_property
    def statement_in_braces(self) -> int | None:
        """Where the next statement begins if the brace around the bad token is not closed before it.

        The end of the text counts as a statement.
        """
        if self.open_brace is None:
            return None
        text, is_line_fresh = self.source.text, False
        for token in tokens_of(text, self.open_brace.end):
            if token.text == "}":
                return None
            if is_line_fresh and token.kind == "WORD" and statement_start().match(text, token.start):
                return token.start
            if token.kind not in {"BLANK", "COMMENT"}:
                is_line_fresh = token.kind == "NL"
        return len(text)

    @property
    def is_first_of_line(self) -> bool:
        """Whether only blanks precede the bad token on its line."""
        return not self.line_before.strip(" \t")

    @property
    def is_orphan(self) -> bool:
        """Whether the line is indented and begins with an option: it belongs to the line before."""
        return not self.tokens and self.is_first_of_line and self.orphan_end(self.bad.start_pos or 0) is not None

    def orphan_end(self, start: int) -> int | None:
        """Where the line around *start* ends if it is indented and begins with an option."""
        text = self.source.text
        found = re.compile(r"^[ \t]+([a-z0-9-]+)[^\n]*", re.MULTILINE).match(text, text.rfind("\n", 0, start) + 1)
        if found is None or found[1] not in facts().keywords[self.dialect] - facts().heads[self.dialect]:
            return None
        return found.end()

    @property
    def line_before(self) -> str:
        """The text of the line up to the bad token."""
        start = self.bad.start_pos or 0
        return self.source.text[self.source.text.rfind("\n", 0, start) + 1 : start]

    @property
    def list_is_on_next_line(self) -> bool:
        """Whether the line ends where a list is wanted, and the next one begins with `{`."""
        if self.bad.type != "_NL" or "{" not in self.words:
            return False
        return re.compile(r"\s*\{").match(self.source.text, self.bad.end_pos or 0) is not None

    @cached_property
    def continuation(self) -> int | None:
        """Where the next lines end, if this one is not complete and they can only be its rest."""
        if self.bad.type != "_NL" or self.has_open_brace:
            return None
        text, line_start = self.source.text, self.source.text.rfind("\n", 0, self.start) + 1
        indent = _width(text[line_start : self.start])
        found = _line().match(text, self.bad.end_pos or 0)
        if found is None:
            return None
        is_deeper = _width(found[1]) > indent
        is_wanted = found[2] in self.words or (self.wants_word and found.end() == found.end(2))
        is_statement = statement_start().match(text, found.start(2)) is not None
        if not (is_deeper and is_wanted if is_statement else is_deeper or is_wanted):
            return None
        end = found.end()
        while (found := _line().match(text, end + 1)) is not None and _width(found[1]) > indent:
            end = found.end()
        return end

    @cached_property
    def words(self) -> list[str]:
        """The keywords and signs that could have stood here, in alphabetical order."""
        literals = facts().words[self.dialect]
        return sorted(literals[name] for name in self.expected_terminals if name in literals and name != "_NL")

    @property
    def wants_word(self) -> bool:
        """Whether a name or a string could have stood here."""
        return "STR" in self.expected_terminals

    @property
    def bad_span(self) -> Span:
        """The token that did not fit; for the end of the line, the place behind its last word."""
        if self.bad.type in {"_NL", "$END"}:
            end = self.previous.end if self.previous else self.bad.start_pos or 0
            return Span(self.source, end, end)
        return Span(self.source, self.bad.start_pos or 0, self.bad.end_pos or 0)

    @property
    def macro_value(self) -> Passage | None:
        """The value of a macro that the bad token comes from."""
        through = self.bad_span.written().through
        return through[0] if through else None

    def span(self, token: RawToken) -> Span:
        """The place of *token*."""
        return Span(self.source, token.start, token.end)

    @cached_property
    def rest(self) -> list[RawToken]:
        """The tokens of the line from the bad one on, without comments."""
        text, start = self.source.text, self.bad.start_pos or 0
        found = tokens_of(text, start, text.find("\n", start))
        return [token for token in found if token.kind not in {"BLANK", "COMMENT", "NL"}]

    @property
    def rest_text(self) -> str:
        """The bad token and what follows it on its line, without a comment."""
        return self.source.text[self.rest[0].start : self.rest[-1].end] if self.rest else ""


@cache
def _line() -> re.Pattern[str]:
    """Match a line that is no definition, no comment and no brace: its indentation and its first word."""
    return re.compile(r"([ \t]*)([^\s#{}=][^\s=]*+)(?![ \t]*=)[^\n]*")


def _width(indent: str) -> int:
    return len(indent.expandtabs())


Hint = Callable[[SyntaxContext], Diagnostic | None]


def explain_syntax_error(context: SyntaxContext) -> Diagnostic:
    """Return the diagnostic for the error that *context* describes."""
    # The hints import this module for their context, and most runs need none of them.
    from smtpdsl.compiler.syntax_hints import HINTS  # noqa: PLC0415

    for hint in HINTS:
        if (found := hint(context)) is not None:
            return found
    return _plainly(context)


def declared_name(context: SyntaxContext) -> tuple[str | None, str | None]:
    """Return kind and name of what the broken statement would have declared."""
    tokens = [token for token in (*context.tokens, *context.rest) if token.kind != "NL"]
    if [token.text for token in tokens[:2]] == ["mda", "wrapper"]:
        tokens = [tokens[1], *tokens[2:]]
    head = tokens[0].text if tokens else ""
    if head not in statement_heads() and head not in _DECLARING:
        # A misspelt `action` still declares its name.
        head = nearest(head, _DECLARING) or ""
    if len(tokens) > 1 and head in _DECLARING:
        # A placeholder such as `table <name>`: the name is in there.
        name = next((token for token in tokens[1:3] if token.text not in {"<", "{"}), None)
        return head, _name(context, name) if name else None
    return head or None, None


_DECLARING = ("table", "action", "filter", "proc", "pki", "ca", "wrapper")


def _name(context: SyntaxContext, token: RawToken) -> str | None:
    """Return the name that *token* stands for; in a quote that is never closed it is the first word."""
    if token.text != UNREADABLE:
        return unquote(token.text)
    quote = context.span(token).written().span
    found = re.compile(r"[\"']([^\s\"']+)").match(quote.source.text, quote.start)
    return found[1] if found else None


def describe(token: Token) -> str:
    """Name a token as a reader sees it."""
    if token.type in {"_NL", "$END"}:
        return "the end of the line"
    shown = str(token) if len(token) <= _MAX_SHOWN else f"{token[:_MAX_SHOWN]}…"
    if token.type == "STR":
        return shown if shown[0] in "\"'" else f'"{shown}"'
    if token.type == "NUM":
        return f"the number {shown}"
    if token.type == "STRAY":
        return f"the character `{shown}`" if shown.isprintable() else f"the character U+{ord(shown):04X}"
    return f"`{shown}`"


def expectation(context: SyntaxContext) -> str:
    """Name what could have stood at the error: "a name, `auth` or `tls`"."""
    words = [word for word in context.words if word not in {"!", "=>"}]
    choices = ["a word", "a quoted string"] if context.wants_word else []
    if context.wants_word and {"<", "{"} <= set(words):
        words = [word for word in words if word not in {"<", "{"}]
        choices = ["a word", "a table `<name>`", "a list in braces"]
    choices += [f"`{word}`" for word in words]
    if "NUM" in context.expected_terminals:
        choices.insert(0, "a number")
    if "_NL" in context.expected_terminals:
        choices.append("the end of the line")
    if len(choices) > _MAX_LISTED:
        return f"an option of `{context.head}`" if context.tokens else "a statement"
    return " or ".join([", ".join(choices[:-1]), choices[-1]] if len(choices) > 1 else choices)


def alternatives(context: SyntaxContext) -> tuple[str, ...]:
    """List what `expectation` only sums up, as notes."""
    return (f"possible here: {', '.join(context.words)}",) if len(context.words) > _MAX_LISTED else ()


def _plainly(context: SyntaxContext) -> Diagnostic:
    return SYNTAX_ERROR.at(
        context.bad_span,
        f"expected {expectation(context)}, found {describe(context.bad)}",
        label="not expected here" if context.bad_span.start < context.bad_span.end else "more is wanted here",
        notes=alternatives(context),
    )
