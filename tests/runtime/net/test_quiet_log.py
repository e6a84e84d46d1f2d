"""Clients that leave without a word are told together."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from smtpdsl.runtime.net.quiet_log import QuietLog
from tests.runtime.net.ticking import Clock

CONNECTED, DISCONNECTED = "smtp connected", "smtp disconnected"


class Notes:
    """A log that is kept, one line an entry."""

    def __init__(self) -> None:
        """Be empty."""
        self.lines: list[str] = []

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Keep an event."""
        self.lines.append(" ".join([subject, name, *(f"{key}={value}" for key, value in values.items())]))

    def info(self, text: str) -> None:
        """Keep a sentence."""
        self.lines.append(text)

    def warn(self, text: str) -> None:
        """Keep a sentence."""
        self.lines.append(text)


class Scene:
    """A log with its clock."""

    def __init__(self) -> None:
        """Begin."""
        self.notes, self.clock = Notes(), Clock()
        self.log = QuietLog(self.notes, self.clock.call_later)

    def connect(self, session: str) -> None:
        """Let a client come."""
        self.log.event(session, CONNECTED, {"address": f"192.0.2.{session}"})

    def leave(self, session: str, reason: str = "disconnect") -> None:
        """Let it go."""
        self.log.event(session, DISCONNECTED, {"reason": reason})


def test_a_session_begins_in_the_log_when_there_is_more_to_tell() -> None:
    """Its lines are in their order."""
    scene = Scene()
    scene.connect("1")
    assert scene.notes.lines == []
    scene.log.event("1", "smtp message", {"size": 9})
    scene.leave("1")

    assert scene.notes.lines == [
        "1 smtp connected address=192.0.2.1",
        "1 smtp message size=9",
        "1 smtp disconnected reason=disconnect",
    ]


def test_a_session_that_stays_is_told_after_a_second() -> None:
    """And from then on as any other."""
    scene = Scene()
    scene.connect("1")
    scene.connect("2")
    scene.clock.second()
    scene.leave("2")

    assert scene.notes.lines == [
        "1 smtp connected address=192.0.2.1",
        "2 smtp connected address=192.0.2.2",
        "2 smtp disconnected reason=disconnect",
    ]
    assert scene.clock.timers == []


@pytest.mark.parametrize("reason", ["disconnect", "io-error: connection reset by peer"])
def test_a_storm_is_one_line_a_second(reason: str) -> None:
    """However many come and go."""
    scene = Scene()
    for number in range(1000):
        scene.connect(str(number))
        scene.leave(str(number), reason)
    scene.clock.second()

    assert scene.notes.lines == [
        "a client left without a word, from 192.0.2.0",
        "999 clients left without a word, the last from 192.0.2.999",
    ]


@pytest.mark.parametrize("reason", ["quit", "timeout", "shutdown", "proxy-failed"])
def test_an_end_that_has_a_reason_is_told(reason: str) -> None:
    """Whoever gave it."""
    scene = Scene()
    scene.connect("1")
    scene.leave("1", reason)

    assert scene.notes.lines == ["1 smtp connected address=192.0.2.1", f"1 smtp disconnected reason={reason}"]


def test_nothing_is_lost_at_the_end() -> None:
    """Of sessions that still are there, or of those that are gone."""
    scene = Scene()
    for session in "123":
        scene.connect(session)
    scene.leave("1")
    scene.leave("2")
    scene.log.warn("careful")
    scene.log.info("stopping")
    scene.log.close()

    assert scene.notes.lines == [
        "a client left without a word, from 192.0.2.1",
        "careful",
        "stopping",
        "3 smtp connected address=192.0.2.3",
        "a client left without a word, from 192.0.2.2",
    ]
    assert scene.clock.timers == []
