"""What `prove` is asked about all mail, read and resolved.

    no-open-relay
    rejects "from any mail-from @spam.example"
    never match from any for any action "relay" unless auth

Unlike a rule a property implies nothing: what it does not mention is anything.
"""

from __future__ import annotations

from typing import TypeAlias

from smtpdsl.ir.resolved import Action, Condition
from smtpdsl.ir.syntax import Node


class NoOpenRelay(Node):
    """``no-open-relay``: strangers send to no foreign domain."""


class TlsForAuth(Node):
    """``always-tls-for-auth``: nobody logs in, here or at a next hop, without TLS."""


class Pattern(Node):
    """``accepts …``, ``rejects …``: all mail that fulfils *conditions* is."""

    accepts: bool
    conditions: tuple[Condition, ...]


class Never(Node):
    """``never match … [action … | reject] [unless …]``; without a verdict nothing of the kind is accepted."""

    conditions: tuple[Condition, ...]
    action: Action | None = None
    rejects: bool = False
    exception: tuple[Condition, ...] = ()


Property: TypeAlias = NoOpenRelay | TlsForAuth | Pattern | Never
"""What can be asked."""
