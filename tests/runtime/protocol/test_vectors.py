"""Hostile input, on the protocol core alone: ``tests/vectors/smtp-bad-input.jsonl``.

What needs sockets, clocks, real TLS, a queue or other parts of the server is judged elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest

from smtpdsl.runtime.protocol.server import Offer, State
from tests.runtime.dialogue import take_replies
from tests.runtime.site import Site

VECTORS = Path(__file__).parents[2] / "vectors" / "smtp-bad-input.jsonl"
AREAS = frozenset(
    {
        *("smuggling", "command", "limits", "syntax", "state", "pipelining", "header", "encoding"),
        *("bdat", "starttls", "auth"),
    }
)
# Vectors of these areas that the core cannot be judged by, and why.
ELSEWHERE = {
    "li-018": "the Received fields are counted by the policy",
    "st-010": "a filter decides",
    "hd-008": "what is stored is looked at",
    "tl-006": "there is no TLS here that could fail",
    "tl-007": "the core has no clock",
    "tl-008": "ALPN is of TLS",
    "tl-009": "SNI is of TLS",
}
# A vector of another area that the core decides alone.
BESIDES = frozenset({"rl-017"})
MAX_SINGLE_OCTETS = 64 * 1024

# RFC 4616: no authorization identity, alice@local.test and its password.
LOG_IN = "AUTH PLAIN AGFsaWNlQGxvY2FsLnRlc3QAczNjcmV0IHBhc3M=\r\n"
HELLO = "EHLO client.test\r\n"
_SUBMISSION = Offer(starttls=True, needs_tls=True, auth=True, needs_auth=True, dsn=True)

Vector: TypeAlias = dict[str, Any]


class Role(NamedTuple):
    """A listener, and how far a client of it has come before the vector begins."""

    offer: Offer
    is_secure: bool = False
    said: tuple[str, ...] = ()


LISTENERS = {
    "mx": Role(Offer(starttls=True, dsn=True)),
    "mx-plain": Role(Offer(chunking=False)),
    "sub": Role(_SUBMISSION),
    "sub-tls": Role(_SUBMISSION, is_secure=True, said=(HELLO,)),
    "sub-auth": Role(_SUBMISSION, is_secure=True, said=(HELLO, LOG_IN)),
}
# What the client says next, one write after the other; the answers are read first.
BEFORE: dict[str, tuple[str, ...]] = {"raw": (), "none": ()}
BEFORE["ehlo"] = (HELLO,)
BEFORE["mail"] = (*BEFORE["ehlo"], "MAIL FROM:<a@elsewhere.test>\r\n")
BEFORE["rcpt"] = (*BEFORE["mail"], "RCPT TO:<alice@local.test>\r\n")
BEFORE["data"] = (*BEFORE["rcpt"], "DATA\r\n")


def chosen() -> Iterator[Vector]:
    """Yield the vectors that the core decides alone."""
    for line in VECTORS.read_text(encoding="utf-8").splitlines():
        vector = json.loads(line)
        is_ours = vector["area"] in AREAS or vector["id"] in BESIDES
        if is_ours and vector["listener"] in LISTENERS and vector["id"] not in ELSEWHERE:
            yield vector


def begin(vector: Vector) -> tuple[Site, bytes]:
    """Return a site whose client has come to where *vector* begins, and what it was answered."""
    role = LISTENERS[vector["listener"]]
    site = Site(offer=role.offer)
    greeting = site.hear([])
    if role.is_secure:
        site.hear([HELLO.encode(), b"STARTTLS\r\n"])
        site.secure()
    site.hear(text.encode() for text in role.said)
    needs_login = vector["pre"] in {"mail", "rcpt", "data"} and role.offer.needs_auth
    site.hear([LOG_IN.encode()] if needs_login and not site.session.is_authenticated else [])
    # The role has said EHLO already.
    site.hear(text.encode() for text in BEFORE[vector["pre"]][1 if role.said else 0 :])
    return site, greeting


def steps(vector: Vector) -> Iterator[bytes | None]:
    """Yield what the client writes, and None where it brings TLS up; pauses, and the end of its side, are nothing."""
    send = vector["send"]
    for step in [send] if isinstance(send, str) else send:
        match step:
            case str(text) | {"w": str(text)} | {"early": str(text)} | {"byte_by_byte": str(text)}:
                yield text.encode("latin-1")
            case {"n": int(count), "rep": str(text)}:
                yield from [text.encode("latin-1")] * count
            case {"tls": True}:
                yield None
            case {"pause": _} | {"listen": _} | {"eof": True} | {"tls_close": True}:
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
    pieces: list[bytes | None]
    how: str


def runs() -> Iterator[Run]:
    """Yield each vector as it is written, and again with each of its octets alone if they are not too many."""
    for vector in chosen():
        pieces = list(steps(vector))
        yield Run(vector, pieces, "whole")
        if sum(len(piece or b"") for piece in pieces) <= MAX_SINGLE_OCTETS:
            single = [[None] if piece is None else [bytes([octet]) for octet in piece] for piece in pieces]
            yield Run(vector, [piece for several in single for piece in several], "octet by octet")


def play(site: Site, pieces: list[bytes | None]) -> bytes:
    """Let *site* hear *pieces*, and return what it answered."""
    answered = b""
    for piece in pieces:
        if piece is not None:
            answered += site.hear([piece])
        elif site.session.state is State.SECURING:
            site.secure()
    return answered


@pytest.mark.parametrize("run", list(runs()), ids=lambda run: f"{run.vector['id']} {run.how}")
def test_vector(run: Run) -> None:
    """Reply codes, the end of the session and the number of accepted messages are as recorded."""
    vector = run.vector
    site, greeting = begin(vector)
    answered = play(site, run.pieces)

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
    return {"eof": True} in vector["send"] or {"tls_close": True} in vector["send"]


def test_most_vectors_are_run() -> None:
    """The choice does not shrink unnoticed."""
    assert len(list(chosen())) > 160


def test_what_vectors_need_is_offered() -> None:
    """None is judged by a listener that it is not about."""
    for vector in chosen():
        site, _ = begin(vector)
        offered = {line.partition(" ")[0] for line in site.session.extensions}
        assert {need for need in vector.get("needs", "").split(",") if need} <= offered


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
