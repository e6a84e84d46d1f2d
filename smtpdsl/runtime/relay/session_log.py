"""What the log has of a session with another server, in the words that log tools know.

8bb2c1a500000001 mta connecting address=smtp://192.0.2.25:25 host=mx.example
8bb2c1a500000001 mta connected
8bb2c1a500000001 mta tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256
8bb2c1a500000001 mta cert-check result="valid" fingerprint="SHA256:5e88…"
8bb2c1a500000001 mta tls-policy domain=example policy=sts result=certificate-expired reason="no TLS with …"
8bb2c1a500000001 mta disconnected reason=quit messages=1
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping

from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.tls_reports.results import AppliedPolicy, Failure


class NoLog:
    """A log that nobody reads."""

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Forget it."""

    def info(self, text: str) -> None:
        """Forget it."""

    def warn(self, text: str) -> None:
        """Forget it."""


class RelayLog:
    """Numbers the sessions of an agent."""

    def __init__(self, log: Log) -> None:
        """Write to *log*."""
        self._log = log
        self._numbers = itertools.count(secrets.randbits(31))

    def session(self) -> RelaySessionLog:
        """Return the log of another session."""
        number = next(self._numbers) & 0xFFFFFFFF
        return RelaySessionLog(self._log, f"{number:08x}{secrets.randbits(32):08x}")


class RelaySessionLog:
    """The lines of one session."""

    def __init__(self, log: Log, identifier: str) -> None:
        """Begin each line with *identifier*."""
        self._log = log
        self._identifier = identifier

    def connecting(self, address: str, host: str) -> None:
        """A connection to the URL *address* begins."""
        self._event("connecting", {"address": address, "host": host})

    def connected(self) -> None:
        """It is there."""
        self._event("connected", {})

    def secured(self, facts: TlsFacts) -> None:
        """The handshake is over."""
        self._event("tls", {"ciphers": facts.ciphers})
        certificate = facts.certificate
        if certificate is not None:
            result = "valid" if certificate.is_verified else "unverified"
            self._event("cert-check", {"result": result, "fingerprint": certificate.fingerprint})

    def failed(self, reason: str) -> None:
        """No message was sent."""
        self._event("error", {"reason": reason})

    def in_the_clear(self) -> None:
        """The handshake has failed, nobody demands TLS, and another session does without it."""
        self._event("tls-fallback", {"reason": "the next session goes on in the clear"})

    def unverified(self) -> None:
        """The policy is only tested: another session does without what it demands."""
        self._event("tls-fallback", {"reason": "the policy is only tested, so the next session goes on without it"})

    def violated(self, policy: AppliedPolicy, failure: Failure) -> None:
        """What the policy of a domain demands is not there."""
        values = {"domain": policy.domain, "policy": policy.kind.value, "result": failure.result.value}
        self._event("tls-policy", {**values, "reason": failure.reason})

    def left(self, messages: int) -> None:
        """It is over."""
        self._event("disconnected", {"reason": "quit", "messages": messages})

    def _event(self, name: str, values: Mapping[str, object]) -> None:
        self._log.event(self._identifier, f"mta {name}", values)
