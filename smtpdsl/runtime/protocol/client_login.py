"""What a session needs to log in; the mechanisms themselves are no affair of the protocol.

C: AUTH PLAIN AGFubgBzM2NyZXQ=      respond(None) is the first response, or None if there is none yet
S: 334 ...                          respond(challenge), for each of them
S: 235 ok                           believed if the exchange `is_complete`
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

EndPoint: TypeAlias = Callable[[], bytes | None]
"""What a login can be bound to: the server's end of the channel, by its certificate (RFC 5929 §4); None for nothing."""


def no_end_point() -> None:
    """Say that there is nothing to bind a login to."""


class LoginError(Exception):
    """A challenge that is not answered; the text says why, and nothing of a secret."""


class Exchange(Protocol):
    """One attempt to log in with one mechanism."""

    @property
    def mechanism(self) -> str:
        """Its name, in upper case."""

    @property
    def is_complete(self) -> bool:
        """Whether everything was said, and the server has proved what it has to prove."""

    def respond(self, challenge: bytes | None) -> bytes | None:
        """Answer *challenge*; None asks for what is said first, if the mechanism lets the client begin.

        Raises:
            LoginError: There is no answer to it.
        """


class Login(Protocol):
    """Somebody that a session can be authenticated as."""

    def begin(self, offered: frozenset[str], refused: frozenset[str], end_point: EndPoint) -> Exchange | None:
        """Choose among the mechanisms *offered*, in upper case, after those that were *refused*; None for no other.

        *end_point* is asked where the login may be bound to it.
        """

    def is_told_by(self, text: str) -> bool:
        """Whether *text* repeats a secret."""
