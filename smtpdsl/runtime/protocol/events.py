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

    `size` is what the client expects (RFC 1870), `body` is ``7BIT`` or ``8BITMIME`` (RFC 6152)
    or ``BINARYMIME`` (RFC 3030 §3), `ret` is ``FULL`` or ``HDRS`` and `envid` is decoded
    (RFC 3461 §4.3 and §4.4).  With `smtputf8` paths and header fields may hold UTF-8 (RFC 6531);
    with `requiretls` the message goes on over TLS or not at all (RFC 8689); `mt_priority` is
    from -9 to 9 (RFC 6710).
    """

    size: int | None = None
    body: str | None = None
    ret: str | None = None
    envid: str | None = None
    smtputf8: bool = False
    requiretls: bool = False
    mt_priority: int | None = None


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


class Bdat(NamedTuple):
    """BDAT: a message is to come in chunks, of which the first has *octets* octets (RFC 3030 §2).

    A positive answer begins the mail data and is not sent: what the client hears is what
    becomes of the chunk.  A refusal ends the transaction, and is sent behind the chunk.
    The chunks that follow are no events, only their content is.
    """

    octets: int
    is_last: bool


class Rset(NamedTuple):
    """RSET: the transaction is to be forgotten."""


class Noop(NamedTuple):
    """NOOP."""


class Quit(NamedTuple):
    """QUIT: the session ends, whatever is answered."""


class Vrfy(NamedTuple):
    """VRFY; *argument* is printable and not empty, and ASCII unless SMTPUTF8 was said with it (RFC 6531 §3.7.4.2)."""

    argument: str


class Help(NamedTuple):
    """HELP; *argument* is printable ASCII, and may be empty."""

    argument: str


class XClient(NamedTuple):
    """XCLIENT: who the client of a mail server in front of this one is; None is what that does not say.

    `address` is without brackets.  A client whose name *is_name_given* has that name, or none
    if *is_name_known*.
    """

    address: str | None = None
    name: str | None = None
    is_name_given: bool = False
    is_name_known: bool = True
    login: str | None = None


class StartTls(NamedTuple):
    """STARTTLS (RFC 3207); after the answer 220 nothing is heard until `secured`."""


class Auth(NamedTuple):
    """AUTH (RFC 4954 §4): an exchange is to begin, or to be over at once.

    *mechanism* is one of those that were offered, *initial* what the client said with it,
    decoded.  The answers are 334 with a challenge, 235, and refusals.
    """

    mechanism: str
    initial: bytes | None

    def __repr__(self) -> str:
        # What a client says of its password is shown nowhere.
        return f"Auth({self.mechanism!r}, ...)"


class AuthResponse(NamedTuple):
    """What the client said to a challenge, decoded; the answers are those of `Auth`."""

    octets: bytes

    def __repr__(self) -> str:
        return "AuthResponse(...)"


class ContentReceived(NamedTuple):
    """A piece of the mail data: lines end in LF, and the dots that hid other dots are gone.

    It is empty for a chunk of no octets.  Binary parts are in base64 already.
    """

    octets: bytes


class EndOfContent(NamedTuple):
    """The mail data has ended after *size* octets, those of all `ContentReceived` if there is no problem.

    A *problem* is the refusal that the client has to get: what was handed out before is no message.
    """

    size: int
    problem: Reply | None


class Refused(NamedTuple):
    """The client broke the protocol; *reply* has been given already.

    If an exchange of AUTH was under way, it is over.
    """

    command_line: str
    reply: Reply


Command: TypeAlias = (
    Helo | Ehlo | StartTls | Auth | XClient | Mail | Rcpt | Data | Bdat | Rset | Noop | Quit | Vrfy | Help
)
# What waits for the policy's reply, beside the connection itself.
Asked: TypeAlias = Command | AuthResponse | EndOfContent
Event: TypeAlias = Asked | ContentReceived | Refused
Question: TypeAlias = Connected | Asked
