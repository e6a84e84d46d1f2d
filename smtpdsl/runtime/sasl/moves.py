"""What a mechanism wants next; it does no I/O and knows no account.

client's octets ──mechanism.step──▶ Challenge       send this, and step again with the answer
                                    CheckPassword   whether it is right decides
                                    FindKeys        go on with `keys_found`
                                    Proven          the client knows the keys of this login
                                    Asserted        its certificate says so
                                    Failed          535
                                    Malformed       501
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeAlias

from smtpdsl.runtime.credentials.secret import Secret


class Challenge(NamedTuple):
    """Octets for the client, not yet in base64."""

    octets: bytes


class CheckPassword(NamedTuple):
    """Is *password* that of *login*?"""

    login: str
    password: Secret


class FindKeys(NamedTuple):
    """Which keys does *login* have?"""

    login: str


class Proven(NamedTuple):
    """The client has proved that it is *login*."""

    login: str


class Asserted(NamedTuple):
    """A certificate or a token says that the client is *login*; the accounts may know of no such login."""

    login: str


class Failed(NamedTuple):
    """The client is not who it says; *why* is for the log."""

    login: str
    why: str


class Malformed(NamedTuple):
    """The client does not speak the mechanism; *why* is for the log and repeats nothing of what it said."""

    why: str


Move: TypeAlias = Challenge | CheckPassword | FindKeys | Proven | Asserted | Failed | Malformed


class Mechanism(Protocol):
    """One exchange of one mechanism."""

    def step(self, octets: bytes | None) -> Move:
        """Go on with the client's *octets*; None for a client that began without an initial response."""
