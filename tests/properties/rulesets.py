"""Rules over tables that overlap, envelopes that nearly fit them, and tables elsewhere that may fail."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from smtpdsl.ir.answers import Site
from smtpdsl.ir.resolved import (
    AnyDestination,
    AnySource,
    Condition,
    ConfirmedReverseName,
    HasReverseName,
    InTable,
    IsAuthenticated,
    LocalAction,
    LocalDestination,
    LocalSource,
    Mbox,
    Question,
    Rule,
    Setting,
    Slot,
    SocketSource,
    Subject,
    Table,
    UsesTls,
)
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Kind, Service, TableEntry
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import LOCAL, Client, Envelope
from tests.properties.parts import SPAN

SITE = Site(server_name="mail.a.b", addresses=("127.0.0.1", "10.0.0.7", "[::1]", "[fe80::1%eth0]"))
ACTION = LocalAction(span=SPAN, name="in", method=Mbox(), ttl=Setting(value=1))

# Few letters, so that what is drawn often meets.
_DOMAINS = [
    "a.b", "x.a.b", "y.x.a.b", "A.B", "b", "*", "*.a.b", "*a.b", "*b", "x.*", "x.*.b", "*.*", "mail.a.b", "", "a.*b*",
]  # fmt: skip
_USERS = ["joe", "Joe", "joe+t", "ann", "", '"j o"', "joe+", "+t"]
_SOURCES = [
    "10.0.0.1", "10.0.0.7", "10/8", "10.0.0.0/31", "10.0.0.4/30", "0.0.0.0/0", "::/0", "[::1]", "::1", "[::/8]",
    "[fe80::1%eth0]", "local", "LOCAL", "0x0a", "127.0.0.1", "255.255.255.255", "ipv6:::1", "x", "10",
    "[::ffff:10.0.0.1]", "0.0.0.1", "010.0.0.1", "[FE80::1%eth0]", "10.0.0.1/33",
]  # fmt: skip
_REGEXES = ["a", "^joe", "@", "b$", "^$", "local", "[", "^10[.]", "x.a"]
_NAMES = ["t", "T", "joe", "joe@a.b", "JOE@A.B", "mx.a.b", "local", "", "@", "*.a.b"]

_addresses = st.builds("{}@{}".format, st.sampled_from(_USERS), st.sampled_from(_DOMAINS)) | st.sampled_from(_USERS)
_letters = st.text("aAbjoe+.@*k\u212a1", max_size=8)
_KEYS = {
    Service.DOMAIN: st.sampled_from(_DOMAINS) | _letters,
    Service.MAILADDR: _addresses | _letters,
    Service.NETADDR: st.sampled_from(_SOURCES)
    | _letters
    | st.builds("10.0.{}.{}/{}".format, *[st.integers(0, 24)] * 3),
    Service.REGEX: st.sampled_from(_REGEXES),
    Service.STRING: st.sampled_from(_NAMES) | _addresses | _letters,
}


def keys(service: Service) -> SearchStrategy[str]:
    """Draw an entry of a table that is asked as *service*."""
    return _KEYS[service]


def tables(service: Service) -> SearchStrategy[Table]:
    """Draw a table whose entries are known."""
    entries = st.lists(keys(service).map(lambda key: TableEntry(span=SPAN, key=key)), max_size=4).map(tuple)
    return entries.map(lambda drawn: Table(span=SPAN, name="t", backend="static", kind=Kind.LIST, entries=drawn))


ELSEWHERE = [Table(span=SPAN, name=f"e{n}", backend="proc", kind=Kind.DYNAMIC, is_known=False) for n in range(3)]
BUILT_IN = {
    Service.NETADDR: ["<anyhost>", "<localhost>"],
    Service.DOMAIN: ["<localnames>", "<anydestination>"],
}
_SERVICES = {
    Subject.TAG: (Slot.TAG, Service.STRING),
    Subject.SOURCE: (Slot.FROM, Service.NETADDR),
    Subject.RDNS: (Slot.FROM, Service.DOMAIN),
    Subject.DOMAIN: (Slot.FOR, Service.DOMAIN),
    Subject.HELO: (Slot.HELO, Service.DOMAIN),
    Subject.LOGIN: (Slot.AUTH, Service.STRING),
    Subject.REVERSE_PATH: (Slot.MAIL_FROM, Service.MAILADDR),
    Subject.FORWARD_PATH: (Slot.RCPT_TO, Service.MAILADDR),
}
_PLAIN: dict[Slot, list[Question]] = {
    Slot.FROM: [AnySource(), LocalSource(), SocketSource(), HasReverseName(), ConfirmedReverseName()],
    Slot.FOR: [AnyDestination(), LocalDestination()],
    Slot.AUTH: [IsAuthenticated()],
    Slot.TLS: [UsesTls()],
}


def _built_in(name: str) -> Table:
    return Table(span=SPAN, name=name, backend="built-in", kind=Kind.LIST)


@functools.cache
def table_questions(*, fallible: bool) -> SearchStrategy[tuple[Slot, Question]]:
    """Draw a question for a table, and its slot; tables elsewhere only if *fallible*."""

    def build(subject: Subject) -> SearchStrategy[tuple[Slot, Question]]:
        slot, declared = _SERVICES[subject]

        def asked(service: Service) -> SearchStrategy[tuple[Slot, Question]]:
            # A login that looks like an address is compared as one, whatever the service says.
            found: SearchStrategy[Table | None] = tables(service)
            if service in BUILT_IN:
                found |= st.sampled_from(BUILT_IN[service]).map(_built_in)
            if fallible:
                found |= st.sampled_from(ELSEWHERE)
                found |= st.none()
            return found.map(lambda table: (slot, InTable(subject=subject, table=table, service=service)))

        return st.sampled_from([declared, declared, Service.REGEX]).flatmap(asked)

    return st.sampled_from(list(_SERVICES)).flatmap(build)


@functools.cache
def questions(*, fallible: bool = True) -> SearchStrategy[tuple[Slot, Question]]:
    """Draw any question of a rule, and the slot it can fill."""
    plain = [
        (slot, question)
        for slot, some in _PLAIN.items()
        for question in some
        if fallible or not isinstance(question, ConfirmedReverseName)
    ]
    return st.sampled_from(plain) | table_questions(fallible=fallible)


@st.composite
def rulesets(draw: DrawFn, *, fallible: bool = True) -> tuple[Rule, ...]:
    """Draw rules that share a few questions, so that they depend on each other."""
    pool = draw(st.lists(questions(fallible=fallible), min_size=1, max_size=6))

    def build(chosen: list[tuple[tuple[Slot, Question], bool]], *, accepts: bool) -> Rule:
        slots = {slot: (question, negated) for (slot, question), negated in chosen}
        conditions = tuple(
            Condition(span=SPAN, slot=slot, question=slots[slot][0], negated=slots[slot][1], words=slot.name)
            for slot in sorted(slots)
        )
        return Rule(span=SPAN, conditions=conditions, action=ACTION if accepts else None)

    some = st.lists(st.tuples(st.sampled_from(pool), st.booleans()), max_size=4)
    return tuple(draw(st.lists(st.builds(build, some, accepts=st.booleans()), max_size=7)))


_hosts = st.sampled_from([each for each in _DOMAINS if "*" not in each]) | _letters
_local_parts = st.sampled_from(["joe", "Joe", "joe+t", "ann", "", "j o", "joe+", "+t", "j@o"]) | _letters
_mailboxes = st.builds(Mailbox, local_part=_local_parts, domain=_hosts)


@functools.cache
def envelopes() -> SearchStrategy[Envelope]:
    """Draw an envelope, also such as no client can have."""
    sources = st.just(LOCAL) | st.sampled_from(_SOURCES) | st.builds("10.0.{}.{}".format, *[st.integers(0, 24)] * 2)
    client = st.builds(
        Client,
        source=sources | _letters,
        rdns=st.none() | _hosts | st.just("local"),
        helo=_hosts,
        login=st.none() | st.sampled_from(_NAMES) | _letters,
        tls=st.booleans(),
        tag=st.sampled_from(["", "t", "T"]),
    )
    return st.builds(
        Envelope,
        client=client,
        reverse_path=st.builds(ReversePath, mailbox=st.none() | _mailboxes),
        recipient=_mailboxes,
        is_internal=st.booleans(),
    )


Name: TypeAlias = tuple[str, Service, str]
"""A question to a table elsewhere: the table's name, how it is asked, and the key."""


class Elsewhere(NamedTuple):
    """What the tables elsewhere say; *asked* has what they were asked, in order."""

    drawn: Mapping[tuple[str, int], Answer]
    asked: list[Name]
    changed: Mapping[Name, Answer]

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Answer, and keep what was asked."""
        self.asked.append((table.name, service, key))
        return self.answer((table.name, service, key))

    def answer(self, name: Name) -> Answer:
        """Return the answer: as it was changed, else as drawn for the table and the length of the key."""
        return self.changed.get(name) or self.drawn[name[0], len(name[2]) % 3]

    def with_answers(self, changed: Mapping[Name, Answer]) -> Elsewhere:
        """Return a world in which these answers are others, and nothing was asked yet."""
        return Elsewhere(self.drawn, [], {**self.changed, **changed})


@functools.cache
def elsewhere() -> SearchStrategy[Elsewhere]:
    """Draw what tables elsewhere say."""
    names = [(table.name, length) for table in ELSEWHERE for length in range(3)]
    answers = st.sampled_from([Answer.YES, Answer.NO, Answer.UNAVAILABLE])
    return st.fixed_dictionaries(dict.fromkeys(names, answers)).map(lambda drawn: Elsewhere(drawn, [], {}))
