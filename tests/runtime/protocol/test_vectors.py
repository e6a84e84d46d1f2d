"""Hostile input, on the protocol core alone: ``tests/vectors/smtp-bad-input.jsonl``.

What needs sockets, clocks, TLS, other extensions or a queue is judged elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest

from tests.runtime.dialogue import take_replies
from tests.runtime.site import Site

VECTORS = Path(__file__).parents[2] / "vectors" / "smtp-bad-input.jsonl"
LISTENERS = frozenset({"mx", "mx-plain"})
AREAS = frozenset({"smuggling", "command", "limits", "syntax", "state", "pipelining", "header", "encoding"})
# Vectors of these listeners and areas that the core cannot be judged by, and why.
ELSEWHERE = {
    "li-018": "the Received fields are counted by the policy",
}
# A vector of another area that the core decides alone.
BESIDES = frozenset({"bd-016", "rl-017"})
MAX_SINGLE_OCTETS = 64 * 1024

# What the client has said, one write after the other, before the vector begins; the answers are read first.
BEFORE: dict[str, tuple[str, ...]] = {"raw": (), "none": ()}
BEFORE["ehlo"] = ("EHLO client.test\r\n",)
BEFORE["mail"] = (*BEFORE["ehlo"], "MAIL FROM:<a@elsewhere.test>\r\n")
BEFORE["rcpt"] = (*BEFORE["mail"], "RCPT TO:<alice@local.test>\r\n")
BEFORE["data"] = (*BEFORE["rcpt"], "DATA\r\n")

Vector: TypeAlias = dict[str, Any]


def chosen() -> Iterator[Vector]:
    """Yield the vectors that the core decides alone."""
    offered = {line.partition(" ")[0] for line in Site().session.extensions}
    for line in VECTORS.read_text(encoding="utf-8").splitlines():
        vector = json.loads(line)
        is_ours = (vector["area"] in AREAS and vector["listener"] in LISTENERS) or vector["id"] in BESIDES
        needs = {need for need in vector.get("needs", "").split(",") if need}
        if is_ours and needs <= offered and vector["id"] not in ELSEWHERE:
            yield vector


def writes(vector: Vector) -> Iterator[bytes]:
    """Yield what the client writes; pauses, and the end of its side, are nothing to the core."""
    send = vector["send"]
    for step in [send] if isinstance(send, str) else send:
        match step:
            case str(text) | {"w": str(text)} | {"early": str(text)} | {"byte_by_byte": str(text)}:
                yield text.encode("latin-1")
            case {"n": int(count), "rep": str(text)}:
                yield from [text.encode("latin-1")] * count
            case {"pause": _} | {"eof": True}:
                pass
            case _:
                message = f"{vector['id']}: a step that needs more than the core: {step}"
                raise AssertionError(message)


def are_expected(expected: list[str], codes: list[str], *, is_closed: bool) -> bool:
    """Whether *codes* are as expected; a session that is closed early need not give them all."""
    shortest = min(1, len(expected)) if is_closed else len(expected)
    wanted = (" ".join(f"(?:{code})" for code in expected[:count]) for count in range(shortest, len(expected) + 1))
    return any(re.fullmatch(pattern, " ".join(codes)) for pattern in wanted)


class Run(NamedTuple):
    """A vector, and how it arrives."""

    vector: Vector
    pieces: list[bytes]
    how: str


def runs() -> Iterator[Run]:
    """Yield each vector as it is written, and again with each of its octets alone if they are not too many."""
    for vector in chosen():
        pieces = list(writes(vector))
        yield Run(vector, pieces, "whole")
        octets = b"".join(pieces)
        if len(octets) <= MAX_SINGLE_OCTETS:
            yield Run(vector, [bytes([octet]) for octet in octets], "octet by octet")


@pytest.mark.parametrize("run", list(runs()), ids=lambda run: f"{run.vector['id']} {run.how}")
def test_vector(run: Run) -> None:
    """Reply codes, the end of the session and the number of accepted messages are as recorded."""
    vector = run.vector
    site = Site()
    greeting = site.hear(text.encode() for text in BEFORE[vector["pre"]])
    answered = site.hear(run.pieces)

    if vector["pre"] == "raw":
        answered = greeting + answered
    codes = [lines[-1][:3] for lines in take_replies(answered)]
    is_closed = site.session.is_closed
    assert are_expected(vector["codes"], codes, is_closed=is_closed), (vector["codes"], codes, is_closed)
    assert vector.get("conn", "open") in {"any", "closed" if is_closed else "open"} or _ends_itself(vector)
    assert len(site.messages) <= vector.get("accepted", 0)
    for line in site.sent.split(b"\r\n")[:-1]:
        assert re.fullmatch(rb"[2-5][0-9]{2}[ -][ -~]*", line)
        assert len(line) <= 510


def _ends_itself(vector: Vector) -> bool:
    """Whether it is the client that ends the session."""
    return {"eof": True} in vector["send"]


def test_most_vectors_are_run() -> None:
    """The choice does not shrink unnoticed."""
    assert len(list(chosen())) > 110


def test_what_is_decided_elsewhere_exists() -> None:
    """No reason is given for a vector that is gone."""
    known = {json.loads(line)["id"] for line in VECTORS.read_text(encoding="utf-8").splitlines()}

    assert ELSEWHERE.keys() | BESIDES <= known


def test_the_judge_of_codes() -> None:
    """All codes are wanted, unless the session was closed early; then those that came have to fit."""
    assert are_expected(["250", "(250 ){2}452"], ["250", "250", "250", "452"], is_closed=False)
    assert are_expected(["500|421", "503"], ["421"], is_closed=True)
    assert are_expected([], [], is_closed=False)
    assert not are_expected(["500|421", "503"], ["421"], is_closed=False)
    assert not are_expected(["500", "503"], ["250"], is_closed=True)
    assert not are_expected(["500"], [], is_closed=True)
