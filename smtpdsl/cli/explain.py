"""`smtpdsl explain SENDER RCPT`: which rule, why not the ones before it, and where the mail goes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from smtpdsl.analysis.explain import explain as trace
from smtpdsl.cli.compiling import DEFAULT_FILES, compiling_options, default_file
from smtpdsl.cli.machine import MachineSources, site_of
from smtpdsl.cli.meaning import ruleset_of
from smtpdsl.diagnostics.cells import visible
from smtpdsl.ir.answers import Site, ask
from smtpdsl.ir.matching import fold
from smtpdsl.ir.resolved import InTable, Ruleset, Subject
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.syntax import Dialect
from smtpdsl.mail.address import AddressError, ForwardPath, Mailbox, ReversePath
from smtpdsl.mail.envelope import LOCAL, Client, Envelope

if TYPE_CHECKING:
    from smtpdsl.cli.online import HostFinding

# Addresses that belong to nobody (RFC 5737, RFC 3849): outsiders to every configuration that does not name them.
_OUTSIDERS = ("203.0.113.9", "198.51.100.9", "192.0.2.9", "[2001:db8::9]")


@click.command()
@click.argument("sender", metavar="SENDER")
@click.argument("recipient", metavar="RCPT")
@click.option("-f", "file", metavar="FILE", help=f"The configuration; default {' or '.join(DEFAULT_FILES)}.")
@click.option("--from", "source", metavar="ADDR|local|socket", help="The client's address, or a client of this host.")
@click.option("--rdns", metavar="NAME", help="The client's reverse DNS name.")
@click.option("--helo", metavar="NAME", help="What the client says in HELO.")
@click.option("--auth", "login", metavar="USER", help="The login of an authenticated client; implies --tls.")
@click.option("--tls", is_flag=True, help="The session is secured.")
@click.option("--tag", metavar="TAG", help="The tag of the listener.")
@click.option("--online", is_flag=True, help="Ask the DNS, and servers of policies, about next hops.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@compiling_options
def explain(
    sender: str,
    recipient: str,
    file: str | None,
    source: str | None,
    rdns: str | None,
    helo: str | None,
    login: str | None,
    tag: str | None,
    defines: dict[str, str],
    root: str,
    *,
    tls: bool,
    online: bool,
    as_json: bool,
) -> None:
    """Trace a sender and a recipient through the rules to the final deliveries.

    SENDER may be "<>", the null sender.  Without --from, the client is an outsider that no table names.

    Exit status: 0 answered, 1 the configuration has errors, 2 wrong use.
    """
    # What is wrong with the question is said before anything is read.
    _reverse_path(sender, "localhost")
    _recipient(recipient, "localhost")
    address = None if source is None else _address(source)
    if login == "":
        message = "--auth takes the name that the client logs in with, found nothing"
        raise click.UsageError(message)
    ruleset = ruleset_of(file or default_file(), root, defines)
    site = site_of(ruleset)
    chosen, assumption = _outsider(ruleset, site) if address is None else (address, "")
    if tag and not _is_known_tag(tag, ruleset):
        click.echo(f'note: no listener has the tag "{visible(tag)}"', err=True)
    given = {"rdns": rdns or None, "helo": helo, "login": login, "tag": tag}
    client = _client(chosen, ruleset).replace(
        tls=tls or login is not None, **{name: value for name, value in given.items() if value is not None}
    )
    reverse_path = _reverse_path(sender, ruleset.server_name)
    mailbox = _recipient(recipient, ruleset.server_name)
    explanation = trace(
        ruleset,
        Envelope(client=client, reverse_path=reverse_path, recipient=mailbox),
        site,
        MachineSources(root),
        time.time(),
    )
    hosts: Mapping[int, Sequence[HostFinding]] = {}
    if online:
        from smtpdsl.cli.online import ask_online  # noqa: PLC0415 - half of the server

        hosts = ask_online(ruleset, explanation.plans, site)
    if as_json:
        from smtpdsl.cli.explanation_json import as_json as render  # noqa: PLC0415 - one of the two is needed

        click.echo(render(explanation, hosts), nl=False)
        # The form is a contract and has no place for these.
        failing = (each for each in explanation.plans if each.problem)
        problems = (f"the {each.kind.value} for <{each.delivery.dest}> fails: {each.problem}" for each in failing)
        for note in (*problems, *explanation.notes):
            click.echo(f"note: {note}", err=True)
        return
    from smtpdsl.cli.explanation_text import as_text  # noqa: PLC0415

    click.echo(as_text(explanation, hosts, assumption=assumption), nl=False)


# ---------------------------------------------------------------- the question


def _reverse_path(text: str, default_domain: str) -> ReversePath:
    try:
        return ReversePath.parse(text, default_domain=default_domain, utf8=True)
    except AddressError as error:
        raise _usage(error, "SENDER", text) from None


def _recipient(text: str, default_domain: str) -> Mailbox:
    try:
        path = ForwardPath.parse(text, default_domain=default_domain, utf8=True)
    except AddressError as error:
        raise _usage(error, "RCPT", text) from None
    assert path.mailbox is not None, "a default domain completes every local part"
    return path.mailbox


def _usage(error: AddressError, argument: str, text: str) -> click.UsageError:
    advice = f"; {error.help}" if error.help else ""
    return click.UsageError(f'{argument} "{visible(text)}", character {error.start + 1}: {error.message}{advice}')


def _address(text: str) -> str:
    """Return the client's address as rules compare it."""
    if text == "local":
        return "127.0.0.1"
    if text == "socket":
        return LOCAL
    from ipaddress import ip_address  # noqa: PLC0415 - slow to import, and few ask for an address

    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ip_address(bare[5:] if bare[:5].lower() == "ipv6:" else bare)
    except ValueError:
        message = f'--from takes an IP address, "local" or "socket", found "{visible(text)}"'
        raise click.UsageError(message) from None
    return f"[{address}]" if ":" in str(address) else str(address)


# ---------------------------------------------------------------- the client


def _client(source: str, ruleset: Ruleset) -> Client:
    if source != LOCAL:
        return Client(source=source)
    # What a session of the local socket looks like: the server itself, and sendmail(8) says EHLO.
    tag = next((listener.tag.value for listener in ruleset.listeners if listener.is_socket), "")
    return Client(source=LOCAL, rdns=ruleset.server_name, helo="localhost", tag=tag)


def _is_known_tag(tag: str, ruleset: Ruleset) -> bool:
    """Whether a client can have come by a listener with *tag*; before 6.4 the local socket had one."""
    known = {fold(listener.tag.value) for listener in ruleset.listeners}
    return fold(tag) in known or (fold(tag) == "local" and ruleset.dialect is Dialect.LEGACY)


def _outsider(ruleset: Ruleset, site: Site) -> tuple[str, str]:
    """Return an address that no table names, and how to say that it was chosen."""
    for address in _OUTSIDERS:
        if address not in site.addresses and not _is_named(address, ruleset, site):
            return address, "assumed without --from: an outsider that no table names"
    return _OUTSIDERS[0], "assumed without --from: an outsider, though a table names this address"


def _is_named(address: str, ruleset: Ruleset, site: Site) -> bool:
    """Whether a rule has a table of clients that contains *address*."""
    sources = MachineSources("")
    questions = [condition.question for rule in ruleset.rules for condition in rule.conditions]
    return any(
        ask(each.table, each.service, address, site, sources).answer is Answer.YES
        for each in questions
        if isinstance(each, InTable) and each.subject is Subject.SOURCE and each.table is not None
    )
