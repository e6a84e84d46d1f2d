"""Command lines to commands (RFC 5321 §4.1).

    b"rcpt to:<joe@b.example>"   ->   b"RCPT", "to:<joe@b.example>"   ->   Rcpt(...)

A verb is compared as octets: no letter beyond ASCII is one of its letters.  What is tolerated:
blanks after ``FROM:`` and ``TO:``, and at the end of a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from smtpdsl.mail.address import AddressError, ForwardPath, Mailbox, ReversePath
from smtpdsl.mail.address_syntax import parse_domain
from smtpdsl.mail.idn import ascii_domain
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol import own_replies
from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.events import (
    Auth,
    Command,
    Data,
    Ehlo,
    Helo,
    Help,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTls,
    Vrfy,
    XClient,
)
from smtpdsl.runtime.protocol.exchange import read_auth
from smtpdsl.runtime.protocol.parameters import (
    NO_MAIL_PARAMETERS,
    NO_RCPT_PARAMETERS,
    read_mail_parameters,
    read_rcpt_parameters,
)
from smtpdsl.runtime.protocol.xclient import read_xclient


class Dialect(NamedTuple):
    """What the meaning of a command depends on beside its words.

    `extensions` are those whose parameters are taken, `mechanisms` those of AUTH; `utf8`
    says that the open transaction is one of SMTPUTF8.
    """

    default_domain: str
    extensions: frozenset[str]
    max_message_octets: int
    mechanisms: tuple[str, ...] = ()
    utf8: bool = False


Reader: TypeAlias = Callable[[str, Dialect], Command]


class Verb(NamedTuple):
    """A verb that the server obeys: its command, which the transition table knows, and what reads its argument."""

    command: type[Command]
    read: Reader


def split_line(line: bytes) -> tuple[bytes, str]:
    """Return the verb of *line*, in capitals, and its argument; each octet of it is a character."""
    verb, _, argument = line.partition(b" ")
    # `bytes.upper` knows ASCII only: no other letter becomes one of a verb.
    return verb.upper(), argument.strip(b" ").decode("latin-1")


# What a client may say of its password, at its first guess or in the wrong form; with the mechanism, if it names one.
_SECRET = re.compile(
    r"\s*AUTH(?:[\s=]+|(?=PLAIN|LOGIN))((?:PLAIN|LOGIN|EXTERNAL|CRAM-MD5|SCRAM-SHA[A-Z0-9-]*|XOAUTH2|OAUTHBEARER)\b)?",
    re.ASCII | re.IGNORECASE,
)


def line_for_log(line: bytes) -> str:
    """Return *line* as text, without what an AUTH command has of a password; it may hold any character."""
    text = line.decode("utf-8", "surrogateescape")
    found = _SECRET.match(text)
    if found is None:
        return text
    return f"AUTH {found[1]} (...)" if found[1] else "AUTH (...)"


# ---------------------------------------------------------------- commands with a path

# Path = "<" [ A-d-l ":" ] Mailbox ">"           RFC 5321 §4.1.2
# Only where it ends: `>` and blanks may stand between quotes.
_PATH = re.compile(r'<(?>(?:"(?>(?:[^"\\]|\\.)*)"|[^">])*)>')


# What was said in this many lines is known when it is said again: whoever sends much names the same people often.
_REMEMBERED = 256


class _Form(NamedTuple):
    """How a path is announced, and how it is refused."""

    keyword: str
    syntax: Reply
    bad_path: Callable[[str], Reply]


_FROM = _Form("FROM:", own_replies.MAIL_SYNTAX, own_replies.bad_reverse_path)
_TO = _Form("TO:", own_replies.RCPT_SYNTAX, own_replies.bad_forward_path)


@lru_cache(maxsize=_REMEMBERED)
def _read_mail(argument: str, dialect: Dialect) -> Mail:
    path, rest = _split_path(argument, _FROM)
    parameters = read_mail_parameters(rest, dialect.extensions) if rest else NO_MAIL_PARAMETERS
    path = path if path.isascii() else _from_utf8(path, _FROM, utf8=parameters.smtputf8)
    try:
        reverse_path = ReversePath.parse(path, default_domain=dialect.default_domain, utf8=parameters.smtputf8)
        _check_domain(reverse_path.mailbox)
    except AddressError as error:
        raise RemoteProtocolError(own_replies.bad_reverse_path(error.message)) from None
    # RFC 1870 §6.1: what is too big is refused before it is sent.
    if parameters.size is not None and parameters.size > dialect.max_message_octets:
        raise RemoteProtocolError(own_replies.CONTENT_TOO_BIG)
    return Mail(reverse_path, parameters)


@lru_cache(maxsize=_REMEMBERED)
def _read_rcpt(argument: str, dialect: Dialect) -> Rcpt:
    path, rest = _split_path(argument, _TO)
    path = path if path.isascii() else _from_utf8(path, _TO, utf8=dialect.utf8)
    try:
        forward_path = ForwardPath.parse(path, default_domain=dialect.default_domain, utf8=dialect.utf8)
        _check_domain(forward_path.mailbox)
    except AddressError as error:
        raise RemoteProtocolError(own_replies.bad_forward_path(error.message)) from None
    if not rest:
        return Rcpt(forward_path, NO_RCPT_PARAMETERS)
    return Rcpt(forward_path, read_rcpt_parameters(rest, dialect.extensions, utf8=dialect.utf8))


def _split_path(argument: str, form: _Form) -> tuple[str, str]:
    """Return the path with its brackets, and the parameters behind it."""
    end = len(form.keyword)
    text = argument[end:].lstrip(" ")
    if argument[:end].upper() != form.keyword or not text:
        raise RemoteProtocolError(form.syntax)
    found = _PATH.match(text)
    if found is None:
        raise RemoteProtocolError(form.bad_path("expected an address between < and >"))
    rest = text[found.end() :]
    if rest and not rest.startswith(" "):
        raise RemoteProtocolError(form.bad_path("expected a blank after >"))
    return found[0], rest


def _from_utf8(path: str, form: _Form, *, utf8: bool) -> str:
    """Return the text whose octets *path* has as characters."""
    # RFC 6531 §3.5: outside of such a transaction nobody may say this to us, nor we to anybody.
    if not utf8:
        raise RemoteProtocolError(own_replies.NEEDS_SMTPUTF8)
    try:
        # Strict: no overlong forms, no halves of characters.
        return path.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        raise RemoteProtocolError(form.bad_path("expected UTF-8")) from None


def _check_domain(mailbox: Mailbox | None) -> None:
    """Raise `AddressError` for a domain that has no place in the DNS (RFC 6531 §3.3: U-label)."""
    if mailbox is not None and not mailbox.domain.isascii():
        ascii_domain(mailbox.domain)


# ---------------------------------------------------------------- the other commands

_VRFY_UTF8 = re.compile(r"(.*) SMTPUTF8", re.IGNORECASE)
_NAME = _Form("", own_replies.MISSING_ARGUMENT, own_replies.bad_parameter)


def _read_helo(argument: str, _: Dialect) -> Helo:
    return Helo(_domain(argument))


def _read_ehlo(argument: str, _: Dialect) -> Ehlo:
    return Ehlo(_domain(argument))


def _read_vrfy(argument: str, dialect: Dialect) -> Vrfy:
    # RFC 6531 §3.7.4.2: the parameter may stand behind the name.
    found = _VRFY_UTF8.fullmatch(argument) if "SMTPUTF8" in dialect.extensions else None
    name = argument if found is None else _from_utf8(found[1], _NAME, utf8=True)
    if not name:
        raise RemoteProtocolError(own_replies.MISSING_ARGUMENT)
    return Vrfy(_printable(name, utf8=found is not None))


def _read_auth(argument: str, dialect: Dialect) -> Auth:
    return read_auth(argument, dialect.mechanisms)


def _read_xclient(argument: str, _: Dialect) -> XClient:
    return read_xclient(argument)


def _read_help(argument: str, _: Dialect) -> Help:
    return Help(_printable(argument))


def _read_noop(_argument: str, _: Dialect) -> Noop:
    # RFC 5321 §4.1.1.9: an argument is ignored.
    return Noop()


def _alone(command: Command) -> Reader:
    """Return what reads a verb without an argument."""

    def read(argument: str, _: Dialect) -> Command:
        if argument:
            raise RemoteProtocolError(own_replies.NO_ARGUMENT)
        return command

    return read


def _domain(argument: str) -> str:
    try:
        return parse_domain(argument)
    except AddressError:
        raise RemoteProtocolError(own_replies.BAD_DOMAIN) from None


def _printable(argument: str, *, utf8: bool = False) -> str:
    if not (argument.isprintable() and (utf8 or argument.isascii())):
        raise RemoteProtocolError(own_replies.STRANGE_ARGUMENT)
    return argument


# ---------------------------------------------------------------- verbs

COMMANDS: Mapping[bytes, Verb] = {
    b"HELO": Verb(Helo, _read_helo),
    b"EHLO": Verb(Ehlo, _read_ehlo),
    b"STARTTLS": Verb(StartTls, _alone(StartTls())),
    b"AUTH": Verb(Auth, _read_auth),
    b"MAIL": Verb(Mail, _read_mail),
    b"RCPT": Verb(Rcpt, _read_rcpt),
    b"DATA": Verb(Data, _alone(Data())),
    b"RSET": Verb(Rset, _alone(Rset())),
    b"NOOP": Verb(Noop, _read_noop),
    b"QUIT": Verb(Quit, _alone(Quit())),
    b"VRFY": Verb(Vrfy, _read_vrfy),
    b"HELP": Verb(Help, _read_help),
}
# RFC 2033 §4.1: LHLO means what EHLO means, and those that it replaces are unknown.
LMTP_COMMANDS: Mapping[bytes, Verb] = {
    b"LHLO": COMMANDS[b"EHLO"],
    **{word: verb for word, verb in COMMANDS.items() if word not in {b"HELO", b"EHLO"}},
}
# Known to those alone who may say it.
XCLIENT: Mapping[bytes, Verb] = {b"XCLIENT": Verb(XClient, _read_xclient)}
# What follows BDAT is mail data, whatever is answered; so its argument is read first, see `chunks`.
BDAT = b"BDAT"
# Verbs of SMTP that are not obeyed.
NOT_OFFERED = frozenset({b"EXPN", b"ETRN", b"TURN", b"ATRN", b"SEND", b"SOML", b"SAML"})
# How a browser begins that was told to talk to us: what follows is not the browser's, and is not obeyed.
HTTP_METHODS = frozenset(
    {b"GET", b"POST", b"CONNECT", b"HEAD", b"PUT", b"OPTIONS", b"DELETE", b"PATCH", b"TRACE", b"PRI"}
)
