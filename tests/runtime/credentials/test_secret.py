"""A password that nobody can print by mistake."""

from __future__ import annotations

import copy
import pickle

import pytest

from smtpdsl.runtime.credentials.secret import Secret

SECRET = Secret(b"correct horse")


@pytest.mark.parametrize("text", [repr(SECRET), str(SECRET), f"{SECRET}", f"{SECRET!a}", repr([SECRET])])
def test_it_is_never_shown(text: str) -> None:
    """However it gets into a text."""
    assert "horse" not in text


def test_it_is_never_written_down() -> None:
    """Neither in a file nor between processes."""
    with pytest.raises(TypeError):
        pickle.dumps(SECRET)
    with pytest.raises(TypeError):
        copy.deepcopy(SECRET)


def test_it_is_compared_and_revealed() -> None:
    """Equal octets are equal secrets; nothing else is."""
    assert Secret(b"correct horse") == SECRET
    assert Secret(b"correct") != SECRET
    assert SECRET != b"correct horse"
    assert SECRET.reveal() == b"correct horse"
