"""The options of relay actions: names and addresses that other servers see, and what is never used.

Reports `useless-option`, `unusable-value`, and `unusable-entry` for an address without a name.
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.compiler.check.entries import all_or_some, entry_span
from smtpdsl.compiler.resolve.values import inside, wrong_text
from smtpdsl.diagnostics.codes import UNUSABLE_ENTRY, UNUSABLE_VALUE, USELESS_OPTION
from smtpdsl.diagnostics.diagnostic import Diagnostic, Related, Severity
from smtpdsl.ir.host_name import host_name_problem
from smtpdsl.ir.matching import split_mailaddr
from smtpdsl.ir.resolved import RelayAction
from smtpdsl.ir.syntax import Dialect, Word
from smtpdsl.ir.table_entry import entry_problem
from smtpdsl.ir.table_file import Kind, Service
from smtpdsl.mail.address_syntax import AddressError, parse_domain, parse_local_part
from smtpdsl.mail.ip import ipv6_value

_MODERN = ("helo-src", "src", "helo")


def option_findings(action: RelayAction, dialect: Dialect) -> Iterator[Diagnostic]:
    """Yield what is wrong with the options of *action* that have nothing to do with its next hop."""
    yield from _helo(action, dialect)
    yield from _names(action)
    if action.mail_from is not None:
        yield from _mail_from(action.mail_from, dialect)
    if action.backup is not None and action.backup.mx.span is not None:
        name = Word(span=action.backup.mx.span, text=action.backup.mx.value)
        if problem := host_name_problem(name.text):
            message = f"{problem}: no exchanger is called so, and mail goes to all of them"
            help_text = "write the name of this host as the MX records have it"
            yield UNUSABLE_VALUE.at(name.span, message, help=help_text, severity=Severity.WARNING)


def _helo(action: RelayAction, dialect: Dialect) -> Iterator[Diagnostic]:
    """Names for EHLO: a fixed one, and one for each source address."""
    by_source = action.helo_src_span
    if by_source is not None and action.src is None:
        names, source, name = ("hostnames", "source", "hostname") if dialect is Dialect.LEGACY else _MODERN
        message = f"`{names}` is only asked for an address that `{source}` chose"
        yield USELESS_OPTION.at(by_source, message, help=f"add `{source}`, or write `{name}` with one name")
    elif by_source is not None and action.helo is not None:
        message = f"this name is never used: `{by_source.text}` has one for each source address"
        related = (Related(by_source, "this one holds"),)
        yield USELESS_OPTION.at(action.helo.span, message, related=related, help="remove one of them")
    if action.helo is not None:
        yield from _helo_name(action.helo)


def _names(action: RelayAction) -> Iterator[Diagnostic]:
    """Yield the addresses to send from that `helo-src` has no name for: no connection from them is made."""
    sources, names = action.src, action.helo_src
    if sources is None or names is None or not (sources.is_known and names.is_known and names.kind is Kind.MAP):
        return
    named = {_address(entry.key) for entry in names.entries}
    missing = []
    for entry in sources.entries:
        if _address(entry.key) not in named and entry_problem(Service.SOURCE, entry.key, None) is None:
            message = f'nothing is sent from "{entry.key}": {names.shown} has no name for it'
            related = (Related(action.helo_src_span or names.span, "the names for EHLO"),)
            help_text = "add an entry for it; IPv6 addresses stand in brackets there"
            missing.append(UNUSABLE_ENTRY.at(entry_span(entry), message, help=help_text, related=related))
    yield from all_or_some(missing, len(sources.entries))


def _address(text: str) -> int | str:
    """Return what is equal for two spellings of an address."""
    bare = text.removeprefix("[").removesuffix("]")
    value = ipv6_value(bare[5:] if bare[:5].lower() == "ipv6:" else bare)
    return bare.lower() if value is None else value


def _helo_name(name: Word) -> Iterator[Diagnostic]:
    # RFC 5321 §4.1.1.1: EHLO SP ( Domain / address-literal )
    try:
        parse_domain(name.text)
    except AddressError as error:
        problem = wrong_text(UNUSABLE_VALUE, name, error)
        message = f'other servers may refuse "{name.text}" as the name of this host: {problem.message}'
        yield problem.replace(message=message, severity=Severity.WARNING)


def _mail_from(address: Word, dialect: Dialect) -> Iterator[Diagnostic]:
    """``user``, ``@domain`` or both: what takes the place of the sender, or of a part of it."""
    text = address.text
    user, domain = split_mailaddr(text)
    if not user and not domain:
        # Before 6.4 that was refused, and has been reported.
        if dialect is Dialect.MODERN:
            message = f'`mail-from "{text}"` replaces no part of the sender'
            yield USELESS_OPTION.at(address.span, message, help="write `user`, `@domain` or `user@domain`")
        return
    if text.startswith("<") and text.endswith(">"):
        message = f'expected an address without angle brackets, found "{text}"'
        help_text = f'write "{text[1:-1]}"'
        yield UNUSABLE_VALUE.at(address.span, message, help=help_text, severity=Severity.WARNING)
        return
    start = 0
    try:
        if user:
            parse_local_part(user, utf8=True)
        start = len(text) - len(domain)
        if domain:
            parse_domain(domain, utf8=True)
    except AddressError as error:
        span = inside(address, error.start + start, max(error.end, error.start + 1) + start)
        message = f'no server takes a sender made with "{text}": {error.message}'
        yield UNUSABLE_VALUE.at(span, message, help=error.help, severity=Severity.WARNING)
