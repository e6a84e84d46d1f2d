"""The dialogues, on the protocol core alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.runtime.protocol.server import Offer
from tests.runtime.dialogue import dialogue_files, parse_dialogue, take_replies, tls_dialogue_files
from tests.runtime.site import Site

SUBMISSION = Offer(starttls=True, needs_tls=True, auth=True, needs_auth=True)


def play(path: Path, site: Site, *, whole: bool) -> None:
    """Let *site* play its part in the dialogue at *path*."""
    dialogue = parse_dialogue(path.read_text(encoding="utf-8"), path.name)

    for exchange in dialogue.exchanges:
        if exchange.secures:
            site.secure()
        pieces = [exchange.octets] if whole else [bytes([octet]) for octet in exchange.octets]
        answered = take_replies(site.hear(pieces))
        problems = [reply.mismatch(lines) for reply, lines in zip(exchange.replies, answered, strict=False)]
        assert not any(problems), [problem for problem in problems if problem]
        assert len(answered) == len(exchange.replies), f"after {exchange.octets!r}: {answered}"
    assert site.session.is_closed is dialogue.closes


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("path", dialogue_files(), ids=lambda path: path.stem)
def test_dialogue(path: Path, *, whole: bool) -> None:
    """The core answers as written, however the octets arrive."""
    play(path, Site(), whole=whole)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("path", tls_dialogue_files(), ids=lambda path: path.stem)
def test_dialogue_with_tls(path: Path, *, whole: bool) -> None:
    """So it does for submission."""
    play(path, Site(offer=SUBMISSION), whole=whole)


def test_there_are_dialogues() -> None:
    """An empty folder would pass every test."""
    assert len(dialogue_files()) > 10
    assert len(tls_dialogue_files()) > 1
