"""Submissions come out as they went in, and what is none is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.interfaces import InlineContent, Submission
from smtpdsl.runtime.roles.frames import FrameError
from smtpdsl.runtime.roles.submissions import decode_facts, encode_facts, split_content, with_content
from tests.runtime.queue.sample import local, relayed, submission
from tests.runtime.roles.strategies import SUBMISSIONS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=30,
)
GOOD = encode_facts(submission(7, local(), relayed("joe@far.example")))


def parts_of(value: object, place: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """Return where the parts of *value* are."""
    if not isinstance(value, list):
        return [place]
    return [place, *(each for number, part in enumerate(value) for each in parts_of(part, (*place, number)))]


PLACES = parts_of(json.loads(GOOD))[1:]


def changed(place: tuple[int, ...], value: object) -> bytes:
    """Return good facts with *value* at *place*."""
    facts = json.loads(GOOD)
    part = facts
    for number in place[:-1]:
        part = part[number]
    part[place[-1]] = value
    return json.dumps(facts).encode()


@given(message=SUBMISSIONS)
def test_a_submission_comes_out_as_it_went_in(message: Submission) -> None:
    """Whatever its client has said, octets that are no UTF-8 among it."""
    assert isinstance(message.content, InlineContent)
    payload = b"".join(with_content(encode_facts(message), message.content.octets))
    facts, content = split_content(payload)

    assert decode_facts(facts).with_content(InlineContent(content)) == message


@given(payload=st.binary(max_size=60) | st.binary(max_size=20).map(lambda rest: b"\0\0\0\4" + rest))
def test_octets_that_are_no_submission(payload: bytes) -> None:
    """They are refused, and nothing else is raised."""
    with pytest.raises(FrameError):
        decode_facts(split_content(payload)[0])


@given(place=st.sampled_from(PLACES), value=JSON)
def test_facts_with_something_else_in_one_place(place: tuple[int, ...], value: object) -> None:
    """They are refused, or say what can be stored and delivered."""
    try:
        facts = decode_facts(changed(place, value))
    except FrameError:
        return
    again = encode_facts(facts.with_content(InlineContent(b"")))
    assert decode_facts(again) == facts
    assert json.loads(again) is not None
    for each in facts.envelopes:
        assert 0 <= each.ttl + facts.created < 2**53


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        changed((1,), 10**400),
        changed((1,), -1),
        changed((1,), 1e300),
        changed((5,), []),
        changed((5, 0, 6), 10**400),
        changed((5, 0, 6), -1),
        changed((4, 5), 10**30),
        changed((3, 0), "\ud800"),
        changed((5, 0, 1), "\udfff"),
        GOOD[:-1],
        GOOD + b"0",
        GOOD.replace(b'"mda"', b'"mdb"'),
        changed((1,), 0).replace(b"[7, 0,", b"[7, NaN,"),
    ],
)
def test_what_would_be_in_the_way_later(octets: bytes) -> None:
    """A moment that is no date, a text that cannot be written, mail for nobody: the queue never sees them."""
    assert decode_facts(GOOD).message_id == 7
    with pytest.raises(FrameError):
        decode_facts(octets)


def test_content_has_a_limit() -> None:
    """What is larger comes in pieces."""
    split_content(b"".join(with_content(b"facts", b"x" * 1024 * 1024)))
    with pytest.raises(FrameError):
        split_content(b"".join(with_content(b"facts", b"x" * (1024 * 1024 + 1))))
