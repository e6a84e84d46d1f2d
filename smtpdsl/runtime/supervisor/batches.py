"""Questions for root, and their answers, as an SMTP process sends and gets them: several in one piece.

Each is in the form in which it goes to the process of root, too (`wire`); between them is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from smtpdsl.runtime.interfaces import LocalWork
from smtpdsl.runtime.supervisor.questions import ANSWER_LENGTHS, Answer, Question
from smtpdsl.runtime.supervisor.wire import (
    REQUEST_LENGTHS,
    WireError,
    answer_lengths,
    decode_answer,
    encode_answer,
    encode_question,
    read_request,
    request_lengths,
)


def encode_questions(questions: Sequence[Question]) -> bytes:
    """Return *questions* as they are sent."""
    return b"".join(map(encode_question, questions))


def encode_answers(answers: Sequence[Answer]) -> bytes:
    """Return *answers* as they are sent."""
    return b"".join(map(encode_answer, answers))


def decode_questions(octets: bytes) -> list[Question]:
    """Return the questions that *octets* are.

    Raises:
        WireError: They are something else.
    """
    cut = _Cut(octets)
    questions = []
    while cut.has_more:
        lengths = request_lengths(cut.take(REQUEST_LENGTHS.size))
        request = read_request(*map(cut.take, lengths))
        if isinstance(request, LocalWork):
            expected = "a question"
            raise WireError(expected)
        questions.append(request)
    return questions


def decode_answers(octets: bytes) -> list[Answer]:
    """Return the answers that *octets* are.

    Raises:
        WireError: They are something else.
    """
    cut = _Cut(octets)
    answers = []
    while cut.has_more:
        lengths = answer_lengths(cut.take(ANSWER_LENGTHS.size))
        answers.append(decode_answer(*map(cut.take, lengths)))
    return answers


class _Cut:
    """Octets from which one piece after the other is taken."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._start = 0

    @property
    def has_more(self) -> bool:
        """Whether something is left."""
        return self._start < len(self._octets)

    def take(self, count: int) -> bytes:
        """Return the next *count* octets."""
        start, self._start = self._start, self._start + count
        if self._start > len(self._octets):
            expected = "more octets"
            raise WireError(expected)
        return self._octets[start : self._start]
