"""What conditions are answered, beside `ir.matching`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.answers import Site
from smtpdsl.ir.matching import service_matches
from smtpdsl.ir.resolved import InTable, Subject, Table
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Kind, Service, TableEntry
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.filters.conditions import Tables, answering
from smtpdsl.runtime.filters.hooks import Facts
from tests.runtime.filters.sessions import Elsewhere

SITE = Site(server_name="mx.test", addresses=(), delimiter="+")
SPAN = Source("smtpd.conf", "").whole()
ENTRIES = {
    Service.DOMAIN: ["a.test", "*.test", "*", "A.TEST", "*.a.test", "b"],
    Service.MAILADDR: ["@", "", "ann", "ann@", "@a.test", "@*.test", "ann@a.test", "ann+x@a.test", "@*"],
    Service.NETADDR: ["10/8", "10.1.2.3", "[2001:db8::/32]", "local", "0.0.0.0/0", "::/0", "[fe80::1%eth0]"],
    Service.STRING: ["ann", "ANN", "", "*"],
    Service.REGEX: ["^$", "a", "^ann@", "[.]test$", "(", "^local$"],
}
OF_SUBJECT = {
    Subject.SOURCE: Service.NETADDR,
    Subject.RDNS: Service.DOMAIN,
    Subject.HELO: Service.DOMAIN,
    Subject.LOGIN: Service.STRING,
    Subject.REVERSE_PATH: Service.MAILADDR,
    Subject.FORWARD_PATH: Service.MAILADDR,
}


def question_of(subject: Subject, service: Service, entries: list[str]) -> InTable:
    """Ask for *subject* in a list of *entries*."""
    listed = tuple(TableEntry(key=each, span=SPAN) for each in entries)
    table = Table(span=SPAN, name="t", backend="inline", kind=Kind.LIST, entries=listed)
    return InTable(subject=subject, table=table, service=service)


@st.composite
def questions(draw: st.DrawFn) -> InTable:
    """Draw a question as filters ask them."""
    subject = draw(st.sampled_from(sorted(OF_SUBJECT, key=str)))
    service = draw(st.sampled_from([OF_SUBJECT[subject], Service.REGEX]))
    return question_of(subject, service, draw(st.lists(st.sampled_from(ENTRIES[service]), max_size=4)))


NAMES = st.sampled_from(["a.test", "mx.a.test", "A.Test", "b", "test"])
MAILBOXES = st.builds(
    Mailbox, local_part=st.sampled_from(["ann", "Ann+x", "ann+y", "a b", "@"]), domain=NAMES | st.just("[192.0.2.1]")
)
CLIENTS = st.builds(
    Client,
    source=st.sampled_from(["10.1.2.3", "11.0.0.1", "[2001:db8::1]", "[fe80::1%eth0]", "local"]),
    rdns=st.none() | NAMES,
    helo=NAMES | st.sampled_from(["", "[192.0.2.1]"]),
    login=st.sampled_from([None, "ann", "Ann", "ann@a.test"]),
)
FACTS = st.builds(
    Facts,
    client=CLIENTS,
    fcrdns=st.booleans(),
    reverse_path=st.builds(ReversePath, mailbox=st.none() | MAILBOXES),
    recipient=MAILBOXES,
)


def key_in(facts: Facts, subject: Subject) -> str | None:
    """Return what is compared, by the words of the reference."""
    client, sender = facts.client, facts.reverse_path
    if subject is Subject.LOGIN and client.is_socket:
        return client.login or ""
    return {
        Subject.SOURCE: client.source,
        Subject.RDNS: client.rdns,
        Subject.HELO: client.helo,
        Subject.LOGIN: client.login,
        Subject.REVERSE_PATH: str(sender.mailbox) if sender and sender.mailbox else "",
        Subject.FORWARD_PATH: str(facts.recipient),
    }[subject]


@given(question=questions(), facts=FACTS)
def test_tables_answer_as_comparisons_say(question: InTable, facts: Facts) -> None:
    """An index changes nothing; who has no such value is in no table."""
    key = key_in(facts, question.subject)
    assert question.table is not None
    entries = [each.key for each in question.table.entries]
    holds = key is not None and any(service_matches(question.service, each, key, "+") for each in entries)

    assert answering(question, Tables(SITE, Elsewhere()))(facts) is (Answer.YES if holds else Answer.NO)


def test_before_there_is_a_value_it_is_in_no_table() -> None:
    """Neither a sender before MAIL nor a recipient before RCPT, even where everything matches."""
    facts = Facts(Client(source="10.1.2.3"))
    for subject in (Subject.REVERSE_PATH, Subject.FORWARD_PATH):
        answer = answering(question_of(subject, Service.MAILADDR, ["@"]), Tables(SITE, Elsewhere()))
        assert answer(facts) is Answer.NO


def test_one_table_has_one_index_for_each_way_of_asking() -> None:
    """However many filters ask it."""
    tables = Tables(SITE, Elsewhere())
    helo = question_of(Subject.HELO, Service.DOMAIN, ["*.test"])
    regex = helo.replace(service=Service.REGEX)
    facts = Facts(Client(source="10.1.2.3", helo="a.test", rdns="a.test"))

    assert [answering(each, tables)(facts) for each in (helo, helo, regex)] == [Answer.YES, Answer.YES, Answer.NO]
    assert answering(helo.replace(subject=Subject.RDNS), tables)(facts) is Answer.YES
