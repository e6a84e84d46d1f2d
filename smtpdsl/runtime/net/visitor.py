"""Who the client of a session is, as far as that is known by now.

came("192.0.2.1")                Client(source="192.0.2.1")
named(ReverseName(...))          and what that is called
said_hello("client.example")     and what it calls itself
secured(facts)                   TLS; what was said before it is forgotten
speaks_for(XClient(...))         somebody else, of whom nothing of this holds but the TLS
"""

from __future__ import annotations

from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.net.proxy_header import read_address
from smtpdsl.runtime.net.reverse_names import ReverseName
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.protocol import server as core


class Visitor:
    """What is known of a client, or of the one that it speaks for.

    Attributes:
        client: What rules may ask for.
        tls: The TLS of the connection; None without it.
        is_confirmed: Whether its name leads back to its address; None if nobody could tell.
        is_spoken_for: Whether a mail server in front of this one has named it.
    """

    __slots__ = ("client", "is_confirmed", "is_spoken_for", "tls")

    def __init__(self, tag: str) -> None:
        """Know nothing; *tag* is that of the listener."""
        self.client = Client(source="", tag=tag)
        self.tls: TlsFacts | None = None
        self.is_confirmed: bool | None = None
        self.is_spoken_for = False

    def came(self, source: str) -> None:
        """Take note of the address."""
        self.client = self.client.replace(source=source)

    def named(self, name: ReverseName) -> None:
        """Take note of the name of the address."""
        is_known = name.name is not None or name.is_confirmed is not None
        self.client = self.client.replace(rdns=name.name, is_rdns_known=is_known)
        self.is_confirmed = name.is_confirmed

    def said_hello(self, domain: str) -> None:
        """Take note of what the client calls itself."""
        self.client = self.client.replace(helo=domain)

    def logged_in(self, login: str) -> None:
        """Take note of who it is."""
        self.client = self.client.replace(login=login)

    def secured(self, facts: TlsFacts) -> None:
        """Take note that TLS has begun."""
        # The certificate is that of the server in front, which the client must not log in with.
        self.tls = facts.of_another() if self.is_spoken_for else facts
        # RFC 3207 §4.2: what the client said of itself in the clear is forgotten.
        self.client = self.client.replace(tls=True, helo="", login=None)

    def speaks_for(self, event: core.XClient) -> None:
        """Be the client that a mail server in front of this one names."""
        source = self.client.source
        if event.address is not None:
            address = read_address(event.address)
            assert address is not None, "the protocol has looked at it"
            source = address
        self.client = Client(source=source, tag=self.client.tag, login=event.login, tls=self.client.tls)
        self.is_spoken_for = True
        if self.tls is not None:
            self.tls = self.tls.of_another()


def name_given(event: core.XClient) -> ReverseName | None:
    """Return the name that a mail server in front of this one gives; None if it leaves that to be found out."""
    if not event.is_name_given:
        return None
    is_confirmed = None if not event.is_name_known else event.name is not None
    return ReverseName(event.name, is_confirmed=is_confirmed)
