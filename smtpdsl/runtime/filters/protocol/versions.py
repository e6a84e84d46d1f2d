"""The versions of the protocol, and what differs between them.

    0.4   filter-result|TOKEN|SESSION|…    tx-mail|MSGID|ADDRESS|RESULT    link-auth|USER|RESULT
    0.5   filter-result|SESSION|TOKEN|…
    0.6                                    tx-mail|MSGID|RESULT|ADDRESS
    0.7                                                                    link-auth|RESULT|USER

Nothing is negotiated: a program understands the version on each line, or does not.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple


class Version(NamedTuple):
    """A version of the protocol."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @property
    def has_session_first(self) -> bool:
        """Whether an answer has the session in front of the token."""
        return self >= _SESSION_FIRST

    @property
    def has_result_before_address(self) -> bool:
        """Whether ``tx-mail`` and ``tx-rcpt`` end with the address."""
        return self >= _RESULT_BEFORE_ADDRESS

    @property
    def has_result_before_user(self) -> bool:
        """Whether ``link-auth`` ends with the login."""
        return self >= _RESULT_BEFORE_USER


_SESSION_FIRST = Version(0, 5)
_RESULT_BEFORE_ADDRESS = Version(0, 6)
_RESULT_BEFORE_USER = Version(0, 7)
LATEST = Version(0, 7)
ALL = (Version(0, 4), _SESSION_FIRST, _RESULT_BEFORE_ADDRESS, LATEST)

# Releases of these that are still in use know this version, and read newer lines wrongly; newer ones read both.
_OLD = {"filter-rspamd": _RESULT_BEFORE_ADDRESS}


def version_for(command: str) -> Version:
    """Return what is spoken with the program that *command* starts."""
    words = command.split(maxsplit=1)
    return _OLD.get(PurePosixPath(words[0]).name, LATEST) if words else LATEST
