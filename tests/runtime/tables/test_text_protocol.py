"""The text protocol of table programs: what we say reads back, and no line that a program writes breaks anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.table_file import Service
from smtpdsl.runtime.tables.text_protocol import (
    MAX_KEY_OCTETS,
    Answer,
    Done,
    Failed,
    Found,
    KeyRefusedError,
    NotFound,
    Operation,
    Question,
    Registration,
    TableProtocolError,
    greeting,
    parse_answer,
    request,
)

KEYS = st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=80)


def test_a_program_is_told_whom_it_answers_for() -> None:
    """Version and protocol come first, as OpenSMTPD has them."""
    assert greeting("users").decode().splitlines() == [
        "config|smtpd-version|7.8.0",
        "config|protocol|0.1",
        "config|tablename|users",
        "config|ready",
    ]


@pytest.mark.parametrize(
    ("question", "line"),
    [
        (Question(Operation.LOOKUP, Service.ALIAS, "joe"), b"lookup|alias|2526087f|joe"),
        (Question(Operation.CHECK, Service.NETADDR, "[::1]"), b"check|netaddr|2526087f|[::1]"),
        (Question(Operation.CHECK, Service.AUTH, "ann:a|b"), b"check|auth|2526087f|ann:a|b"),
        (Question(Operation.FETCH, Service.SOURCE), b"fetch|source|2526087f"),
        (Question(Operation.UPDATE), b"update|2526087f"),
    ],
)
def test_a_question_is_a_line(question: Question, line: bytes) -> None:
    """With the moment and the name of the table before it; the key comes last, whatever it contains."""
    said = request(question, "2526087f", "pt", 1795335736.357285)

    assert said == b"table|0.1|1795335736.357285|pt|" + line + b"\n"


@given(key=KEYS)
def test_a_key_comes_whole(key: str) -> None:
    """Whatever it contains, it is what stands behind the last separator of ours, on one line."""
    said = request(Question(Operation.LOOKUP, Service.ALIAS, key), "0" * 8, "t", 0.0)

    assert said.count(b"\n") == 1
    assert said[:-1].split(b"|", 7)[7].decode() == key


@pytest.mark.parametrize("key", ["ann\nauth", "ann\r", "ann\0", "a" * (MAX_KEY_OCTETS + 1), "\u00e4" * 512])
def test_a_key_that_is_no_key_is_not_sent(key: str) -> None:
    """Nobody puts a second question into the first; and the refusal does not repeat what may be a password."""
    with pytest.raises(KeyRefusedError) as refused:
        request(Question(Operation.CHECK, Service.AUTH, key), "0" * 8, "t", 0.0)

    assert key[:3] not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"lookup-result|2526087f|not-found", Answer(Operation.LOOKUP, "2526087f", NotFound())),
        (b"lookup-result|2526087f|found|a|b, c", Answer(Operation.LOOKUP, "2526087f", Found("a|b, c"))),
        (b"check-result|1|found", Answer(Operation.CHECK, "1", Found())),
        (b"fetch-result|1|found|192.0.2.1", Answer(Operation.FETCH, "1", Found("192.0.2.1"))),
        (b"check-result|1|error", Answer(Operation.CHECK, "1", Failed())),
        (b"update-result|1|error|no such file", Answer(Operation.UPDATE, "1", Failed("no such file"))),
        (b"update-result|1|ok", Answer(Operation.UPDATE, "1", Done())),
    ],
)
def test_an_answer_is_read(line: bytes, answer: Answer) -> None:
    """Each of those that the protocol has."""
    assert parse_answer(line) == answer


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"lookup-result",
        b"lookup-result|1",
        b"lookup-result|1|",
        b"lookup-result|1|found",
        b"lookup-result|1|found|",
        b"lookup-result|1|ok",
        b"lookup-result|1|not-found|but",
        b"check-result|1|found|value",
        b"update-result|1|found",
        b"Lookup-result|1|not-found",
        b"register|alias",
    ],
)
def test_what_is_no_answer_is_refused(line: bytes) -> None:
    """Nothing is guessed."""
    with pytest.raises(TableProtocolError):
        parse_answer(line)


def is_read_or_refused(hear: Callable[[bytes], object], line: bytes) -> bool:
    """Whether nothing else comes of *line*; what is said of it is a clause that can be printed."""
    try:
        hear(line)
    except TableProtocolError as error:
        return str(error).isprintable()
    return True


@given(
    line=st.binary(max_size=60)
    | st.builds(b"|".join, st.lists(st.sampled_from([b"lookup-result", b"1", b"found", b"\xff"])))
)
def test_no_line_does_more_than_to_be_refused(line: bytes) -> None:
    """Whatever a program writes is an answer, or a `TableProtocolError` of one printable clause."""
    assert all(is_read_or_refused(hear, line) for hear in (parse_answer, Registration().hear))


def test_a_program_registers_what_it_can_be_asked() -> None:
    """One service a line, until it is ready."""
    registration = Registration()

    assert [registration.hear(b"register|" + each) for each in (b"alias", b"userinfo", b"ready")] == [
        False,
        False,
        True,
    ]
    assert registration.services == {Service.ALIAS, Service.USERINFO}


@pytest.mark.parametrize("line", [b"register|ready", b"register|none", b"hello", b"", b"register"])
def test_a_program_that_registers_nothing_is_refused(line: bytes) -> None:
    """As OpenSMTPD does."""
    with pytest.raises(TableProtocolError):
        Registration().hear(line)
