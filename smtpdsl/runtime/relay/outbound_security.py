"""What a server has to secure its mail to others with: who is asked, what is known, and what is counted.

OutboundSecurity.of(...)
    policies ──▶ TLSA records (DNS), MTA-STS (DNS, HTTPS, SPOOL/mta-sts)
    record ────▶ SPOOL/tls-reports
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from smtpdsl.mail.tls_report import PolicyType, ResultType
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.mta_sts import Policies, PolicyFolder, PolicyServer
from smtpdsl.runtime.mta_sts.folder import FOLDER as POLICIES
from smtpdsl.runtime.net.https import HTTPS_PORT, HttpsClient
from smtpdsl.runtime.net.ip_address import IpAddress
from smtpdsl.runtime.net.name_servers import NameServers
from smtpdsl.runtime.net.tls_files import OWN_FILES, Files
from smtpdsl.runtime.net.tls_renewal import Renewals, Renewed
from smtpdsl.runtime.net.tls_settings import authority_files
from smtpdsl.runtime.relay.dane import TlsaLookup
from smtpdsl.runtime.relay.transport_policies import TransportPolicies
from smtpdsl.runtime.tls_reports import AppliedPolicy, Failure, SessionResult, TlsReports
from smtpdsl.runtime.tls_reports.files import FOLDER as REPORTS
from smtpdsl.runtime.tls_reports.files import DayFiles
from smtpdsl.runtime.tls_reports.wishes import find_wishes

Context = Callable[[], ssl.SSLContext]


class Web(NamedTuple):
    """How servers of policies are reached: whose word counts for their names, where they listen, and who may be one."""

    context: Context | None = None
    port: int = HTTPS_PORT
    is_usable: Callable[[IpAddress], bool] = lambda address: not address.is_unroutable


_THE_WEB = Web()


class OutboundSecurity:
    """All of it."""

    def __init__(self, dns: NameServers, policies: TransportPolicies, sts: Policies, results: TlsReports) -> None:
        """Be made of these, as `of` does."""
        self.policies = policies
        self._dns = dns
        self._sts = sts
        self._results = results

    @classmethod
    def of(
        cls,
        dns: NameServers,
        spool: str,
        server_name: str,
        clock: Callable[[], float],
        log: Log,
        *,
        web: Web = _THE_WEB,
        ticks: Callable[[], float] = time.monotonic,
    ) -> OutboundSecurity:
        """Put everything together; nothing is asked or opened yet.

        Args:
            dns: Knows domains.
            spool: The folder below which is kept what has to survive.
            server_name: Who reports.
            clock: Seconds since 1970.
            log: Where trouble is told.
            web: The servers of policies.
            ticks: Seconds of a clock that never goes back.
        """
        results = TlsReports(DayFiles(Path(spool, REPORTS)), server_name, clock, log)

        def tell(domain: str, what: ResultType, why: str) -> None:
            results.record(SessionResult(AppliedPolicy(domain, PolicyType.STS), Failure(what, why)))

        client = HttpsClient(dns, web.context or _Authorities(log), port=web.port, is_usable=web.is_usable)
        sts = Policies(dns, PolicyServer(client), PolicyFolder(Path(spool, POLICIES)), clock, log, tell=tell)
        return cls(dns, TransportPolicies(TlsaLookup(dns, ticks), sts, results.record), sts, results)

    async def reports(self, day: str = "") -> list[dict[str, Any]]:
        """Return for each domain the report of *day*, ``YYYY-MM-DD`` and by default today, and who wants it.

        An item has a `domain`, its `report` (RFC 8460 §4.4), and as `rua` a list of URIs, or None if nobody can tell.

        Raises:
            ValueError: *day* is none.
        """
        found = await self._results.reports(day)
        wishes = await find_wishes(self._dns, found)
        return [{"domain": domain, "rua": wishes[domain], "report": report} for domain, report in found.items()]

    async def close(self) -> None:
        """Ask no more, and write down what was counted."""
        await self._sts.close()
        await self._results.close()


class _Authorities:
    """The authorities of the system, loaded when somebody is to be verified, and anew when their file changes."""

    def __init__(self, log: Log, files: Files = OWN_FILES) -> None:
        self._log = log
        self._files = files
        self._watched: Renewals[ssl.SSLContext] | None = None

    def __call__(self) -> ssl.SSLContext:
        if self._watched is None:
            part = Renewed("the authorities of this system", authority_files(None, str), _trust, self._files)
            self._watched = Renewals([part], self._files, self._log, time.monotonic)
        self._watched.look()
        return self._watched.parts[0].value


def _trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    # RFC 8461 §3.3: the name has to be one of those that a certificate lists.
    context.hostname_checks_common_name = False
    return context
