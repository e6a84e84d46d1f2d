"""Several questions and answers in one piece come out as they went in, and anything else is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.interfaces import CommandWork, Identity, InlineContent, LocalWork
from smtpdsl.runtime.supervisor.batches import decode_answers, decode_questions, encode_answers, encode_questions
from smtpdsl.runtime.supervisor.questions import Answer, Question
from smtpdsl.runtime.supervisor.wire import WireError, encode_question, encode_work
from tests.runtime.supervisor.test_questions import questions, texts

answers = st.builds(
    Answer, texts, st.lists(texts | st.integers() | st.booleans(), max_size=3).map(tuple), st.binary(max_size=30)
)


@given(asked=st.lists(questions, max_size=4))
def test_questions_come_out_as_they_went_in(asked: list[Question]) -> None:
    """In their order."""
    assert decode_questions(encode_questions(asked)) == asked


@given(given_answers=st.lists(answers, max_size=4))
def test_answers_come_out_as_they_went_in(given_answers: list[Answer]) -> None:
    """In their order."""
    assert decode_answers(encode_answers(given_answers)) == given_answers


@given(asked=st.lists(questions, min_size=1, max_size=3), cut=st.integers(1, 10_000))
def test_what_is_cut_short_is_refused(asked: list[Question], cut: int) -> None:
    """A part of a question is none."""
    octets = encode_questions(asked)
    last = len(encode_question(asked[-1]))

    with pytest.raises(WireError):
        decode_questions(octets[: -(cut % (last - 1) + 1)])


@given(octets=st.binary(max_size=60) | st.binary(max_size=30).map(lambda rest: bytes(3) + b"\2" + bytes(8) + rest))
def test_other_octets_are_refused(octets: bytes) -> None:
    """And nothing else is raised."""
    with suppress(WireError):
        asked = decode_questions(octets)
        assert decode_questions(encode_questions(asked)) == asked
    with suppress(WireError):
        told = decode_answers(octets)
        assert decode_answers(encode_answers(told)) == told


def test_work_is_no_question() -> None:
    """Whoever asks may not have anything done."""
    work = LocalWork(Identity("joe", 1000, 1000, "/home/joe"), CommandWork("id", ()), b"", InlineContent(b"x"), 9.0)

    with pytest.raises(WireError, match="expected a question"):
        decode_questions(encode_work(work))
