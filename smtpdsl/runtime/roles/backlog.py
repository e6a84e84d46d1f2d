"""What an SMTP process has said and the queue process has not dealt with yet: there is an end to it.

    messages that are being stored, questions that are being asked ──▶ too much ──▶ the link is not read

An SMTP process brings no more at a time than its clients do; one that has been taken over may bring mail as fast as a
socket takes it.  It waits, then, and the others do not.
"""

from __future__ import annotations

from smtpdsl.runtime.roles.frames import Link

# Two full batches of the store, so that it never waits for the next one.
_MOST_OCTETS = 32 * 1024 * 1024
# What else there is of each, in whatever has it.
_OCTETS_OF_EACH = 4096
_TOO_MUCH = "there is too much to do"
_DEAF = "it does not listen"


class PeerLink(Link):
    """The link to an SMTP process; whoever does not read its answers is heard no further."""

    def pause_writing(self) -> None:
        """Take notice that the peer does not read."""
        super().pause_writing()
        self.hold(_DEAF)

    def resume_writing(self) -> None:
        """Take notice that it does."""
        super().resume_writing()
        self.release(_DEAF)


class Backlog:
    """That of one process."""

    def __init__(self, link: Link) -> None:
        """Stop to read *link* when there is too much."""
        self._link = link
        self._octets = 0

    @property
    def is_too_much(self) -> bool:
        """Whether the link is not read."""
        return self._octets > _MOST_OCTETS

    def begin(self, octets: int) -> None:
        """Take notice of something of so many *octets*."""
        self._octets += octets + _OCTETS_OF_EACH
        if self._octets > _MOST_OCTETS:
            self._link.hold(_TOO_MUCH)

    def end(self, octets: int) -> None:
        """Take notice that it is dealt with."""
        was_too_much = self._octets > _MOST_OCTETS
        self._octets -= octets + _OCTETS_OF_EACH
        if was_too_much and self._octets <= _MOST_OCTETS:
            self._link.release(_TOO_MUCH)
