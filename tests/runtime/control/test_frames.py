"""Octets become objects however they are cut, and nothing but objects."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.control.frames import FrameError, FrameReader, encode

MAX = 2000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=9), JSON, max_size=4)


@given(objects=st.lists(OBJECTS, max_size=5), cut=st.integers(1, 40))
def test_objects_arrive_however_they_are_cut(objects: list[dict[str, object]], cut: int) -> None:
    """In their order."""
    octets = b"".join(map(encode, objects))
    reader = FrameReader(2**20)
    found = []
    for start in range(0, len(octets), cut):
        reader.feed(octets[start : start + cut])
        while (each := reader.next()) is not None:
            found.append(each)

    assert found == objects
    assert reader.is_between


@given(octets=st.binary(max_size=400) | st.binary(max_size=400).map(lambda text: len(text).to_bytes(4) + text))
def test_nothing_else_escapes(octets: bytes) -> None:
    """Whatever comes is an object, half a frame, or an error."""
    reader = FrameReader(MAX)
    reader.feed(octets)
    try:
        while (found := reader.next()) is not None:
            assert isinstance(found, dict)
    except FrameError:
        pass


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        ((MAX + 1).to_bytes(4), f"expected at most {MAX} octets, found {MAX + 1}"),
        (b"\xff\xff\xff\xff", "found 4294967295"),
        (b"\0\0\0\x02[]", "expected a JSON object"),
        (b"\0\0\0\0", "expected a JSON object"),
        (b"\0\0\0\x02{]", "expected a JSON object"),
        (b"\0\0\0\x02\xff\xfe", "expected a JSON object"),
        (b"\0\0\0\x04" + "{}".encode("utf-16-le"), "expected a JSON object"),
        (b"\0\0\0\x08" + "{}".encode("utf-32-be"), "expected a JSON object"),
        (MAX.to_bytes(4) + b"[" * MAX, "expected a JSON object"),
    ],
)
def test_what_is_no_frame(octets: bytes, problem: str) -> None:
    """It is told what was expected, before what is too long has been read."""
    reader = FrameReader(MAX)
    reader.feed(octets)
    with pytest.raises(FrameError, match=problem):
        reader.next()


def test_text_is_ascii() -> None:
    """Whatever names say, also half of a character."""
    assert json.loads(encode({"name": "\udcff\u00e4\n"})[4:]) == {"name": "\udcff\u00e4\n"}
    assert encode({"name": "\u00e4"})[4:].isascii()
