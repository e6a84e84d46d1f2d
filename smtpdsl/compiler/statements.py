"""The statements of a text, followed token by token as far as macros and includes need it.

Where does each statement begin, which names does it define, and is it an include whose
path is complete?  All else is left to the parser.
"""

from __future__ import annotations

from collections.abc import Callable

from smtpdsl.compiler.raw_tokens import RawToken, statement_heads

# A definition is a name, a sign and a value; nothing else looks at more.
_ENOUGH = 3
_SIGNS = frozenset({"=", "=>"})

Define = Callable[[RawToken, RawToken | None], None]


class Statements:
    """Takes the tokens of the text in order, and tells of each definition when its line ends."""

    def __init__(self, define: Define, lose: Callable[[RawToken], None]) -> None:
        """Tell *define* name and value of each macro, and *lose* each name whose definition is broken."""
        self.heads: list[int] = []
        self.is_in_braces = False
        self._define = define
        self._lose = lose
        self._tokens: list[RawToken] = []  # of the statement
        self._line: list[RawToken] = []  # of the line, inside braces
        self._entries: list[tuple[RawToken, RawToken | None]] = []  # lines in braces that look like definitions
        self._is_line_fresh = True
        self._goes_on = False  # beyond the tokens that are kept

    @property
    def is_open(self) -> bool:
        """Whether a statement has begun."""
        return bool(self._tokens)

    @property
    def is_settled(self) -> bool:
        """Whether more tokens of this line change nothing but the braces."""
        return len(self._tokens) == _ENOUGH and not self._is_line_fresh

    def see_plain_line(self, line: str, at: int) -> None:
        """Take a whole line, at offset *at*, that needs no look at its tokens."""
        indent = len(line) - len(line.lstrip(" \t"))
        if line[indent] != "\n":
            self.heads.append(at + indent)

    def see(self, token: RawToken, *, begins_statement: bool = False) -> None:
        """Take the next token; *begins_statement* says that it would, did it stand outside braces."""
        if token.kind in {"BLANK", "COMMENT"}:
            return
        if token.kind == "NL":
            if self.is_in_braces:
                self._keep_entry()
            else:
                self.end()
            return
        if begins_statement and self.is_in_braces and self._is_line_fresh:
            # A brace that was never closed: this is the next statement, as the parser will say.
            self.end()
        self._is_line_fresh = False
        if not self._tokens:
            self.heads.append(token.start)
        if len(self._tokens) < _ENOUGH:
            self._tokens.append(token)
        elif not self.is_in_braces:
            self._goes_on = True
        if self.is_in_braces and len(self._line) < _ENOUGH:
            self._line.append(token)
        if token.text in {"{", "}"}:
            self.is_in_braces = token.text == "{"

    def skip(self, *, ends_in_braces: bool | None) -> None:
        """Take tokens of a settled line; the last brace among them is known, if there is one."""
        if ends_in_braces is not None:
            self.is_in_braces = ends_in_braces

    def take_include(self) -> RawToken | None:
        """Return the path of an include that is complete now; a new statement begins after it."""
        if len(self._tokens) != 2 or self._tokens[0].text != "include":  # noqa: PLR2004 - the word and its path
            return None
        if self._tokens[1].kind not in {"QUOTED", "WORD"}:
            return None
        path = self._tokens[1]
        self._tokens, self._is_line_fresh = [], True
        return path

    def end(self) -> None:
        """End the statement: its line is over."""
        if self.is_in_braces:
            self._keep_entry()
            for name, value in self._entries:
                self._define(name, value)
        elif (definition := _definition(self._tokens)) is not None:
            # Words after the value: the parser says so, and what is meant is not known.
            self._define(definition[0], None if self._goes_on else definition[1])
        elif self._tokens:
            self._lose_name()
        self._tokens, self._line, self._entries = [], [], []
        self.is_in_braces = self._goes_on = False
        self._is_line_fresh = True

    def _keep_entry(self) -> None:
        if (definition := _definition(self._line)) is not None:
            self._entries.append(definition)
        self._line = []
        self._is_line_fresh = True

    def _lose_name(self) -> None:
        """Find the name in `name "value"`, `name := "value"`, `set name = "value"`."""
        first, *others = self._tokens
        if first.kind != "WORD" or first.text in statement_heads() or not others:
            return
        is_behind = others[-1].text in _SIGNS and others[0].kind == "WORD" and others[0].text != ":"
        self._lose(others[0] if is_behind else first)


def _definition(tokens: list[RawToken]) -> tuple[RawToken, RawToken | None] | None:
    """Return name and value if *tokens* begin a definition; a value that is missing is None."""
    if len(tokens) < _ENOUGH - 1 or tokens[1].text not in _SIGNS or tokens[0].kind not in {"WORD", "QUOTED"}:
        return None
    return tokens[0], tokens[2] if len(tokens) == _ENOUGH else None
