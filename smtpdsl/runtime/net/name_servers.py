"""The DNS, as the servers of resolv.conf tell it.

    192.0.2.1                  ──names──────▶  Records(("mx.example",), seconds=3600)
    mx.example, IPv4           ──addresses──▶  Records(("192.0.2.1",), seconds=300)
    example.com                ──exchangers──▶ Records(("10 mx.example",), seconds=3600)
    mx.example, port 25        ──tlsa───────▶  Records(("3 1 1 5e88…",), seconds=300, is_authentic=True)
    what does not exist        ────────────▶  Records((), seconds=60, exists=False)

Unlike `net.resolver` this holds no thread while it waits, and says for how long an answer
is good; it knows neither the file of hosts nor the search list.

Signatures (DNSSEC) are verified by the server that is asked, and what it says of them is
believed if nobody in between could have said it: that is so on this machine, but for the
forwarder of Docker, and where the administrator says so with `mta trust-resolver`.  The option
`trust-ad` of resolv.conf(5) is no such word: containers get a copy of it, beside servers that
it was not meant for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from smtpdsl.mail.ip import is_loopback
from smtpdsl.runtime.net.changing_file import ChangingFile
from smtpdsl.runtime.net.dns_messages import (
    NOERROR,
    NXDOMAIN,
    SERVFAIL,
    Answer,
    Kind,
    code_name,
    fits,
    question_of,
    reverse_name,
)
from smtpdsl.runtime.net.dns_transport import answer_of
from smtpdsl.runtime.net.ip_address import IpAddress
from smtpdsl.runtime.net.resolver import ResolveError

RESOLV_CONF = "/etc/resolv.conf"
DNS_PORT = 53

# resolv.conf(5): where no server is named, it is this machine.
_THIS_MACHINE = "127.0.0.1"
# In containers of Docker.  It verifies nothing, and passes on what a server elsewhere claims to have verified.
_DOCKER = "127.0.0.11"
# A server that is silent leaves time for the next one.  Datagrams get lost, so all are asked again; and what has to
# be proven takes longer than what is only looked up.
_SECONDS_BY_ROUND = (1.0, 4.0)
# Mail goes where these lead.
_OF_ROUTES = frozenset({Kind.MX, Kind.A, Kind.AAAA, Kind.CNAME, Kind.TLSA})


class Records(NamedTuple):
    """What there is of one name and one type, and for how many *seconds* that holds; nothing is an answer too.

    A name that *exists* may have nothing of that type.  What *is_authentic* has been proven, also
    that there is nothing.  Where the name is an alias, *target* is what it stands for in the end.
    """

    values: tuple[str, ...]
    seconds: float
    exists: bool = True
    is_authentic: bool = False
    target: str = ""


# Longer than a client that is refused waits before it tries again is no use to anybody.
_NOTHING = Records((), 60.0)


class NameServers:
    """Asks the name servers of this system; for how long is the affair of who asks."""

    def __init__(self, resolv_conf: str = RESOLV_CONF, port: int = DNS_PORT, trusted: Iterable[str] = ()) -> None:
        """Ask the servers that the file *resolv_conf* names, and those that it names when it has changed.

        Args:
            resolv_conf: See resolv.conf(5).
            port: Where they listen.
            trusted: Addresses of servers that may say what is authentic; those on this machine may.
        """
        self._file = ChangingFile(resolv_conf)
        self._servers = [_THIS_MACHINE]
        self._port = port
        self._trusted = frozenset(map(_parsed, trusted))

    async def names(self, address: str) -> Records:
        """Return what the reverse zone has for *address*, which has no brackets; strangers write there what they like.

        Raises:
            ResolveError: Nobody can tell now.
        """
        return await self._ask(reverse_name(address), Kind.PTR)

    async def addresses(self, host: str, *, is_ipv6: bool) -> Records:
        """Return the addresses of one family that *host* has.

        Raises:
            ResolveError: Nobody can tell now.
        """
        return await self._ask(host, Kind.AAAA if is_ipv6 else Kind.A)

    async def exchangers(self, domain: str) -> Records:
        """Return the mail exchangers of *domain*: preference, a blank, and a host; unsorted.

        Raises:
            ResolveError: Nobody can tell now.
        """
        return await self._ask(domain, Kind.MX)

    async def texts(self, name: str) -> Records:
        """Return the TXT records of *name*, each in one piece; strangers write there what they like.

        Raises:
            ResolveError: Nobody can tell now.
        """
        return await self._ask(name, Kind.TXT)

    async def alias(self, host: str) -> Records:
        """Return what *host* is an alias for, if it is one: the next name, which may be another alias.

        Raises:
            ResolveError: Nobody can tell now.
        """
        return await self._ask(host, Kind.CNAME)

    async def tlsa(self, host: str, port: int) -> Records:
        """Return the TLSA records of *host* for its service at *port*; see `net.tlsa`.

        Raises:
            ResolveError: Nobody who can be believed can tell now, or the signatures are wrong.
        """
        name = f"_{port}._tcp.{host}"
        # A host may have the longest name that there can be.
        return await self._ask(name, Kind.TLSA) if fits(name) else _NOTHING

    def doubt(self) -> str:
        """Say why no answer can be authentic, whatever is signed; empty if one can be."""
        servers = self._named()
        if any(map(self._is_trusted, servers)):
            return ""
        where = "verifies nothing" if _DOCKER in servers else "is not on this machine"
        return f"{' or '.join(servers)} {where}, and `mta trust-resolver` does not name it"

    # ------------------------------------------------------------ asking

    async def _ask(self, name: str, kind: Kind) -> Records:
        servers = self._servers_for(kind)
        problems: dict[str, str] = {}
        for seconds in _SECONDS_BY_ROUND:
            for server in servers:
                # Another one for each server: who has seen one cannot answer the next.
                answer = await answer_of(server, self._port, question_of(name, kind), seconds)
                if answer is not None and answer.code in {NOERROR, NXDOMAIN}:
                    return self._records(server, answer)
                problems[server] = await self._problem(server, answer, name, kind)
        raise ResolveError("; ".join(problems.values()) or self.doubt())

    def _named(self) -> Sequence[str]:
        text = self._file.news()
        if text is not None:
            self._servers = servers_of(text) or [_THIS_MACHINE]
        return self._servers

    def _servers_for(self, kind: Kind) -> Sequence[str]:
        """Return who is asked.

        Where somebody can be believed, nobody else is asked where mail goes: whoever keeps the
        one from answering would have the other send it anywhere.
        """
        servers = self._named()
        trusted = [each for each in servers if self._is_trusted(each)]
        if kind is Kind.TLSA:
            # From somebody else it is worth nothing, that there are none either.
            return trusted
        return trusted if trusted and kind in _OF_ROUTES else servers

    def _is_trusted(self, server: str) -> bool:
        return (is_loopback(server) and server != _DOCKER) or _parsed(server) in self._trusted

    def _records(self, server: str, answer: Answer) -> Records:
        is_authentic = answer.is_authentic and self._is_trusted(server)
        if answer.values:
            return Records(answer.values, answer.seconds, is_authentic=is_authentic, target=answer.target)
        return _NOTHING._replace(exists=answer.code == NOERROR, is_authentic=is_authentic)

    async def _problem(self, server: str, answer: Answer | None, name: str, kind: Kind) -> str:
        """Say why *server* does not know; whoever runs it can mend it, and whoever runs the zone wrong signatures."""
        if answer is None:
            return f"no answer of the name server {server}"
        if answer.code == SERVFAIL and kind in _OF_ROUTES:
            unchecked = question_of(name, kind, is_unchecked=True)
            answer = await answer_of(server, self._port, unchecked, _SECONDS_BY_ROUND[0])
            if answer is not None and answer.code in {NOERROR, NXDOMAIN}:
                return f"the DNSSEC signatures of its zone are wrong, says the name server {server}"
        code = answer.code if answer is not None else SERVFAIL
        return f"the name server {server} says {code_name(code)}"


def _parsed(server: str) -> IpAddress | None:
    return IpAddress.parse(server.partition("%")[0])


def servers_of(resolv_conf: str) -> list[str]:
    """Return the addresses that the lines ``nameserver ADDRESS`` of a resolv.conf have."""
    lines = (line.split() for line in resolv_conf.splitlines() if line.startswith("nameserver"))
    named = [words[1] for words in lines if len(words) > 1]
    return [each for each in named if IpAddress.parse(each.partition("%")[0]) is not None]
