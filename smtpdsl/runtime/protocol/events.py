r"""What a client's octets mean: one value for each thing that can happen in a session.

    MAIL FROM:<a@b.example> SIZE=9\r\n     Mail(reverse_path=ReversePath(...), parameters=MailParameters(size=9))
    DATA\r\n                              Data()
    .\r\n                                 EndOfContent(size=9, problem=None)

A `Command`, and the end of the mail data, wait for the answer of the policy; the other
events need none.  Several of them hold nothing: tell them apart by their type, and
from None with `is`.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from smtpdsl.mail.address import ForwardPath, Mailbox, ReversePath
from smtpdsl.mail.reply import Reply


class MailParameters(NamedTuple):
    """The ESMTP parameters of MAIL; None is one that was not given.

    `size` is what the client expects (RFC 1870), `body` is ``7BIT`` or ``8BITMIME``
    (RFC 6152), `ret` is ``FULL`` or ``HDRS`` and `envid` is decoded (RFC 3461 §4.3 and §4.4).
    """

    size: int | None = None
    body: str | None = None
    ret: str | None = None
    envid: str | None = None


class RcptParameters(NamedTuple):
    """The ESMTP parameters of RCPT (RFC 3461 §4.1 and §4.2); None is one that was not given.

    `notify` holds ``NEVER`` alone, or any of ``SUCCESS``, ``FAILURE`` and ``DELAY``;
    `orcpt` is the address type and the decoded address, ``rfc822;joe@example.org``.
    """

    notify: frozenset[str] | None = None
    orcpt: str | None = None


class Connected(NamedTuple):
    """The client is there; the greeting is the answer."""


class Helo(NamedTuple):
    """HELO; *domain* is a name or an address literal, as written."""

    domain: str


class Ehlo(NamedTuple):
    """EHLO; *domain* is a name or an address literal, as written."""

    domain: str


class Mail(NamedTuple):
    """MAIL: a transaction is to begin."""

    reverse_path: ReversePath
    parameters: MailParameters


class Rcpt(NamedTuple):
    """RCPT: one more recipient; its path always has a mailbox."""

    forward_path: ForwardPath
    parameters: RcptParameters

    @property
    def mailbox(self) -> Mailbox:
        """Whom the client named; ``<postmaster>`` and other names alone are at the server's own name."""
        assert self.forward_path.mailbox is not None, "a default domain completes every path"
        return self.forward_path.mailbox


class Data(NamedTuple):
    """DATA: the mail data is to follow; the answer is 354 or a refusal."""


class Rset(NamedTuple):
    """RSET: the transaction is to be forgotten."""


class Noop(NamedTuple):
    """NOOP."""


class Quit(NamedTuple):
    """QUIT: the session ends, whatever is answered."""


class Vrfy(NamedTuple):
    """VRFY; *argument* is printable ASCII, and not empty."""

    argument: str


class Help(NamedTuple):
    """HELP; *argument* is printable ASCII, and may be empty."""

    argument: str


class ContentReceived(NamedTuple):
    """A piece of the mail data: lines end in LF, and the dots that hid other dots are gone."""

    octets: bytes


class EndOfContent(NamedTuple):
    """The mail data has ended after *size* octets, those of all `ContentReceived` if there is no problem.

    A *problem* is the refusal that the client has to get: what was handed out before is no message.
    """

    size: int
    problem: Reply | None


class Refused(NamedTuple):
    """The client broke the protocol; *reply* has been given already."""

    command_line: str
    reply: Reply


Command: TypeAlias = Helo | Ehlo | Mail | Rcpt | Data | Rset | Noop | Quit | Vrfy | Help
Event: TypeAlias = Command | ContentReceived | EndOfContent | Refused
# What waits for the policy's reply.
Question: TypeAlias = Connected | Command | EndOfContent
