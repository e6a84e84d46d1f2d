"""What a client wants to hear of a recipient."""

from __future__ import annotations

import pytest

from smtpdsl.mail.options import united, wants

_Notify = frozenset[str] | None


def words(text: str) -> _Notify:
    """Read ``SUCCESS,DELAY``; a dash is a client that has not said anything."""
    return None if text == "-" else frozenset(text.split(","))


@pytest.mark.parametrize(
    ("notify", "wanted"),
    [
        ("-", "FAILURE,DELAY"),
        ("NEVER", ""),
        ("SUCCESS", "SUCCESS"),
        ("FAILURE", "FAILURE"),
        ("SUCCESS,FAILURE,DELAY", "SUCCESS,FAILURE,DELAY"),
    ],
)
def test_what_is_reported(notify: str, wanted: str) -> None:
    """RFC 3461 §4.1: without NOTIFY a failure is reported, and a delay may be."""
    found = [event for event in ("SUCCESS", "FAILURE", "DELAY") if wants(words(notify), event)]

    assert ",".join(found) == wanted


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("-", "-", "-"),
        ("NEVER", "NEVER", "NEVER"),
        ("NEVER", "SUCCESS", "SUCCESS"),
        ("NEVER", "-", "FAILURE,DELAY"),
        ("SUCCESS", "FAILURE", "SUCCESS,FAILURE"),
        ("SUCCESS", "-", "SUCCESS,FAILURE,DELAY"),
    ],
)
def test_who_is_named_twice_hears_what_one_of_the_two_asks_for(one: str, other: str, both: str) -> None:
    """In either order."""
    assert united(words(one), words(other)) == words(both)
    assert united(words(other), words(one)) == words(both)
