"""Questions and answers come out as they went in, and what is none of them is refused."""

from __future__ import annotations

import json
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.interfaces import Identity, LocalWork
from smtpdsl.runtime.supervisor.questions import (
    NO_FORWARD,
    RIGHT,
    SAME_FILE,
    WRONG,
    Answer,
    AnswerError,
    CheckPassword,
    FileState,
    Question,
    ReadFile,
    ReadForward,
    file_of,
    forward_answer,
    forward_of,
    is_right,
    refused,
)
from smtpdsl.runtime.supervisor.wire import (
    WireError,
    answer_lengths,
    decode_answer,
    encode_answer,
    encode_question,
    receive_request,
)

JOE = Identity("joe", 1000, 100, "/home/joe")
STATE = FileState(1, 2, 3, 4, 5)
LENGTHS = struct.Struct("!II").size

# Every text that a system can come up with, octets that are no UTF-8 among them.
texts = st.binary().map(lambda octets: octets.decode("utf-8", "surrogateescape"))
numbers = st.integers()
questions = st.one_of(
    st.builds(ReadForward, st.builds(Identity, texts, numbers, numbers, texts)),
    st.builds(ReadFile, numbers, st.none() | st.builds(FileState, *[numbers] * 5)),
    st.builds(CheckPassword, texts, st.binary().map(Secret)),
)


def received(octets: bytes) -> LocalWork | Question:
    """Return what a worker makes of *octets*, after which the connection is closed."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(octets)
        ours.close()
        return receive_request(theirs, is_spooled=False)


def travelled(answer: Answer) -> Answer:
    """Return what the server makes of *answer*."""
    octets = encode_answer(answer)
    text, rest = answer_lengths(octets[:LENGTHS])
    assert len(octets) == LENGTHS + text + rest
    return decode_answer(octets[LENGTHS : LENGTHS + text], octets[LENGTHS + text :])


@given(question=questions)
def test_questions_come_out_as_they_went_in(question: Question) -> None:
    """No text, number or octet is changed on the way."""
    assert received(encode_question(question)) == question


def test_a_password_is_not_in_the_text_of_a_question() -> None:
    """Nor in anything that somebody might print."""
    question = CheckPassword("joe", Secret(b"s3cret"))
    octets = encode_question(question)

    assert octets.endswith(b'{"CheckPassword": ["joe"]}s3cret')
    assert "s3cret" not in repr(question)


def framed(value: object) -> bytes:
    """Return *value* in the place of a question."""
    text = json.dumps(value).encode()
    return struct.pack("!III", len(text), 0, 0) + text


@pytest.mark.parametrize(
    "value",
    [
        {"ReadForward": ["joe"]},
        {"ReadForward": [["joe", "1000", 100, "/home/joe", ""]]},
        {"ReadForward": [["joe", 1000, 100, "/home/joe"]]},
        {"ReadFile": ["/etc/shadow", None]},
        {"ReadFile": [0]},
        {"ReadFile": [0, [1, 2, 3]]},
        {"ReadFile": [0, [1, 2, 3, 4, "5"]]},
        {"CheckPassword": [["joe"]]},
        {"CheckPassword": []},
        {"RunCommand": ["sh"]},
        ["ReadFile", 0, None],
    ],
)
def test_other_questions_are_refused(value: object) -> None:
    """Whoever answers does nothing that it has not understood; a path is no number."""
    with pytest.raises(WireError):
        received(framed(value))


@given(text=texts)
def test_a_forward_comes_out_as_it_is_in_its_file(text: str) -> None:
    """With the path that people know."""
    file = ForwardFile(path="/home/joe/.forward", text=text)

    assert forward_of(travelled(forward_answer(file)), "/home/joe/") == file


def test_what_is_wrong_with_a_forward_is_told() -> None:
    """As one line, whoever tells it."""
    problem = ForwardProblem(why="it is\na link", is_passing=True)

    assert forward_of(travelled(forward_answer(problem)), "/") == problem.replace(why="it is\\na link")
    assert forward_of(travelled(forward_answer(None)), "/") is None


def test_files_and_passwords_are_answered() -> None:
    """Each in its own way."""
    assert file_of(travelled(Answer("file", tuple(STATE), b"key"))) == (STATE, b"key")
    assert file_of(travelled(SAME_FILE)) is None
    assert is_right(travelled(RIGHT))
    assert not is_right(travelled(WRONG))


@pytest.mark.parametrize(
    "answer",
    [
        Answer("forward", ("x",), b""),
        Answer("problem", ("x", 1)),
        Answer("problem", ("x",)),
        Answer("file", (1, 2, 3, 4), b"x"),
        Answer("right", (), b"x"),
        Answer("right", ([],)),
        Answer("root"),
        NO_FORWARD._replace(octets=b"x"),
    ],
)
def test_answers_to_something_else_are_none(answer: Answer) -> None:
    """Neither a `.forward`, nor a file, nor a login comes of them."""
    for read in (lambda found: forward_of(found, "/"), file_of, is_right):
        with pytest.raises(AnswerError, match="found something else"):
            read(answer)


def test_a_refusal_says_why() -> None:
    """On one line."""
    with pytest.raises(AnswerError, match=r"^no\\nway$"):
        is_right(travelled(refused("no\nway")))


@pytest.mark.parametrize("lengths", [(1 << 30, 1), (1, 1 << 30)])
def test_answers_have_limits(lengths: tuple[int, int]) -> None:
    """Nobody is made to wait for octets that would fill the memory."""
    with pytest.raises(WireError, match="at most"):
        answer_lengths(struct.pack("!II", *lengths))


@given(octets=st.binary())
def test_other_octets_are_no_answer(octets: bytes) -> None:
    """Nothing that could be sent does more than be refused."""
    with pytest.raises(WireError):
        decode_answer(octets, b"")
