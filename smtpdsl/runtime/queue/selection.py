"""Which envelopes an administrator means.

    (nothing)           all of them
    5f1e02aa            those of a message
    5f1e02aa9c31d407    one envelope
    --to *@example.com  and of these, those that every filter lets through

Addresses and domains are compared without regard to case; ``*`` in them stands for any text, and
``<>`` is the null sender.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.interfaces import Envelope
from smtpdsl.runtime.queue.ids import ENVELOPE_BITS, MAX_ENVELOPES, read_envelope_hex, read_message_hex
from smtpdsl.runtime.queue.store import State

_MESSAGE_DIGITS, _ENVELOPE_DIGITS = 8, 16
# What is shown of a message has so many of its bits.
_SHOWN_BITS = 32
NULL_SENDER = "<>"


class Selection(NamedTuple):
    """Envelopes by their identifiers, as the log shows them, and by what is known of them; an empty value is any."""

    ids: tuple[str, ...] = ()
    sender: str = ""
    recipient: str = ""
    domain: str = ""
    action: str = ""
    error: str = ""
    states: frozenset[State] = frozenset()

    def ranges(self, highest: int) -> list[tuple[int, int]]:
        """Return where the numbers of the envelopes lie, in order and apart from each other: first and last ones.

        Args:
            highest: No envelope has a higher number.

        Raises:
            ValueError: An identifier is none.
        """
        if not self.ids:
            return [(0, highest)]
        found: list[tuple[int, int]] = []
        for first, last in sorted(each for text in self.ids for each in _ranges_of(text, highest)):
            if not found or first > found[-1][1]:
                found.append((first, last))
            else:
                found[-1] = (found[-1][0], max(found[-1][1], last))
        return found

    @property
    def has_filters(self) -> bool:
        """Whether the facts of an envelope matter."""
        return any((self.sender, self.recipient, self.domain, self.action))

    def takes_state(self, state: State) -> bool:
        """Whether envelopes in *state* are meant."""
        return not self.states or state in self.states

    def takes(self, envelope: Envelope, reverse_path: ReversePath | None) -> bool:
        """Whether *envelope*, of a message from *reverse_path*, is meant; None if that cannot be read."""
        addresses = (envelope.recipient, envelope.dest)
        return (
            (not self.sender or (reverse_path is not None and _is_sender(self.sender, reverse_path)))
            and (not self.recipient or any(_matches(self.recipient, str(each)) for each in addresses))
            and (not self.domain or _matches(self.domain, envelope.dest.domain))
            and (not self.action or _matches(self.action, envelope.action))
        )


def check_id(text: str) -> str:
    """Return *text*, which shows a message or an envelope, in small letters.

    Raises:
        ValueError: It shows neither; the text says what was expected.
    """
    text = text.lower()
    if len(text) == _MESSAGE_DIGITS:
        read_message_hex(text)
    elif len(text) == _ENVELOPE_DIGITS:
        read_envelope_hex(text)
    else:
        message = f"expected the 8 digits of a message or the 16 of an envelope, found {text}"
        raise ValueError(message)
    return text


def _ranges_of(text: str, highest: int) -> Iterator[tuple[int, int]]:
    """Yield where the numbers lie that *text* may stand for: the same digits are shown again after 2**32 messages."""
    text = check_id(text)
    position = 0
    if len(text) == _MESSAGE_DIGITS:
        message = read_message_hex(text)
    else:
        message, position = read_envelope_hex(text)
    while (start := message << ENVELOPE_BITS) <= highest:
        yield (start | position, start | position) if position else (start, start | MAX_ENVELOPES)
        message += 1 << _SHOWN_BITS


def _is_sender(pattern: str, reverse_path: ReversePath) -> bool:
    mailbox: Mailbox | None = reverse_path.mailbox
    return pattern == NULL_SENDER if mailbox is None else _matches(pattern, str(mailbox))


def _matches(pattern: str, text: str) -> bool:
    return _pattern(pattern).fullmatch(text) is not None


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str]:
    """Read a pattern; what has matched before a star is not tried otherwise, so that none takes long."""
    first, *others = [re.escape(part) for part in re.split(r"\*+", text)]
    last = [f".*{others.pop()}"] if others else []
    middle = [f"(?>.*?{part})" for part in others]
    return re.compile("".join((first, *middle, *last)), re.IGNORECASE | re.DOTALL)
