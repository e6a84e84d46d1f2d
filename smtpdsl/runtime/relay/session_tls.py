"""What became of TLS in a session: counted for the report of the domain, and told where it is less than was wanted.

first session    verified as the policy demands     counted as good
                 not                                counted as a failure, and told; less may be tried next
the next ones    do without                         counted already
"""

from __future__ import annotations

from smtpdsl.mail.tls_report import PolicyType, ResultType
from smtpdsl.runtime.net.client import Connection
from smtpdsl.runtime.protocol.client import ClientSession, Security, Verdict
from smtpdsl.runtime.protocol.client_verdicts import permanent, shortened
from smtpdsl.runtime.relay.host_security import HostSecurity
from smtpdsl.runtime.relay.plan import Way
from smtpdsl.runtime.relay.session_log import RelaySessionLog
from smtpdsl.runtime.tls_reports.results import Failure, SessionResult, result_of


class SessionTls:
    """The TLS of one session."""

    def __init__(self, security: HostSecurity, way: Way, connection: Connection, core: ClientSession) -> None:
        """Look at a session that was begun in this *way* of *security*, and takes messages now or has ended."""
        self._security = security
        self._way = way
        self._is_first = way is security.way
        self._is_secure = connection.tls_facts is not None and not core.has_failed_securing
        self._has_failed = core.has_failed_securing
        self._lacks_tls = core.lacks_tls or (core.is_ready and not self._is_secure)
        self._verify_code = connection.verify_code
        # A handshake that came to its end fails for the sake of TLSA records alone.
        self._has_wrong_certificate = self._verify_code != 0 or (self._has_failed and connection.tls_facts is not None)

    @property
    def is_missing(self) -> bool:
        """Whether the session has ended for want of TLS as it was demanded."""
        return self._has_failed or self._lacks_tls

    def result(self, host: str, address: str, source: str, problem: Verdict | None) -> SessionResult | None:
        """Return what is counted of a session with *host*; None if nothing is, or TLS was not come to."""
        policy = self._security.policy
        if policy is None or not self._is_first or self._way.security is Security.NEVER:
            return None
        if self._has_failed:
            found, reason = result_of(self._verify_code), problem.text if problem is not None else ""
        elif self._lacks_tls:
            found, reason = ResultType.STARTTLS_NOT_SUPPORTED, "the server does not offer STARTTLS"
        elif self._security.violation:
            found, reason = ResultType.VALIDATION_FAILURE, self._security.violation
        else:
            return SessionResult(policy) if self._is_secure else None
        return SessionResult(policy, Failure(found, reason, host, address, source))

    def tell(self, log: RelaySessionLog, result: SessionResult | None) -> None:
        """Write what is less than was wanted to the *log* of the session."""
        if result is not None and result.failure is not None and result.policy.kind is not PolicyType.NONE:
            log.violated(result.policy, result.failure)
        if self.is_missing and self._way is not self._security.ways[-1]:
            if self._is_first and self._security.fallback is not None:
                log.unverified()
            elif self._has_failed:
                log.in_the_clear()

    def explained(self, problem: Verdict) -> Verdict:
        """Add to *problem* who demands what is missing."""
        policy = self._security.policy
        if self._way.is_for_whole_way and (self._lacks_tls or self._has_wrong_certificate):
            # RFC 8689 §4.2.1: then the sender hears of it.
            text = f"the sender demands TLS on the whole way: {problem.text}"
            return permanent(text, "5.7.10")
        if not self.is_missing or policy is None or policy.kind is PolicyType.NONE or not self._security.is_verified:
            return problem
        # Mail for other domains meets the same server on the same terms, and gets this text while it is left alone.
        why = "the domain has an MTA-STS policy" if policy.kind is PolicyType.STS else self._security.why
        # What a server has said stays at the end: a report to the sender looks for it there.
        return problem._replace(text=shortened(f"mail goes only to who is verified ({why}): {problem.text}"))
