"""Tables: where they live, which kind they are, and what their files say."""

from __future__ import annotations

import pytest

from smtpdsl.ir.resolved import InTable, Slot, Table
from smtpdsl.ir.table_file import Kind
from tests.worlds import Compiled, compile_text, pointed_at

RULE = 'action "in" mbox\nmatch from local for local action "in"\n'


def declared(spec: str, content: str | None = None) -> Compiled:
    """Compile a configuration with the table `t`, after two lines; its file has *content*."""
    return compile_text(f"{RULE}table t {spec}\n", {"/etc/t": content} if content is not None else {})


def table(spec: str, content: str | None = None) -> Table:
    """Resolve the table `t`, with which nothing is wrong."""
    compiled = declared(spec, content)
    assert compiled.messages == []
    return compiled.ruleset.tables["t"]


@pytest.mark.parametrize(
    ("spec", "content", "backend", "kind", "keys"),
    [
        ("{ a, b }", None, "inline", Kind.LIST, ["a", "b"]),
        ("{ a = b, c => d }", None, "inline", Kind.MAP, ["a", "c"]),
        ('"/etc/t"', "a\nb\n", "static", Kind.LIST, ["a", "b"]),
        ("file:/etc/t", "a: b\n", "file", Kind.MAP, ["a"]),
        ("static:/etc/t", "# @list\na b\n", "static", Kind.LIST, ["a b"]),
        ("file:/etc/t", "", "file", Kind.MAP, []),
        ("db:/etc/t", "\x01", "db", Kind.DYNAMIC, []),
        ("getpwnam", None, "getpwnam", Kind.DYNAMIC, []),
    ],
)
def test_where_a_table_lives(spec: str, content: str | None, backend: str, kind: Kind, keys: list[str]) -> None:
    """Inline tables and files are read here; what is behind a program is not known."""
    found = table(spec, content)

    assert (found.backend, found.kind, [each.key for each in found.entries]) == (backend, kind, keys)
    assert found.is_known is (kind is not Kind.DYNAMIC)
    assert found.is_fallible is (kind is Kind.DYNAMIC)


@pytest.mark.parametrize(
    ("spec", "message", "pointed", "help_text"),
    [
        (
            "file:/etc/gone",
            'unreadable-table: cannot read the table file "/etc/gone": no such file or directory',
            "/etc/gone",
            "create the file, or correct the path",
        ),
        (
            "db:/etc/gone.db",
            'unreadable-table: cannot read the file of this table, "/etc/gone.db": no such file or directory',
            "db:/etc/gone.db",
            "create the file, or correct the path",
        ),
        (
            "file:etc/t",
            'unusable-value: the path of a table must be absolute: "etc/t"',
            "etc/t",
            "write it from `/` on",
        ),
        (
            "file",
            "unusable-value: `file` without a file is a table without entries, which fits nowhere",
            "file",
            "write `file:/path`",
        ),
        ("db", "unusable-value: `db` without a file is a table without entries", "db", "write `db:/path`"),
        (
            "getpwnam:/etc/passwd",
            "unusable-value: `getpwnam` takes no path",
            "getpwnam:/etc/passwd",
            "write `getpwnam`",
        ),
        ("flie:/etc/t", 'unknown-backend: no table backend "flie"', "flie", "did you mean `file`?"),
        (
            "ldap:/etc/t",
            'unknown-backend: no table backend "ldap" is installed here',
            "ldap",
            "install the program `table-ldap`",
        ),
        ("aliases", 'unknown-backend: no table backend "aliases"', "aliases", "a file is `file:/path`"),
    ],
)
def test_what_cannot_be_a_table(spec: str, message: str, pointed: str, help_text: str) -> None:
    """One error at the part that is wrong, with what to write instead."""
    compiled = compile_text(f"{RULE}table t {spec}\nmatch from src <t> for any reject\n", {"/etc/t": "a\n"})

    (found,) = compiled.findings
    assert f"{found.code.name}: {found.message}".startswith(message)
    assert pointed_at(found) == pointed
    assert found.help.startswith(help_text)


def test_malformed_lines_are_reported_where_they_stand() -> None:
    """A mapping with a line that has no value is broken, and the first entry is why it is a mapping."""
    (found,) = declared("file:/etc/t", "a: b\nc\n").findings

    assert found.code.name == "malformed-table"
    assert (found.span.source.name, found.span.source.position(found.span.start).line) == ("/etc/t", 2)
    assert [other.span.text for other in found.related] == ["a: b"]
    assert "# @list" in found.help


def test_many_malformed_lines_have_one_cause() -> None:
    """After ten the rest is counted."""
    content = "a: b\n" + "c\n" * 25

    found = declared("file:/etc/t", content).findings

    assert len(found) == 10
    assert found[-1].notes == ("15 more lines of this file are no entries",)


def test_a_binary_table_file_is_one_error() -> None:
    """Nothing is said about the entries of a file that is no text."""
    assert [each.code.name for each in declared("file:/etc/t", "a\0b").findings] == ["binary-file"]


def test_a_word_where_a_table_is_wanted_is_a_list_of_one() -> None:
    """`from src 192.0.2.1` asks a table without a name."""
    compiled = compile_text(f"{RULE}match from src 192.0.2.1 for any reject\n")
    question = compiled.ruleset.rules[1].conditions[0].question

    assert isinstance(question, InTable)
    assert question.table is not None
    assert (question.table.is_anonymous, question.table.is_single, question.table.shown) == (True, True, "this list")


def test_built_in_tables_can_be_named() -> None:
    """`<"<localhost>">` is the list behind `from local`; `<localhost>` is none."""
    compiled = compile_text(f'{RULE}match from src <"<localhost>"> for any reject\nmatch from src <localhost> reject\n')

    (found,) = [each for each in compiled.findings if each.code.name == "unknown-table"]
    assert found.help == 'the built-in one is written "<localhost>" inside the brackets'
    condition = compiled.ruleset.rules[1].condition(Slot.FROM)
    assert condition is not None
    assert isinstance(condition.question, InTable)
    assert condition.question.table is compiled.ruleset.tables["<localhost>"]


def test_each_use_of_a_table_is_noted() -> None:
    """`check` asks which places want what of it."""
    text = 'table t { a = b }\naction "in" mbox alias <t>\nmatch for local action "in"\nmatch mail-from <t> reject\n'
    uses = compile_text(text).ruleset.table_uses

    assert [(use.place, use.service.value) for use in uses] == [("alias", "alias"), ("mail-from", "mailaddr")]


def test_a_name_may_not_be_endless() -> None:
    """2047 octets are more than anybody writes."""
    (found,) = [
        each for each in compile_text(f"{RULE}table {'t' * 2048} {{ a }}\n").findings if "name" in each.code.name
    ]

    assert found.code.name == "overlong-name"
