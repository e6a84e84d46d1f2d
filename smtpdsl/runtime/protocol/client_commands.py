r"""What a client says to get a message over, and what it need not even ask.

Transaction(<a@b.example>, (c@d.example,), size=12)
    MAIL FROM:<a@b.example> SIZE=12\r\n
    RCPT TO:<c@d.example>\r\n
    DATA\r\n

What the sender has asked for goes on to a server that offers to see to it, and to no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.options import NO_MAIL_OPTIONS, MailOptions, RcptOptions
from smtpdsl.runtime.protocol.client_extensions import Extensions
from smtpdsl.runtime.protocol.client_states import Phase
from smtpdsl.runtime.protocol.client_verdicts import Verdict, permanent

# What xtext spells out (RFC 3461 §4).
_NO_XCHAR = re.compile(r"[^!-*,-<>-~]")


class Transaction(NamedTuple):
    """What is to be said about a message before it is sent.

    *size* is the number of octets of the mail data with its line ends as they are sent, *is_8bit*
    says whether one of them is beyond ASCII, and *has_8bit_header* whether one of the header is.
    *options* are what the sender asked for the message, and *wishes*, if there are any, what it
    asked for each of the *recipients*.  A recipient that is a text is a user of a mail store.
    """

    reverse_path: ReversePath
    recipients: tuple[Mailbox | str, ...]
    size: int
    is_8bit: bool = False
    has_8bit_header: bool = False
    options: MailOptions = NO_MAIL_OPTIONS
    wishes: tuple[RcptOptions, ...] = ()


EVERYBODY = -1
# A message of up to so many octets is sent with its envelope where it can be: it costs no more than the wait.
_MAX_EARLY_OCTETS = 64 * 1024


class Command(NamedTuple):
    """A line to send, and which answer it calls for; of RCPT, and of a message by LMTP, also whose answer it is."""

    phase: Phase
    line: bytes
    recipient: int = EVERYBODY


RSET = Command(Phase.RSET, b"RSET\r\n")
QUIT = Command(Phase.QUIT, b"QUIT\r\n")
_DATA = Command(Phase.DATA, b"DATA\r\n")


class Paths(NamedTuple):
    """How the sender and the recipients of a transaction are written."""

    sender: str
    recipients: Sequence[str]


def paths_of(transaction: Transaction) -> Paths:
    """Write them."""
    return Paths(str(transaction.reverse_path), [str(each) for each in transaction.recipients])


def refusals(
    transaction: Transaction, paths: Paths, extensions: Extensions, peer: str, *, is_verified: bool
) -> list[Verdict | None]:
    """Say for each recipient why *peer* cannot get the message for it, before it is asked; None if it can.

    *is_verified* says whether it has proved who it is.
    """
    common = _too_much(transaction, extensions, peer)
    common = common or _not_safe(transaction, extensions, peer, is_verified=is_verified)
    common = common or _unspeakable("sender", paths.sender, extensions, peer)
    return [common or _unspeakable("recipient", each, extensions, peer) for each in paths.recipients]


def commands(
    transaction: Transaction, paths: Paths, extensions: Extensions, refused: Sequence[Verdict | None]
) -> Iterator[Command]:
    """Yield the commands of *transaction*, without the recipients that are *refused* already."""
    parameters = _mail_parameters(transaction, paths, extensions, refused)
    yield Command(Phase.MAIL, f"MAIL FROM:{paths.sender}{parameters}\r\n".encode())
    wishes = transaction.wishes if extensions.offers("DSN") else ()
    for index, recipient in enumerate(paths.recipients):
        if refused[index] is None:
            parameters = _rcpt_parameters(wishes[index]) if wishes else ""
            yield Command(Phase.RCPT, f"RCPT TO:<{recipient}>{parameters}\r\n".encode(), index)
    if not takes_chunks(extensions):
        yield _DATA


def takes_chunks(extensions: Extensions) -> bool:
    """Whether a message is sent in chunks (RFC 3030): without waiting for 354, and with no dots to be doubled.

    Where the answer to each chunk would have to be waited for, that saves nothing.
    """
    return extensions.offers("CHUNKING") and extensions.offers("PIPELINING")


def is_early(transaction: Transaction, extensions: Extensions) -> bool:
    """Whether the message follows its envelope at once, before anybody knows whether the recipients are accepted."""
    return takes_chunks(extensions) and transaction.size <= _MAX_EARLY_OCTETS


def hello(phase: Phase, name: str) -> Command:
    """Return EHLO, LHLO or HELO, as *phase* says."""
    return Command(phase, f"{phase.name} {name}\r\n".encode("ascii"))


def _mail_parameters(
    transaction: Transaction, paths: Paths, extensions: Extensions, refused: Sequence[Verdict | None]
) -> str:
    options = transaction.options
    parameters = []
    if extensions.offers("SIZE"):
        parameters.append(f"SIZE={transaction.size}")
    # RFC 6152 §3: without the extension such a message is to be converted or returned.  We send it as it is, as
    # OpenSMTPD and Exim do: the servers that would damage it are gone, and a converted message breaks its signatures.
    if transaction.is_8bit and extensions.offers("8BITMIME"):
        parameters.append("BODY=8BITMIME")
    # RFC 6531 §3.4: said where it is needed, and then it is offered, or the message is refused.
    if extensions.offers("SMTPUTF8") and (options.smtputf8 or _has_utf8_path(paths, refused)):
        parameters.append("SMTPUTF8")
    if options.requiretls and extensions.offers("REQUIRETLS"):
        parameters.append("REQUIRETLS")
    if extensions.offers("MT-PRIORITY") and options.mt_priority is not None:
        parameters.append(f"MT-PRIORITY={options.mt_priority}")
    if extensions.offers("DSN"):
        parameters += [f"RET={options.ret}"] if options.ret else []
        parameters += [f"ENVID={_xtext(options.envid)}"] if options.envid else []
    return "".join(f" {each}" for each in parameters)


def _rcpt_parameters(wishes: RcptOptions) -> str:
    notify = f" NOTIFY={','.join(sorted(wishes.notify))}" if wishes.notify else ""
    return notify + (f" ORCPT={_original_recipient(wishes.orcpt)}" if wishes.orcpt else "")


def _original_recipient(orcpt: str) -> str:
    """Write an address with its type: as xtext, or if it is of the type utf-8 as RFC 6533 §3 has it."""
    address_type, _, address = orcpt.partition(";")
    if address_type.lower() != "utf-8":
        return f"{address_type};{_xtext(address)}"
    return f"{address_type};{_NO_XCHAR.sub(_embedded, address)}"


def _embedded(found: re.Match[str]) -> str:
    return rf"\x{{{ord(found[0]):X}}}"


def _xtext(text: str) -> str:
    return _NO_XCHAR.sub(lambda found: f"+{ord(found[0]):02X}", text)


def _has_utf8_path(paths: Paths, refused: Sequence[Verdict | None]) -> bool:
    recipients = (each for each, verdict in zip(paths.recipients, refused, strict=True) if verdict is None)
    return not paths.sender.isascii() or not all(map(str.isascii, recipients))


def _too_much(transaction: Transaction, extensions: Extensions, peer: str) -> Verdict | None:
    """Say why *peer* can do nothing with the message, whoever it is for."""
    limit = extensions.max_message_octets
    if limit is not None and transaction.size > limit:
        # RFC 1870 §6.2: it would be refused in any case.
        return permanent(f"the message has {transaction.size} octets, and {peer} takes at most {limit}", "5.3.4")
    if transaction.options.smtputf8 and transaction.has_8bit_header and not extensions.offers("SMTPUTF8"):
        # RFC 6531 §3.6; a message that did not ask for it goes on as it came.
        return permanent(f"the header has UTF-8, which {peer} would have to offer SMTPUTF8 for", "5.6.7")
    return None


def _not_safe(transaction: Transaction, extensions: Extensions, peer: str, *, is_verified: bool) -> Verdict | None:
    """Say why a message that demands TLS on the whole way cannot go to *peer* (RFC 8689 §4.2.1).

    A report on such a message may go in any case (§5): it would be lost otherwise.
    """
    if not transaction.options.requiretls or transaction.reverse_path.is_null:
        return None
    if is_verified and extensions.offers("REQUIRETLS"):
        return None
    lacks = "does not offer REQUIRETLS" if is_verified else "has not proved who it is"
    return permanent(f"the sender demands TLS on the whole way, and {peer} {lacks}", "5.7.30")


def _unspeakable(what: str, path: str, extensions: Extensions, peer: str) -> Verdict | None:
    """Say why no command can hold *path*."""
    if path.isprintable() and (path.isascii() or extensions.offers("SMTPUTF8")):
        return None
    shown = ascii(path)[1:-1]
    if path.isprintable():
        # RFC 6531 §3.5: without SMTPUTF8 such an address is returned.
        return permanent(f"the {what} {shown} is not ASCII, which {peer} would have to offer SMTPUTF8 for", "5.6.7")
    return permanent(f"the {what} {shown} has characters that no SMTP command can hold", "5.1.3")
