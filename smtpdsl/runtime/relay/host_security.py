"""How a session with one host is secured, and what is done if it cannot be.

    opportunistic    TLS if it is offered, else in the clear
    testing policy   verified; what fails is recorded, and the message goes as without a policy
    enforced         verified, or the message does not go there

A session that was begun on other terms is another one: a message that has to be verified
never goes over one that was not.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from smtpdsl.runtime.protocol.client import Security, Verdict
from smtpdsl.runtime.protocol.client_verdicts import permanent
from smtpdsl.runtime.relay.plan import Way
from smtpdsl.runtime.tls_reports.results import AppliedPolicy

_NO_ENCRYPTION, _NOT_CERTAIN = "5.7.10", "5.7.30"


class Verification(Enum):
    """By what it is proven whom we speak to; the value is a word of `explain`."""

    NONE = "certificate not verified"
    PKIX = "certificate verified"
    DANE = "certificate verified by DANE"
    MTA_STS = "certificate verified, as MTA-STS demands"


class HostSecurity(NamedTuple):
    """How a host is spoken to, by what it is verified, and *why* in one line.

    A policy that is only tested has a *fallback*: what fails is recorded, and done so.  A
    *violation* of such a policy is known before anybody is spoken to.  The name of one that
    *is_vouched_for* does not come from strangers: DNSSEC or a policy has it, or the configuration.
    """

    way: Way
    verification: Verification
    why: str
    policy: AppliedPolicy | None = None
    fallback: Way | None = None
    violation: str = ""
    is_vouched_for: bool = False

    @property
    def mode(self) -> Security:
        """How a session becomes secure."""
        return self.way.security

    @property
    def is_verified(self) -> bool:
        """Whether a message goes to nobody but the one who is meant."""
        return self.verification is not Verification.NONE and self.fallback is None

    @property
    def ways(self) -> tuple[Way, ...]:
        """What is tried, one after the other, as long as it is TLS that fails."""
        ways = (self.way,) if self.fallback is None else (self.way, self.fallback)
        if ways[-1].security is Security.OFFERED:
            # RFC 7435: better in the clear than not at all, where nobody demands more.
            ways = (*ways, ways[-1]._replace(security=Security.NEVER))
        return ways

    def for_whole_way(self, host: str) -> HostSecurity | Verdict:
        """Return what a message needs whose sender demands TLS on the whole way (RFC 8689 §4.2.1), or why it fails."""
        if self.is_verified and self.is_vouched_for:
            return self._replace(way=self.way._replace(is_for_whole_way=True))
        if self.mode is Security.NEVER:
            return permanent(f"the sender demands TLS, which is never used with {host}", _NO_ENCRYPTION)
        if not self.is_vouched_for:
            text = f"the sender demands TLS on the whole way, and nobody vouches for {host}: {self.why}"
            return permanent(text, _NOT_CERTAIN)
        mode = Security.REQUIRED if self.mode is Security.OFFERED else self.mode
        way = self.way._replace(security=mode, verifies=True, is_for_whole_way=True)
        why = f"the sender demands it; {self.why}"
        # What the domain does not demand is no affair of its reports.
        return self._replace(way=way, verification=Verification.PKIX, fallback=None, policy=None, why=why)
