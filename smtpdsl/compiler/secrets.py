r"""Where the files of a configuration have secrets, so that no finding shows them.

    queue encryption "0123…"                      whatever stands behind the words
    srs key "f2c1…"
    srs key $key          key = "f2c1…"           and the value of a macro there
    auth { work = "ann:secret" }                  the values of a table that `auth` asks,
    auth <creds>          table creds { … }       of a named one, too
    "smtp://ann:secret@mx.example"                a password before a host

This looks at the text as it is written, for what is to be shown is often what nobody could read: words may be
misspelt, and quotes and braces not closed.  It takes the time of a few searches, so it is done when something is
shown, see `diagnostics.concealed`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from smtpdsl.compiler import secret_guesses
from smtpdsl.compiler.secret_text import is_like, rest_of_statement, values
from smtpdsl.diagnostics.concealed import Stretch
from smtpdsl.diagnostics.span import Source

# A statement may go on in the next line, and one in a comment had a secret all the same.
_BLANK = r"(?:[ \t]|\\\n){1,9}"
_BLANK_OR_NONE = r"(?:[ \t]|\\\n){0,9}"
_SIGNS = r"[^\w\n]{0,9}"
_STATEMENT = re.compile(rf"^{_SIGNS}(?P<first>[A-Za-z]+)(?:[^\w\n=]|\\\n){{1,9}}(?P<second>[A-Za-z-]*)", re.MULTILINE)
_KEYWORDS = ("encryption", "key", "backup", "ttl", "stdin", "-")
_LIST = re.compile(rf"(?<![\w-])(?P<asks>[A-Za-z-]+){_BLANK_OR_NONE}\{{")
_OPEN_LIST = re.compile(rf"(?<![\w-])auth(?:-optional)?{_BLANK}(?P<rest>[^\n<{{$#]*=[^\n]*)")
_AUTH_TABLE = re.compile(rf"\bauth(?:-optional)?{_BLANK_OR_NONE}(?:<\s*[\"']?(?P<table>[^>\"'\s]+)|\$(?P<macro>\w+))")
_TABLE = re.compile(rf"^{_SIGNS}table{_BLANK}[\"']?(?P<name>[^\s\"'{{=]+)[\"']?(?P<rest>[^\n]*)", re.MULTILINE)
_MACRO = re.compile(r"\$[ \t]?(\w+)")
_TABLE_USE = re.compile(r"<\s*[\"']?([^>\"'\s]+)[\"']?\s*>")
# `user:password`, and no network of IPv6.
_MAYBE_LOGIN = re.compile(r"[^:/]+:[^:/]")
# What is no port is a password, and ends before the last `@`, if there is one.
_LOGIN = r"//[^\s\"'@:/\[]*:(?!\d{1,5}(?:[\s\"'/,}]|$))"
_QUOTED_PASSWORD = re.compile(rf"[\"'][^\"'\n]*?{_LOGIN}((?:(?!://)[^\"'\n])*?)(?:@[^@\"'\n]*)?(?=[\"'\n]|$)")
_PASSWORD = re.compile(rf"{_LOGIN}((?:(?!://)[^\s\"'])*?)(?:@[^@\s\"']*)?(?=[\s\"']|$)")
# A macro whose name may be misspelt, with what stands behind it in quotes.
_DEFINITION = re.compile(r"^[ \t]*(?P<name>[^\n\"'=#]{1,40}?)[ \t]*=?[ \t]*[\"'](?P<value>[^\n\"']+)", re.MULTILINE)


def find_secrets(files: Sequence[Source], defines: Mapping[str, Source]) -> Mapping[Source, Sequence[Stretch]]:
    """Return the secrets of *files*, and of the macros of the command line, *defines* by name."""
    return _Finder(files, defines).find()


class _Finder:
    """Looks through all files for what can be told at once, then for the macros and tables that were named there."""

    def __init__(self, files: Sequence[Source], defines: Mapping[str, Source]) -> None:
        self._files = files
        self._defines = defines
        self._found: dict[Source, list[Stretch]] = {}
        self._macros: set[str] = set()

    def find(self) -> Mapping[Source, Sequence[Stretch]]:
        for file in self._files:
            self._find_statements(file)
            self._find_lists(file)
            self._find_passwords(file)
        self._guess(self._find_tables())
        self._follow_macros()
        return {file: sorted(found) for file, found in self._found.items()}

    def _hide(self, source: Source, start: int, end: int) -> None:
        if start < end:
            self._found.setdefault(source, []).append(Stretch(start, end))

    def _hide_token(self, source: Source, token: re.Match[str]) -> None:
        """Hide *token*, all but its quotes; what a macro stands for is hidden where it is defined."""
        if token.lastgroup == "macro":
            self._macros.add(token.group()[1:])
        elif token.lastgroup == "quoted":
            # One quote too many, and a macro stands in a text.
            self._macros.update(_MACRO.findall(token.group()))
            is_closed = len(token.group()) > 1 and token.group()[-1] == token.group()[0]
            self._hide(source, token.start() + 1, token.end() - is_closed)
        elif token.lastgroup == "word":
            self._hide(source, *token.span())

    # ------------------------------------------------------------ at once

    def _find_statements(self, file: Source) -> None:
        for head in _STATEMENT.finditer(file.text):
            if not _is_about_a_key(head["first"], head["second"]):
                continue
            is_comment = "#" in file.text[head.start() : head.start("first")]
            for token in rest_of_statement(file.text, head.end("first")):
                if token.lastgroup != "word" or not (is_comment or is_like(token.group(), *_KEYWORDS)):
                    self._hide_token(file, token)

    def _find_lists(self, file: Source) -> None:
        for start in _LIST.finditer(file.text):
            if is_like(start["asks"], "auth", "auth-optional"):
                self._hide_values(file, start.end())
        for line in _OPEN_LIST.finditer(file.text):
            self._hide_values(file, line.start("rest"), line.end())

    def _find_passwords(self, file: Source) -> None:
        if "//" not in file.text:
            return
        for pattern in (_QUOTED_PASSWORD, _PASSWORD):
            for found in pattern.finditer(file.text):
                self._hide(file, *found.span(1))

    def _hide_values(self, file: Source, start: int, end: int | None = None, *, all_of_them: bool = True) -> None:
        """Hide the values of a list in braces, from behind the first brace; or those that may be a login."""
        for token in values(file.text, start, end):
            if all_of_them or _MAYBE_LOGIN.match(token.group()):
                self._hide_token(file, token)

    # ------------------------------------------------------------ by name

    def _find_tables(self) -> Collection[str]:
        """Hide the values of tables that `auth` names, and those that may be logins where nothing names the table.

        Returns:
            The names that follow `auth`.
        """
        asked: set[str] = set()
        known: set[str] = set()
        for file in self._files:
            known.update(_TABLE_USE.findall(file.text))
            for use in _AUTH_TABLE.finditer(file.text):
                asked.update(self._tables_of_macro(use["macro"]) if use["macro"] else [use["table"]])
        for file in self._files:
            for table in _TABLE.finditer(file.text):
                is_asked = table["name"] in asked
                if is_asked or table["name"] not in known:
                    # A name that is misspelt is named by nothing.
                    is_meant = is_asked or is_like(table["name"], *sorted(asked))
                    self._hide_table(file, table, all_of_them=is_meant)
        return asked

    def _guess(self, asked: Collection[str]) -> None:
        """Hide what would be a secret if it were written as it was meant."""
        for file in self._files:
            for token in secret_guesses.keys(file.text):
                self._hide_token(file, token)
            for start in secret_guesses.lists(file.text, asked):
                self._hide_values(file, start)
            for first, last in secret_guesses.passwords(file.text):
                self._hide(file, first, last)

    def _hide_table(self, file: Source, table: re.Match[str], *, all_of_them: bool) -> None:
        brace = table["rest"].find("{")
        if brace >= 0:
            self._hide_values(file, table.start("rest") + brace + 1, all_of_them=all_of_them)
        elif "=" in table["rest"]:
            self._hide_values(file, *table.span("rest"), all_of_them=all_of_them)

    def _tables_of_macro(self, name: str) -> list[str]:
        found = [token for file in self._files for token in _definitions(file.text, name)]
        return [table for token in found for table in _TABLE_USE.findall(token.group())]

    def _follow_macros(self) -> None:
        """Hide the values of macros that stand for a secret, and of those that stand in them."""
        done: set[str] = set()
        while self._macros - done:
            name = (self._macros - done).pop()
            done.add(name)
            for file in self._files:
                for token in _definitions(file.text, name):
                    self._hide_token(file, token)
                for line in _DEFINITION.finditer(file.text):
                    if is_like(line["name"], name):
                        self._hide(file, *line.span("value"))
            if (given := self._defines.get(name)) is not None:
                self._hide(given, 0, len(given.text))


def _is_about_a_key(first: str, second: str) -> bool:
    """Whether a line that begins with these words has a key, also if they are misspelt."""
    if is_like(second, "encryption"):
        return True
    if is_like(first, "queue"):
        return not is_like(second, "ttl", "compression")
    return is_like(first, "srs") and not is_like(second, "ttl")


def _definitions(text: str, name: str) -> Iterator[re.Match[str]]:
    """Yield the values that *text* gives to the macro *name*, token by token."""
    for head in re.finditer(rf"^{_SIGNS}{re.escape(name)}(?!\w)[^\n=\"']{{0,9}}=?", text, re.MULTILINE):
        yield from rest_of_statement(text, head.end())
