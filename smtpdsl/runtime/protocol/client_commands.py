r"""What a client says to get a message over, and what it need not even ask.

Transaction(<a@b.example>, (c@d.example,), size=12)
    MAIL FROM:<a@b.example> SIZE=12\r\n
    RCPT TO:<c@d.example>\r\n
    DATA\r\n
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.protocol.client_extensions import Extensions
from smtpdsl.runtime.protocol.client_states import Phase
from smtpdsl.runtime.protocol.client_verdicts import Verdict, permanent


class Transaction(NamedTuple):
    """What is to be said about a message before it is sent.

    *size* is the number of octets of the mail data with its line ends as they are sent, *is_8bit*
    says whether one of them is beyond ASCII.
    """

    reverse_path: ReversePath
    recipients: tuple[Mailbox, ...]
    size: int
    is_8bit: bool = False


class Command(NamedTuple):
    """A line to send, and which answer it calls for; of RCPT also whose it is."""

    phase: Phase
    line: bytes
    recipient: int = -1


RSET = Command(Phase.RSET, b"RSET\r\n")
QUIT = Command(Phase.QUIT, b"QUIT\r\n")
_DATA = Command(Phase.DATA, b"DATA\r\n")


def refusals(transaction: Transaction, extensions: Extensions, peer: str) -> list[Verdict | None]:
    """Say for each recipient why *peer* cannot get the message for it, before it is asked; None if it can."""
    limit = extensions.max_message_octets
    common = _unspeakable("sender", str(transaction.reverse_path), peer)
    if limit is not None and transaction.size > limit:
        # RFC 1870 §6.2: it would be refused in any case.
        text = f"the message has {transaction.size} octets, and {peer} takes at most {limit}"
        common = permanent(text, "5.3.4")
    return [common or _unspeakable("recipient", str(each), peer) for each in transaction.recipients]


def commands(transaction: Transaction, extensions: Extensions, refused: Sequence[Verdict | None]) -> Iterator[Command]:
    """Yield the commands of *transaction*, without the recipients that are *refused* already."""
    parameters = _mail_parameters(transaction, extensions)
    yield Command(Phase.MAIL, f"MAIL FROM:{transaction.reverse_path}{parameters}\r\n".encode("ascii"))
    for index, recipient in enumerate(transaction.recipients):
        if refused[index] is None:
            yield Command(Phase.RCPT, f"RCPT TO:<{recipient}>\r\n".encode("ascii"), index)
    yield _DATA


def hello(phase: Phase, name: str) -> Command:
    """Return EHLO or HELO, as *phase* says."""
    return Command(phase, f"{phase.name} {name}\r\n".encode("ascii"))


def _mail_parameters(transaction: Transaction, extensions: Extensions) -> str:
    size = f" SIZE={transaction.size}" if extensions.offers("SIZE") else ""
    # RFC 6152 §3: without the extension such a message is to be converted or returned.  We send it as it is, as
    # OpenSMTPD and Exim do: the servers that would damage it are gone, and a converted message breaks its signatures.
    body = " BODY=8BITMIME" if transaction.is_8bit and extensions.offers("8BITMIME") else ""
    return size + body


def _unspeakable(what: str, path: str, peer: str) -> Verdict | None:
    """Say why no command can hold *path*."""
    if path.isascii() and path.isprintable():
        return None
    shown = ascii(path)[1:-1]
    if path.isprintable():
        # RFC 6531 §3.5: without SMTPUTF8 such an address is returned.
        return permanent(f"the {what} {shown} is not ASCII, which {peer} would have to offer SMTPUTF8 for", "5.6.7")
    return permanent(f"the {what} {shown} has characters that no SMTP command can hold", "5.1.3")
