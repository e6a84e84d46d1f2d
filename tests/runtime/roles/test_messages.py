"""What processes say to each other comes out as it went in, and anything else is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.interfaces import StorageError, StorageFullError
from smtpdsl.runtime.net.gate import FULL, TOO_MANY, TOO_OFTEN
from smtpdsl.runtime.queue.ids import Block
from smtpdsl.runtime.roles.frames import MAX_PAYLOAD_OCTETS, FrameError
from smtpdsl.runtime.roles.messages import (
    Tried,
    block_of,
    decode_admission,
    decode_counts,
    decode_failures,
    decode_refusal,
    decode_tried,
    encode_admission,
    encode_counts,
    encode_failures,
    encode_refusal,
    encode_tried,
    number,
    numbered,
    numbers,
    numbers_of,
    octets_of,
    pair,
    paired,
    text_of,
)
from smtpdsl.runtime.sasl.throttle import DEFAULTS, Remembered
from tests.runtime.roles.strategies import TEXTS

NUMBERS = st.integers(0, 2**63 - 1)


@given(value=NUMBERS, rest=st.binary(max_size=20), other=NUMBERS)
def test_numbers(value: int, rest: bytes, other: int) -> None:
    """With what stands behind them."""
    assert numbered(number(value) + rest) == (value, rest)
    assert paired(pair(value, other)) == (value, other)
    assert block_of(pair(value, other)) == Block(value, other)


@given(values=st.lists(NUMBERS, max_size=5))
def test_any_count_of_numbers(values: list[int]) -> None:
    """In their order."""
    assert numbers_of(numbers(values)) == tuple(values)


@given(octets=st.binary(max_size=40))
def test_any_octets_are_a_text(octets: bytes) -> None:
    """And come out as they were."""
    assert octets_of(text_of(octets)) == octets


@given(message_id=NUMBERS, why=TEXTS, kind=st.sampled_from([StorageError, StorageFullError]))
def test_refusals(message_id: int, why: str, kind: type[StorageError]) -> None:
    """A full disk is told from other trouble."""
    found, error = decode_refusal(encode_refusal(message_id, kind(why)))

    assert (found, type(error), str(error)) == (message_id, kind, why)


@pytest.mark.parametrize("reply", [None, FULL, TOO_MANY, TOO_OFTEN])
def test_admissions(reply: Reply | None) -> None:
    """With every reply that the gate has."""
    assert decode_admission(encode_admission(reply)) == reply


@given(tried=st.builds(Tried, TEXTS, TEXTS, st.booleans()))
def test_logins(tried: Tried) -> None:
    """Whatever they are called."""
    assert decode_tried(encode_tried(tried)) == tried


def test_a_very_long_login_is_cut_off() -> None:
    """Everybody remembers it, so it has an end; whoever sends a longer one is none of ours."""
    tried = Tried("192.0.2.1", "x" * 1000, is_right=True)

    assert decode_tried(encode_tried(tried)) == tried._replace(login="x" * 256)
    with pytest.raises(FrameError):
        decode_tried(b'["192.0.2.1","' + b"x" * 257 + b'",true]')


@given(
    failures=st.builds(
        Remembered,
        *[st.lists(st.tuples(TEXTS, st.floats(0, 9), st.floats(0, 9)), max_size=3)] * 2,
        st.lists(st.tuples(TEXTS, TEXTS, st.floats(0, 9)), max_size=3),
    )
)
def test_failures(failures: Remembered) -> None:
    """What a throttle remembers."""
    assert decode_failures(encode_failures(failures)) == failures


def test_however_long_names_are_a_frame_has_room() -> None:
    """A process that dies of what it is told would be started again and again."""
    name = "\N{OLD PERSIAN SIGN A}" * 256
    many = [(name, 1.5, -1.2345678901234567e-05)] * DEFAULTS.entries
    failures = Remembered(many, many, [*[(name, name, 1.0)] * DEFAULTS.entries, ("192.0.2.1", "ann", 2.0)])

    octets = encode_failures(failures)

    assert len(octets) <= MAX_PAYLOAD_OCTETS
    told = decode_failures(octets)
    assert min(map(len, told)) > 1000
    assert told.known[-1] == ("192.0.2.1", "ann", 2.0)


@given(counts=st.dictionaries(TEXTS, st.integers(), max_size=5))
def test_counters(counts: dict[str, int]) -> None:
    """All of them."""
    assert decode_counts(encode_counts(counts)) == counts


@given(octets=st.binary(max_size=40))
@pytest.mark.parametrize(
    "decode", [numbered, numbers_of, paired, decode_refusal, decode_tried, decode_counts, decode_failures]
)
def test_other_octets_are_refused(decode: Callable[[bytes], object], octets: bytes) -> None:
    """And nothing else is raised."""
    try:
        decode(octets)
    except FrameError:
        return
    assert decode in {numbered, numbers_of, decode_refusal, paired}
    assert len(octets) >= 8 or (decode is numbers_of and not octets)


@pytest.mark.parametrize("octets", [b"", b"[", b"[]", b'["a","b",1]', b'["a",1,true]', b'{"a":1}', b"[" * 100_000])
def test_what_is_no_login(octets: bytes) -> None:
    """A number is no claim."""
    with pytest.raises(FrameError):
        decode_tried(octets)


@pytest.mark.parametrize(
    "octets",
    [
        *(b"", b"[]", b'{"a":true}', b'{"a":1.5}', b'{"a":"1"}', b'{"a":' + b"9" * 5000 + b"}"),
        b'{"a":1' + b" " * 65536 + b"}",
    ],
)
def test_what_are_no_counters(octets: bytes) -> None:
    """Numbers are whole, and not without end."""
    with pytest.raises(FrameError):
        decode_counts(octets)


@pytest.mark.parametrize(
    "octets", [b"", b"[]", b"[[],[]]", b'[["a"],[],[]]', b'[[["a",1]],[],[]]', b'[[],[],[["a",1,1]]]']
)
def test_what_are_no_failures(octets: bytes) -> None:
    """Each has its parts."""
    with pytest.raises(FrameError):
        decode_failures(octets)
