"""Where a vector is played, and what was seen of it."""

from __future__ import annotations

from typing import NamedTuple

from tests.vectors.replies import Reply

LOGIN, PASSWORD = "alice@local.test", "s3cret pass"


class Played(NamedTuple):
    """What was seen; *early* are the replies before the vector began, *sent* is what was said in each layer."""

    early: tuple[Reply, ...]
    replies: tuple[Reply, ...]
    is_closed: bool
    sent: tuple[bytes, ...]
    reply_problems: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def codes(self) -> list[str]:
        """The reply codes of the vector."""
        return [reply.code for reply in self.replies]

    def without_refusals_after(self, count: int) -> Played:
        """Leave out the refusals that come after the first *count* replies."""
        rest = tuple(reply for reply in self.replies[count:] if not reply.code.startswith("5"))
        return self._replace(replies=self.replies[:count] + rest)


class Door(NamedTuple):
    """Where the listener of a vector is, and how it is talked to."""

    port: int
    is_implicit_tls: bool = False
    starts_tls: bool = False
    logs_in: bool = False
