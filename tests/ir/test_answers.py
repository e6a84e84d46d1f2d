"""What each question is answered: the table of criteria in smtpd.conf(5), and what it means for expanded addresses."""

from __future__ import annotations

import pytest

from smtpdsl.ir.answers import Witness, answer
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import LOCAL, Client, Envelope
from tests.worlds import ruleset_of, site_of

YES, NO, SENSELESS, UNAVAILABLE = Answer.YES, Answer.NO, Answer.SENSELESS, Answer.UNAVAILABLE
OUTSIDER = Client(source="203.0.113.9")
SOCKET = Client(source=LOCAL, rdns="mail.example.org", helo="localhost")


class NoLookup:
    """Tables that live elsewhere do not answer."""

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Fail."""
        del table, service, key
        return UNAVAILABLE


def ask(
    criterion: str,
    client: Client = OUTSIDER,
    *,
    sender: str = "ann@example.net",
    recipient: str = "joe@example.org",
    internal: bool = False,
    table: str = "",
) -> Witness:
    """Ask the condition that *criterion* stands for, without its negation."""
    ruleset = ruleset_of(f'{table}\naction "a" relay\nmatch {criterion} action "a"\n', {"/etc/t.db": ""})
    question = next(each.question for each in ruleset.rules[0].conditions if each.words == criterion)
    local_part, _, domain = recipient.rpartition("@")
    envelope = Envelope(
        client=client,
        reverse_path=ReversePath.parse(sender),
        recipient=Mailbox(local_part=local_part, domain=domain),
        is_internal=internal,
    )
    return answer(question, envelope, site_of(ruleset), NoLookup())


@pytest.mark.parametrize(
    ("criterion", "source", "expected"),
    [
        ("from any", "203.0.113.9", YES),
        ("from any", "[fe80::9%eth0]", YES),
        ("from local", "203.0.113.9", NO),
        ("from local", "127.0.0.1", YES),
        ("from local", "127.0.0.2", NO),
        ("from local", "192.0.2.1", YES),
        ("from local", "[2001:db8::1]", YES),
        ("from local", "[fe80::1%eth0]", YES),
        ("from local", "[fe80::1%eth1]", NO),
        ("from local", LOCAL, YES),
        ("from socket", LOCAL, YES),
        ("from socket", "127.0.0.1", NO),
        ("from src 203.0.113.0/24", "203.0.113.9", YES),
        ("from src 203.0.113.0/24", "[::ffff:203.0.113.9]", NO),
        ("from src 2001:db8::/32", "[2001:db8:1::2]", YES),
        ("from src 203.0.113.0/24", LOCAL, NO),
        ('from src { "local" }', LOCAL, YES),
        ('from src regex "^203[.]0"', "203.0.113.9", YES),
        ('from src regex "^\\[2001:"', "[2001:db8::5]", YES),
    ],
)
def test_the_client_is_known_by_its_address(criterion: str, source: str, expected: Answer) -> None:
    """`from` compares the client's address; only this host's own addresses and its socket are local."""
    witness = ask(criterion, Client(source=source))

    assert (witness.answer, witness.value) == (expected, source)


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        ("from any", YES),
        ("from local", YES),
        ("from socket", SENSELESS),
        ("from src 203.0.113.0/24", NO),
        ('from src { "local", 192.0.2.7 }', YES),
        ('from src regex "^local$"', YES),
        ("from rdns", SENSELESS),
        ('from rdns "mx.example.net"', NO),
        ('from rdns { "local" }', YES),
        ('from rdns regex "^local$"', YES),
        ("auth", NO),
        ("tls", NO),
    ],
)
def test_an_expanded_address_comes_from_this_host(criterion: str, expected: Answer) -> None:
    """For an address of an expansion `from` reads the word local, and the rest is as it was for the client."""
    client = OUTSIDER.replace(rdns="mx.example.net")

    assert ask(criterion, client, internal=True).answer is expected


@pytest.mark.parametrize(
    ("criterion", "rdns", "expected"),
    [
        ("from rdns", "mx.example.net", YES),
        ("from rdns", None, NO),
        ('from rdns "MX.example.net"', "mx.EXAMPLE.net", YES),
        ('from rdns "*.example.net"', "mx.example.net", NO),
        ('from rdns "mx.example.net"', None, SENSELESS),
        ('from rdns regex "[.]example[.]net$"', "mx.example.net", YES),
        ('from rdns regex "net$"', None, SENSELESS),
    ],
)
def test_reverse_names_are_compared_whole(criterion: str, rdns: str | None, expected: Answer) -> None:
    """A pattern is no name here, as it never was; a client without a name cannot be told by one."""
    assert ask(criterion, OUTSIDER.replace(rdns=rdns)).answer is expected


def test_the_local_socket_has_the_name_of_the_server() -> None:
    """A program of this host is a client too, and its name is compared like any other."""
    assert ask(f'from rdns "{SOCKET.rdns}"', SOCKET).answer is YES


@pytest.mark.parametrize(
    ("criterion", "client", "expected"),
    [
        ("auth", OUTSIDER, NO),
        ("auth", OUTSIDER.replace(login="joe"), YES),
        ("auth", SOCKET, YES),
        ('auth "JOE"', OUTSIDER.replace(login="joe"), YES),
        ('auth "joe"', OUTSIDER, NO),
        ('auth "joe"', SOCKET, NO),
        ('auth { "@example.org" }', OUTSIDER.replace(login="joe@example.org"), YES),
        ('auth { "@example.org" }', OUTSIDER.replace(login="joe"), NO),
        ('auth regex "^$"', SOCKET, YES),
        ('auth regex "."', OUTSIDER, NO),
        ("tls", OUTSIDER, NO),
        ("tls", OUTSIDER.replace(tls=True), YES),
        ('tag "Inside"', OUTSIDER.replace(tag="inside"), YES),
        ('tag "inside"', OUTSIDER, NO),
        ('helo "*.example.net"', OUTSIDER.replace(helo="mx.example.net"), YES),
        ('helo "*.example.net"', OUTSIDER.replace(helo="a.mx.example.net"), NO),
        ('helo "*"', OUTSIDER, NO),
    ],
)
def test_the_session_is_compared_as_each_criterion_says(criterion: str, client: Client, expected: Answer) -> None:
    """Logins are names or addresses, HELO is a domain, tags ignore case; the socket is authenticated without a name."""
    assert ask(criterion, client).answer is expected


@pytest.mark.parametrize(
    ("criterion", "recipient", "expected"),
    [
        ("for any", "joe@example.org", YES),
        ("for local", "joe@LOCALHOST", YES),
        ("for local", "joe@mail.example.org", YES),
        ("for local", "joe@example.org", NO),
        ("for local", "joe@[2001:db8::1]", YES),
        ("for local", "joe@[127.0.0.1]", NO),
        ("for local", "joe@[IPv6:::1]", NO),
        ("for domain example.org", "joe@EXAMPLE.org", YES),
        ('for domain "*.example.org"', "joe@a.b.example.org", NO),
        ('for domain regex "example"', "example@other.net", NO),
        ('rcpt-to "joe"', "joe+tag@anywhere.net", YES),
        ('rcpt-to "joe+a"', "joe+b@anywhere.net", NO),
        ('rcpt-to regex "^joe[+].*@example[.]org$"', "joe+tag@example.org", YES),
    ],
)
def test_the_recipient_is_its_domain_or_the_whole_address(criterion: str, recipient: str, expected: Answer) -> None:
    """`for` reads the domain, `rcpt-to` the address; a literal is local only as it stands in the list of addresses."""
    assert ask(criterion, recipient=recipient).answer is expected


@pytest.mark.parametrize("literal", ["[127.0.0.1]", "[192.0.2.1]", "[IPv6:2001:db8::1]"])
def test_address_literals_are_local_in_files_of_the_earlier_language(literal: str) -> None:
    """Up to 6.3 `for local` knows this host's addresses in every spelling."""
    ruleset = ruleset_of("accept for local deliver to mbox\n")
    question = ruleset.rules[0].conditions[-1].question
    envelope = Envelope(client=OUTSIDER, reverse_path=ReversePath(), recipient=Mailbox.parse(f"joe@{literal}"))

    assert answer(question, envelope, site_of(ruleset), NoLookup()).answer is YES


@pytest.mark.parametrize(
    ("criterion", "sender", "expected"),
    [
        ('mail-from "@example.net"', "ann@example.net", YES),
        ('mail-from "@example.net"', "<>", NO),
        ('mail-from "@"', "<>", YES),
        ('mail-from regex "^@$"', "<>", YES),
        ('mail-from regex "^@$"', "ann@example.net", NO),
    ],
)
def test_the_null_sender_is_an_at_sign(criterion: str, sender: str, expected: Answer) -> None:
    """Conditions see the null reverse-path as `@`, and `@` in a list means everybody."""
    assert ask(criterion, sender=sender).answer is expected


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        ('from src <"<anyhost>">', YES),
        ('from src <"<localhost>">', NO),
        ('for domain <"<anydestination>">', YES),
        ('for domain <"<localnames>">', NO),
        ('for domain <"<anyhost>">', NO),
    ],
)
def test_built_in_tables_are_asked_like_others(criterion: str, expected: Answer) -> None:
    """A built-in table is a list of entries; asked for something else than it has, it has nothing."""
    assert ask(criterion).answer is expected


def test_a_table_elsewhere_may_fail() -> None:
    """What no compiler can read is asked through the look-up, which may not know."""
    witness = ask("from src <t>", table="table t db:/etc/t.db")

    assert witness.answer is UNAVAILABLE
    assert witness.why == "<t> cannot be asked here"


@pytest.mark.parametrize(
    ("criterion", "why"),
    [
        ("from local", "203.0.113.9 is not this host"),
        ("from src 203.0.113.0/24", '"203.0.113.9" matches "203.0.113.0/24" of this list'),
        ("from src 203.0.113.9", '"203.0.113.9" is in this list'),
        ("from src 192.0.2.0/24", '"203.0.113.9" is not in this list'),
        ("for domain example.com", '"example.org" is not in this list'),
        ("auth", "not authenticated"),
        ('auth "joe"', "not authenticated"),
        ('tag "inside"', "the listener has no tag"),
        ('helo "mx.example"', "the client has not said who it is"),
        ('from rdns "mx.example"', "the client has no reverse DNS name"),
    ],
)
def test_an_answer_says_why(criterion: str, why: str) -> None:
    """`explain` prints the value and what it was compared with."""
    assert ask(criterion).why == why
