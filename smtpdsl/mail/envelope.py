"""The envelope of a transaction, and the client that sends it (RFC 5321 §2.3.1)."""

from __future__ import annotations

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.record import Record

# What stands for the address of a client on the local socket, and of mail that comes from here.
LOCAL = "local"


class Client(Record):
    """What is known of an SMTP client when it names a recipient.

    `source` is its address as rules compare it (``192.0.2.1``, ``[2001:db8::1]``), or
    ``local`` on the local socket; `login` is the name it authenticated with.  Without `rdns`
    it has no name, unless `is_rdns_known` says that nobody could tell.
    """

    source: str
    rdns: str | None = None
    is_rdns_known: bool = True
    helo: str = ""
    login: str | None = None
    tls: bool = False
    tag: str = ""

    @property
    def is_socket(self) -> bool:
        """Whether the client is a program of this host, on the local socket."""
        return self.source == LOCAL

    @property
    def is_authenticated(self) -> bool:
        """Whether the client said who it is; a program on the local socket counts as known."""
        return self.login is not None or self.is_socket


class Envelope(Record):
    """One sender, one recipient, and the client that named them.

    An internal envelope is one that this host made of another: its recipient came out of
    an alias, a virtual user, a .forward file or an address that SRS has made.
    """

    client: Client
    reverse_path: ReversePath
    recipient: Mailbox
    is_internal: bool = False

    @property
    def source(self) -> str:
        """The client's address as rules compare it; an internal envelope comes from here."""
        return LOCAL if self.is_internal else self.client.source
