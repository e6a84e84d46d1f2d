"""What an administrator has paused: mail from an address of ours, for a domain, or both.

pause("", "example.org")              nothing goes to example.org
pause("192.0.2.1", "example.org")     nothing goes there from that address; another one may be used
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import NamedTuple

from smtpdsl.ir.matching import fold
from smtpdsl.mail.ip import ipv6_value
from smtpdsl.runtime.interfaces import Outcome
from smtpdsl.runtime.protocol.client_verdicts import temporary
from smtpdsl.runtime.relay.talk import outcome_of


class Block(NamedTuple):
    """Mail from the address *source* for *domain*; one of them may be empty, for any."""

    source: str
    domain: str

    def __str__(self) -> str:
        return f"{self.source or 'any'} -> {self.domain or 'any'}"


class Blocks:
    """The blocks that hold now."""

    def __init__(self) -> None:
        """Block nothing."""
        self._blocks: dict[Block, None] = {}

    def add(self, source: str, domain: str) -> bool:
        """Block mail from *source* for *domain*, and say whether it was not."""
        block = _block(source, domain)
        is_new = block not in self._blocks
        self._blocks[block] = None
        return is_new

    def remove(self, source: str, domain: str) -> bool:
        """Let it go again, and say whether it was blocked."""
        block = _block(source, domain)
        was_there = block in self._blocks
        self._blocks.pop(block, None)
        return was_there

    def all(self) -> Sequence[Block]:
        """Return all of them, in the order in which they came."""
        return tuple(self._blocks)

    def problem(self, source: str, domain: str) -> Outcome | None:
        """Return why mail from *source* for *domain* waits, if it does."""
        if not self._blocks:
            return None
        domain = fold(domain)
        for block in (_block(source, domain), _block("", domain), _block(source, "")):
            if block in self._blocks and (block.source or block.domain):
                text = f"the administrator has paused mail for {domain}" + (
                    f" from {block.source}" * bool(block.source)
                )
                return outcome_of(temporary(text, "4.4.0"))
        return None


def _block(source: str, domain: str) -> Block:
    """Return a block as it is compared: an IPv6 address and a domain may be written in several ways."""
    value = ipv6_value(source) if source else None
    return Block(source if value is None else str(IPv6Address(value)), fold(domain))
