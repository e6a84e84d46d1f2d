"""Table files: their kind and their entries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.table_file import Kind, TableEntry, TableFile, parse_table_file

words = st.text("abc.@/", min_size=1, max_size=6)
comments = st.sampled_from(["", "#", "# about joe: yes", "   ", "#@lists", "# @list of names"])


def read(text: str, kind: Kind | None = None) -> TableFile:
    """Read *text* as a table file."""
    return parse_table_file(Source("table", text), kind)


def pairs(table: TableFile) -> list[tuple[str, str | None]]:
    """The keys and values of *table*."""
    return [(entry.key, entry.value) for entry in table.entries]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", Kind.MAP),
        ("# nothing\n\n", Kind.MAP),
        ("joe", Kind.LIST),
        ("\n\n  joe\t\r\n", Kind.LIST),
        ("joe jim", Kind.MAP),
        ("joe\tjim", Kind.MAP),
        ("joe:jim", Kind.MAP),
        ("joe:", Kind.MAP),
        ("joe # a comment", Kind.MAP),
        ("[::1]", Kind.LIST),
        ("[2001:db8::/32]", Kind.LIST),
        ("[::1] name", Kind.MAP),
        ("[2001:db8::]/32", Kind.MAP),
        ("::1", Kind.MAP),
        ("smtp://mx.example", Kind.MAP),
        ("# @list\nsmtp://mx.example", Kind.LIST),
        ("  #  @list  \r\nsmtp://mx.example", Kind.LIST),
        ("#@list\n", Kind.LIST),
        ("# @list of relays\nsmtp://mx.example", Kind.MAP),
        ("joe: jim\n# @list\njoe", Kind.MAP),
        ("[unclosed\njoe", Kind.LIST),
    ],
)
def test_the_first_entry_decides_the_kind(text: str, kind: Kind) -> None:
    """A blank or colon in it makes a map, ``# @list`` before it a list, and nothing at all a map."""
    assert read(text).kind is kind


@given(first=words, others=st.lists(words), between=comments)
def test_words_on_lines_of_their_own_are_a_list(first: str, others: list[str], between: str) -> None:
    """What follows the first entry does not change the kind, comments do not either."""
    table = read(f"\n{between}\n".join([first, *others]))

    assert table.kind is Kind.LIST
    assert [entry.key for entry in table.entries] == [first, *others]
    assert table.problems == ()


@given(
    entries=st.lists(st.tuples(words, words), min_size=1),
    separator=st.sampled_from([":", " ", "\t", ": ", "  ", ":\t ", " \t"]),
    between=comments,
)
def test_keys_and_values_are_a_map(entries: list[tuple[str, str]], separator: str, between: str) -> None:
    """Whatever separates them, keys and values come back, each at its place."""
    table = read(f"\n{between}\n".join(key + separator + value for key, value in entries))

    assert table.kind is Kind.MAP
    assert pairs(table) == entries
    assert [(entry.key_span.text, entry.value_span and entry.value_span.text) for entry in table.entries] == entries
    assert not any(entry.odd for entry in table.entries)


@given(lines=st.lists(st.text("a:[]# @\t\r", max_size=6)), kind=st.sampled_from([None, Kind.LIST, Kind.MAP]))
def test_every_line_is_an_entry_a_problem_or_neither(lines: list[str], kind: Kind | None) -> None:
    """No line stops the reading, and every span shows its own line."""
    table = read("\n".join(lines), kind)
    spans = sorted([entry.span.start for entry in table.entries] + [span.start for span, _ in table.problems])
    meant = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]

    assert len(spans) == len(meant)
    assert kind is None or table.kind is kind
    for entry in table.entries:
        assert entry.span.text in meant
        assert (entry.value is None) == (table.kind is Kind.LIST)


def test_lines_of_a_list_are_keys_as_they_are() -> None:
    """Once a file is a list, blanks and colons are part of the keys."""
    table = read("joe\njim : jack # x\n ::1 ")

    assert [entry.key for entry in table.entries] == ["joe", "jim : jack # x", "::1"]


@pytest.mark.parametrize(
    ("line", "entry", "odd"),
    [
        ("k:v", ("k", "v"), None),
        ("k: v w", ("k", "v w"), None),
        ("k v", ("k", "v"), None),
        ("k::include:/x", ("k", ":include:/x"), None),
        ("k :include:/x", ("k", ":include:/x"), None),
        ("k : v", ("k", "v"), "blank before the colon"),
        ("k\t:\tv", ("k", "v"), "blank before the colon"),
        ("k:: v", ("k", "v"), "blank before the colon"),
        ("k : :include:/x", ("k", ":include:/x"), "blank before the colon"),
        ("[::1] : v", ("[::1]", "v"), "blank before the colon"),
        ("[::1]: v", ("[::1]", "v"), None),
        ("[::1]\tv", ("[::1]", "v"), None),
        ("[2001:db8::]/32", ("[2001:db8::]", "32"), '"/" after "]" is taken for the separator'),
        (": v", ("", "v"), "no key before the colon"),
    ],
)
def test_a_map_entry_is_a_key_and_a_value(line: str, entry: tuple[str, str], odd: str | None) -> None:
    """One separator is dropped; a colon between blanks is one too, though OpenSMTPD 7.8 takes it for the value's."""
    table = read(line, Kind.MAP)

    assert pairs(table) == [entry]
    assert table.entries[0].odd == odd
    assert table.entries[0].value_span is not None
    assert table.entries[0].value_span.text == entry[1]


def test_a_malformed_line_is_told_and_the_rest_is_read() -> None:
    """Lines without a value and brackets without an end are problems at their places."""
    table = read("a: 1\n  b\nc: 3\nd:\n[::1 x\ne 5")

    assert pairs(table) == [("a", "1"), ("c", "3"), ("e", "5")]
    assert [(span.text, message) for span, message in table.problems] == [
        ("b", 'expected a value after the key "b"'),
        ("d:", 'expected a value after the key "d"'),
        ("[::1 x", 'expected "]" at the end of the key that starts with "[::1 x"'),
    ]
    assert repr(table.problems[0][0]) == "table:2:3"


def test_what_decided_the_kind_can_be_shown() -> None:
    """The first entry or the comment that made the file what it is has a span; a kind given has none."""
    assert [read(text).decided_by for text in ("", "# x")] == [None, None]
    assert read("a", Kind.LIST).decided_by is None
    for text, decisive in (("\na\nb", "a"), ("# @list\na: b", "# @list"), ("# x\na: b", "a: b")):
        decided_by = read(text).decided_by
        assert decided_by is not None
        assert decided_by.text == decisive


def test_entries_are_equal_if_they_mean_the_same() -> None:
    """Where an entry stands is no part of it."""
    assert read("a: b").entries == read("\n# c\na : b").entries
    assert read("a: b").entries[0] != TableEntry(span=read("a: b").entries[0].span, key="a", value="c")


def test_only_line_feeds_end_lines() -> None:
    """Other characters that separate lines somewhere are part of a line here."""
    assert [entry.key for entry in read("a\x0bb\u2028c\x1cd\ne").entries] == ["a\x0bb\u2028c\x1cd", "e"]
