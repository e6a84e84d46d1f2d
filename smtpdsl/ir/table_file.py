"""Table files: their kind, and their lines as entries.

    # @list               a comment; this one makes the file a list, if it stands before the first entry
    joe                   the first entry of a list: neither blank nor ":" in it
    joe: john, jim        the first entry of a map: key and value

The first entry decides what the file is.  In a list the whole line is the key.  In a
map the key ends at the first blank or ":", or after the "]" of a key that starts with
"[".  Comments stand on lines of their own, and nothing continues on the next line.
What the keys and values have to look like is for `ir.table_entry` to say.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from smtpdsl.diagnostics.span import Span
from smtpdsl.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtpdsl.diagnostics.span import Source

# What isspace(3) calls white space; a CR is some of it, so a file with CRLF reads the same.
_BLANKS = " \t\n\v\f\r"


class Service(Enum):
    """What a table is asked for, by the words of table(5)."""

    ALIAS = "alias"
    DOMAIN = "domain"
    CREDENTIALS = "credentials"
    AUTH = "auth"
    NETADDR = "netaddr"
    USERINFO = "userinfo"
    SOURCE = "source"
    MAILADDR = "mailaddr"
    ADDRNAME = "addrname"
    MAILADDRMAP = "mailaddrmap"
    RELAYHOST = "relayhost"
    STRING = "string"
    REGEX = "regex"


class Kind(Enum):
    """How a table is laid out; a dynamic one answers questions and cannot be read."""

    LIST = "list"
    MAP = "map"
    DYNAMIC = "dynamic"


class TableEntry(Record):
    """One key, with its value in a map; *span* covers both."""

    span: Span
    key: str
    value: str | None = None
    value_span: Span | None = None
    odd: str | None = None
    """What OpenSMTPD 7.8 reads otherwise than it is meant, if anything."""

    _uncompared: ClassVar[frozenset[str]] = frozenset({"span", "value_span", "odd"})

    @property
    def key_span(self) -> Span:
        """Where the key stands."""
        return Span(self.span.source, self.span.start, self.span.start + len(self.key))


class TableFile(Record):
    """A table as read from a file: its entries in order, and the lines that are none, with the reason."""

    kind: Kind
    entries: tuple[TableEntry, ...]
    problems: tuple[tuple[Span, str], ...] = ()
    decided_by: Span | None = None
    """What makes the file a list or a map: ``# @list`` or the first entry; None if nothing in it does."""

    _uncompared: ClassVar[frozenset[str]] = frozenset({"problems", "decided_by"})


def parse_table_file(source: Source, kind: Kind | None = None) -> TableFile:
    """Read *source* as the file of a static table.

    Args:
        source: The file, decoded and without NUL.
        kind: What the file has to be, as on reload; without it the file decides.
            A file without entries is a map.
    """
    entries: list[TableEntry] = []
    problems: list[tuple[Span, str]] = []
    decided_by: Span | None = None
    for line in _lines(source):
        text = line.text
        if text.startswith("#"):
            if kind is None and text[1:].strip(_BLANKS) == "@list":
                kind, decided_by = Kind.LIST, line
            continue
        key_end = _end_of_key(text)
        if key_end is None:
            problems.append((line, f'expected "]" at the end of the key that starts with "{text[:20]}"'))
            continue
        if kind is None:
            kind, decided_by = Kind.LIST if key_end == len(text) else Kind.MAP, line
        if kind is Kind.LIST:
            entries.append(TableEntry(span=line, key=text))
        elif (entry := _map_entry(line, key_end)) is not None:
            entries.append(entry)
        else:
            problems.append((line, f'expected a value after the key "{text[:key_end]}"'))
    return TableFile(kind=kind or Kind.MAP, entries=tuple(entries), problems=tuple(problems), decided_by=decided_by)


def _lines(source: Source) -> Iterator[Span]:
    """Yield what stands on each line between its blanks, lines of blanks left out."""
    start = 0
    for line in source.text.split("\n"):
        if content := line.strip(_BLANKS):
            indent = len(line) - len(line.lstrip(_BLANKS))
            yield Span(source, start + indent, start + indent + len(content))
        start += len(line) + 1


def _end_of_key(line: str) -> int | None:
    """Where the key of a map entry ends; None if its bracket is not closed."""
    if line.startswith("["):
        return line.find("]") + 1 or None
    return min((end for end in map(line.find, " \t:") if end >= 0), default=len(line))


def _map_entry(line: Span, key_end: int) -> TableEntry | None:
    """Cut *line* into key and value; None if it has no value."""
    text = line.text
    rest = text[key_end + 1 :]
    value = rest.lstrip(" \t")
    odd = None
    if key_end == 0:
        odd = "no key before the colon"
    elif text[key_end : key_end + 1] not in {" ", "\t", ":", ""}:
        odd = f'"{text[key_end]}" after "]" is taken for the separator'
    elif value.startswith((": ", ":\t")):
        # OpenSMTPD 6.8 skipped a colon between blanks, 7.8 makes it part of the value.
        value = value[1:].lstrip(" \t")
        odd = "blank before the colon"
    if not value:
        return None
    value_span = Span(line.source, line.end - len(value), line.end)
    return TableEntry(span=line, key=text[:key_end], value=value, value_span=value_span, odd=odd)
