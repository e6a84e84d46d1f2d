"""The dialogues, on the protocol core alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.dialogue import dialogue_files, parse_dialogue, take_replies
from tests.runtime.site import Site


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("path", dialogue_files(), ids=lambda path: path.stem)
def test_dialogue(path: Path, *, whole: bool) -> None:
    """The core answers as written, however the octets arrive."""
    dialogue = parse_dialogue(path.read_text(encoding="utf-8"), path.name)
    site = Site()

    for exchange in dialogue.exchanges:
        pieces = [exchange.octets] if whole else [bytes([octet]) for octet in exchange.octets]
        answered = take_replies(site.hear(pieces))
        problems = [reply.mismatch(lines) for reply, lines in zip(exchange.replies, answered, strict=False)]
        assert not any(problems), [problem for problem in problems if problem]
        assert len(answered) == len(exchange.replies), f"after {exchange.octets!r}: {answered}"
    assert site.session.is_closed is dialogue.closes


def test_there_are_dialogues() -> None:
    """An empty folder would pass every test."""
    assert len(dialogue_files()) > 10
