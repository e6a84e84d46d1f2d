"""Who wants reports."""

from __future__ import annotations

import asyncio
from pathlib import Path

from smtpdsl.runtime.net.name_servers import NameServers
from smtpdsl.runtime.tls_reports.wishes import find_wishes
from tests.dns_server import DnsServer, Trouble, Zone

ZONE: Zone = {
    ("_smtp._tls.a.test", "TXT"): ['"v=TLSRPTv1; rua=mailto:" "a@a.test"'],
    ("_smtp._tls.b.test", "TXT"): ['"v=spf1 -all"'],
    ("_smtp._tls.c.test", "TXT"): Trouble.SERVFAIL,
}


def test_what_the_record_of_each_domain_says(tmp_path: Path) -> None:
    """Or that nobody can tell; who cannot have a record is not asked for."""

    async def run() -> None:
        async with DnsServer(ZONE) as server:
            dns = NameServers(server.resolv_conf(tmp_path), server.port)
            domains = ["a.test", "b.test", "c.test", "d.test", "[192.0.2.1]", f"{'x.' * 124}test"]
            found = await find_wishes(dns, domains)
            assert list(found.items()) == [
                ("a.test", ("mailto:a@a.test",)),
                ("b.test", ()),
                ("c.test", None),
                ("d.test", ()),
                (domains[4], ()),
                (domains[5], ()),
            ]

    asyncio.run(run())
