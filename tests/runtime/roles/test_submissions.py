"""Submissions come out as they went in, and what is none is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.interfaces import InlineContent, Submission
from smtpdsl.runtime.queue.facts import write_facts
from smtpdsl.runtime.roles.frames import FrameError
from smtpdsl.runtime.roles.submissions import SubmissionReader, encode_submission
from tests.runtime.queue.sample import local, relayed, submission
from tests.runtime.roles.strategies import SUBMISSIONS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=30,
)
GOOD, _ = encode_submission(submission(7, local()._replace(notify=frozenset({"NEVER"})), relayed("joe@far.example")))
HEAD = 20
WORDS, TEXTS = zip(*(line.split(b" ", 1) for line in GOOD[HEAD:].split(b"\n")), strict=True)
LINES = [json.loads(text) for text in TEXTS]


def read(payload: bytes) -> Submission:
    """Read *payload*, as the first one of a process."""
    return SubmissionReader().read(payload)


def payload_of(lines: bytes, created: bytes = GOOD[8:16]) -> bytes:
    """Return a payload with *lines*."""
    return GOOD[:8] + created + len(lines).to_bytes(4, "big") + lines


def written(lines: list[object]) -> bytes:
    """Return the payload of *lines*, written as the queue writes them."""
    texts = (json.dumps(line, separators=(",", ":")).encode() for line in lines)
    return payload_of(b"\n".join(b" ".join(line) for line in zip(WORDS, texts, strict=True)))


def places_of(value: object, place: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    """Yield where the parts of *value* are."""
    yield place
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places_of(part, (*place, key))


PLACES = [each for each in places_of(LINES) if each]


def changed(place: tuple[int | str, ...], value: object) -> bytes:
    """Return a good payload with *value* at *place*."""
    lines = json.loads(json.dumps(LINES))
    part = lines
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return written(lines)


@given(message=SUBMISSIONS)
def test_a_submission_comes_out_as_it_went_in(message: Submission) -> None:
    """Whatever its client has said, octets that are no UTF-8 among it; with what the queue would write of it."""
    reader, payload = SubmissionReader(), b"".join(encode_submission(message))

    for _ in range(2):
        assert reader.read(payload) == message._replace(written=write_facts(message))


@given(payload=st.binary(max_size=60) | st.binary(max_size=40).map(payload_of))
def test_octets_that_are_no_submission(payload: bytes) -> None:
    """They are refused, and nothing else is raised."""
    with pytest.raises(FrameError):
        read(payload)


@given(place=st.sampled_from(PLACES), value=JSON)
def test_facts_with_something_else_in_one_place(place: tuple[int | str, ...], value: object) -> None:
    """They are refused, or say what can be stored and delivered."""
    try:
        found = read(changed(place, value))
    except FrameError:
        return
    assert read(b"".join(encode_submission(found))) == found
    assert found.written == write_facts(found)
    for each in found.envelopes:
        assert 0 <= each.ttl + found.created < 2**53


@given(cut=st.integers(HEAD, len(GOOD) - 1), octet=st.integers(0, 127))
def test_one_other_octet(cut: int, octet: int) -> None:
    """What is stored is what came, so nothing may come that says the same in another way."""
    payload = GOOD[:cut] + bytes([octet]) + GOOD[cut + 1 :]
    try:
        found = read(payload)
    except FrameError:
        return
    assert encode_submission(found)[0] == payload


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        GOOD[: HEAD - 1],
        GOOD[:-1],
        GOOD[:16] + b"\xff\xff\xff\xff" + GOOD[HEAD:],
        payload_of(b""),
        payload_of(GOOD[HEAD:].partition(b"\n")[0]),
        payload_of(GOOD[HEAD:].partition(b"\n")[2]),
        payload_of(GOOD[HEAD:] + b"\n"),
        payload_of(GOOD[HEAD:] + b" "),
        payload_of(GOOD[HEAD:] + b"\xff"),
        payload_of(GOOD[HEAD:].replace(b"known", b"known ")),
        payload_of(GOOD[HEAD:].replace(b"known", b"Known")),
        payload_of(GOOD[HEAD:].replace(b"mda", b"mdb")),
        payload_of(GOOD[HEAD:].replace(b'"v":2', b'"v":1')),
        payload_of(GOOD[HEAD:].replace(b'"v":2', b'"v":1,"v":2')),
        payload_of(GOOD[HEAD:].replace(b'"v":2', b'"v":2,"w":2')),
        payload_of(GOOD[HEAD:].replace(b'"from":', b'"from": ')),
        payload_of(GOOD[HEAD:].replace(b"joe", b"\\u006aoe")),
        payload_of(b"known " + b"[" * 100_000),
        payload_of(b'known {"v":' + b"[" * 900 + b"]" * 900 + b"}\nmda {}"),
        payload_of(GOOD[HEAD:], b"\x7f\xf8" + bytes(6)),
        payload_of(GOOD[HEAD:], b"\x7f\xf0" + bytes(6)),
        payload_of(GOOD[HEAD:], b"\xbf\xf0" + bytes(6)),
        payload_of(GOOD[HEAD:], b"\x7e\x37\xe4\x3c\x88\x00\x75\x9c"),
        changed((1, "ttl"), 10**400),
        changed((1, "ttl"), -1),
        changed((1, "ttl"), 1.5),
        changed((0, "options"), {"mt_priority": 10**30}),
        changed((0, "options"), {"mt_priority": 10}),
        changed((0, "options"), {"mt_priority": True}),
        changed((0, "options"), {}),
        changed((0, "client", "source"), "\ud800"),
        changed((0, "client", "source"), "\n"),
        changed((0, "client", "helo"), "\r"),
        changed((0, "from", 0), "a\nb"),
        changed((1, "rcpt", 0), "a\x00b"),
        changed((1, "dest", 1), "\x7f"),
        changed((1, "action"), "\udfff"),
        changed((1, "notify"), ["SUCCESS", "NEVER"]),
        changed((1, "notify"), ["NEVER\r\nRSET"]),
        changed((0, "options"), {"ret": "FULL\r\nRSET"}),
        payload_of(encode_submission(submission(7, local()._replace(orcpt="rfc822\r\nRSET;joe")))[0][HEAD:]),
    ],
)
def test_what_would_be_in_the_way_later(payload: bytes) -> None:
    """A moment that is no date, a text that cannot be written, mail for nobody: the queue never sees them."""
    reader = SubmissionReader()
    for _ in range(2):
        assert reader.read(GOOD).message_id == 7
        with pytest.raises(FrameError):
            reader.read(payload)


def test_an_options_that_is_there_is_read() -> None:
    """So what is refused above is refused for its value."""
    assert read(changed((0, "options"), {"mt_priority": 9})).options.mt_priority == 9


def test_content_has_a_limit() -> None:
    """What is larger comes in pieces."""
    facts, content = GOOD, b"x" * 1024 * 1024
    assert read(facts + content).content == InlineContent(content)
    with pytest.raises(FrameError):
        read(facts + content + b"x")
