"""Who wants reports on TLS with a domain: what its record says (RFC 8460 §3).

_smtp._tls.example.com TXT "v=TLSRPTv1; rua=mailto:tls@example.com"     ──▶ ("mailto:tls@example.com",)
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from smtpdsl.ir.host_name import MAX_NAME, host_name_problem
from smtpdsl.mail.tls_report import read_report_record
from smtpdsl.runtime.net.name_servers import Records
from smtpdsl.runtime.net.resolver import ResolveError

_RECORD = "_smtp._tls."
# At the same time; and how long one is waited for.
_MAX_QUESTIONS = 20
_SECONDS = 10.0


class Dns(Protocol):
    """Who is asked; `NameServers` is one."""

    async def texts(self, name: str) -> Records:
        """Return the TXT records of *name*; raises `ResolveError`."""


async def find_wishes(dns: Dns, domains: Iterable[str]) -> Mapping[str, tuple[str, ...] | None]:
    """Return the URIs that the reports of each of *domains* are to go to; None where nobody can tell."""
    turns = asyncio.Semaphore(_MAX_QUESTIONS)

    async def ask(domain: str) -> tuple[str, ...] | None:
        if host_name_problem(domain) or len(_RECORD + domain) > MAX_NAME:
            return ()
        try:
            async with turns, asyncio.timeout(_SECONDS):
                return read_report_record((await dns.texts(_RECORD + domain)).values)
        except (ResolveError, TimeoutError):
            return None

    names = list(domains)
    return dict(zip(names, await asyncio.gather(*map(ask, names)), strict=True))
