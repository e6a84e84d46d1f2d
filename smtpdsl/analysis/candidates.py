"""Values of one aspect of envelopes: one at least for each set of questions that some value leads to.

    for domain { a.example, *.b.example }     rcpt-to { joe, @a.example }

    somebody@domain.invalid   somebody@a.example   somebody@any-name.b.example
    joe@domain.invalid        joe@a.example        joe@any-name.b.example

They are values that clients can have, so that a person can try what a machine found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from smtpdsl.analysis.domain_words import meeting_domains
from smtpdsl.analysis.networks import wide_addresses
from smtpdsl.analysis.questions import Variable
from smtpdsl.analysis.regex_samples import samples
from smtpdsl.ir.answers import Site, built_in_entries
from smtpdsl.ir.aspects import Aspect
from smtpdsl.ir.classes import Dimension, Uses
from smtpdsl.ir.envelope_examples import OUTSIDER
from smtpdsl.ir.matching import fold, split_mailaddr
from smtpdsl.ir.resolved import InTable, LocalDestination, Question, Subject
from smtpdsl.mail.address import AddressError, Mailbox, ReversePath
from smtpdsl.mail.envelope import LOCAL, Envelope
from smtpdsl.mail.ip import ipv4_value, ipv6_value

# RFC 5737, RFC 3849 and RFC 2606: nobody's addresses and names.
OUTSIDERS = ("203.0.113.9", "198.51.100.9", "192.0.2.9", "[2001:db8::9]", "[fe80::9%any]")
NOBODY = OUTSIDER.recipient
HOST = "host.domain.invalid"
_LOOPBACK = ("127.0.0.1", "[::1]")
_LITERAL = "[198.51.100.77]"
# Users times domains, and entries where a pattern may meet each of them.
_LIMIT = 20_000


class Candidates(NamedTuple):
    """Envelopes that differ in one aspect alone, and whether they are all there is."""

    envelopes: list[Envelope]
    is_complete: bool = True


def candidates(
    aspect: Aspect, uses: Sequence[Uses], regexes: Sequence[Variable], dimension: Dimension | None, site: Site
) -> Candidates:
    """Return envelopes for what *uses* and *regexes* ask about *aspect*; *dimension* has the indexes of *uses*."""
    guesses = [text for each in regexes for text in _samples(each.question)]
    match aspect:
        case Aspect.RECIPIENT:
            found, is_complete = _mailboxes(uses, guesses, site)
            return Candidates([OUTSIDER.replace(recipient=each) for each in found], is_complete)
        case Aspect.REVERSE_PATH:
            found, is_complete = _mailboxes(uses, guesses, site)
            paths = [ReversePath(mailbox=found[0]), ReversePath(), *(ReversePath(mailbox=each) for each in found[1:])]
            return Candidates([OUTSIDER.replace(reverse_path=each) for each in paths], is_complete)
        case Aspect.LOGIN:
            return _logins(uses, guesses, site)
        case Aspect.HELO:
            return _helo(uses, guesses, site)
        case _:
            keys = [key for _, key in dimension.examples()] if dimension else []
            wide = wide_addresses(entry for use in uses for entry in entries_of(use.question, site))
            return Candidates(list(_sessions(aspect, [*keys, *guesses], wide, site)))


def entries_of(question: Question, site: Site) -> Iterable[str]:
    """Return the entries that *question* compares with."""
    if isinstance(question, LocalDestination):
        return site.domains
    if not isinstance(question, InTable) or question.table is None:
        return ()
    built_in = built_in_entries(question.table, site)
    return (entry.key for entry in question.table.entries) if built_in is None else built_in


def _samples(question: Question) -> Iterator[str]:
    if isinstance(question, InTable) and question.table is not None:
        for entry in islice(question.table.entries, 64):
            yield from samples(entry.key)


# ---------------------------------------------------------------- clients


def _sessions(aspect: Aspect, keys: list[str], wide: Iterable[str], site: Site) -> Iterator[Envelope]:
    match aspect:
        case Aspect.SOURCE:
            home = [each for each in _LOOPBACK if each in site.addresses]
            addresses = [*OUTSIDERS, *wide, *home, *filter(_is_address, keys), *site.addresses]
            yield from (_client(source=each) for each in dict.fromkeys(addresses))
            yield _client(source=LOCAL)
            yield OUTSIDER.replace(is_internal=True)
        case Aspect.RDNS:
            names = (site.server_name, HOST, *(each for each in keys if _domain(each)))
            yield from (_client(rdns=each) for each in (None, *dict.fromkeys(names)))
            yield OUTSIDER.replace(is_internal=True)
        case Aspect.TAG:
            yield from (_client(tag=each) for each in ("", "any-tag", *keys))
        case Aspect.TLS:
            yield from (_client(tls=each) for each in (False, True))


def _helo(uses: Sequence[Uses], guesses: list[str], site: Site) -> Candidates:
    names: list[str] = []
    patterns: list[str] = []
    for use in uses:
        for entry in map(fold, entries_of(use.question, site)):
            (patterns if "*" in entry else names).append(entry)
    meeting = meeting_domains(patterns)
    found = [HOST, _LITERAL, *names, *(meeting or ()), *guesses]
    # Whoever sends has said HELO; where that makes no difference, commands are shorter without it.
    envelopes = [_client(helo=""), *(_client(helo=each) for each in dict.fromkeys(found) if each)]
    return Candidates(envelopes, meeting is not None)


def _logins(uses: Sequence[Uses], guesses: list[str], site: Site) -> Candidates:
    """Logins are compared as names, or as addresses if they look like some."""
    names = [entry for use in uses for entry in entries_of(use.question, site)]
    found, is_complete = _mailboxes(uses, guesses, site)
    logins = ["somebody", *(each for each in names if each), *map(str, found), *guesses]
    envelopes = [_client(), _client(source=LOCAL), *(_client(login=each) for each in dict.fromkeys(logins) if each)]
    return Candidates(envelopes, is_complete)


def _client(**known: str | bool | None) -> Envelope:
    return OUTSIDER.replace(client=OUTSIDER.client.replace(**known))


def _is_address(text: str) -> bool:
    bracketed = text.startswith("[") and text.endswith("]")
    inside = text[1:-1].partition("%")[0] if bracketed else text
    return ipv6_value(inside) is not None if bracketed else ipv4_value(text) is not None


def _domain(text: str) -> bool:
    try:
        Mailbox.parse(f"a@{text}", utf8=True)
    except AddressError:
        return False
    return True


# ---------------------------------------------------------------- addresses


class _Named:
    """What entries name: users, domains, patterns of domains, and users of domains."""

    def __init__(self) -> None:
        self.domains: dict[str, int] = {}
        self.pairs: dict[tuple[str, str], int] = {}
        self.patterns: list[str] = []
        self.crossing: dict[str, int] = {}

    def add_domain(self, entry: str, number: int) -> None:
        if "*" in entry:
            self.patterns.append(entry)
        elif entry:
            self.domains[entry] = self.domains.get(entry, 0) | 1 << number

    def add_address(self, entry: str, number: int) -> None:
        user, domain = split_mailaddr(entry)
        if user and "*" not in domain and domain:
            self.pairs[user, domain] = self.pairs.get((user, domain), 0) | 1 << number
            self.domains.setdefault(domain, 0)
            return
        if user:
            self.crossing[user] = self.crossing.get(user, 0) | 1 << number
        self.add_domain(domain, number)


def _named(uses: Sequence[Uses], site: Site) -> _Named:
    named = _Named()
    for number, use in enumerate(uses):
        question = use.question
        is_domain = isinstance(question, LocalDestination) or (
            isinstance(question, InTable) and question.subject is Subject.DOMAIN
        )
        add = named.add_domain if is_domain else named.add_address
        # The two readings of a table of addresses are two questions.
        for entry in entries_of(question, site):
            add(fold(entry), number if is_domain else number + len(uses))
    return named


def _mailboxes(uses: Sequence[Uses], guesses: list[str], site: Site) -> tuple[list[Mailbox], bool]:
    named = _named(uses, site)
    meeting = meeting_domains(named.patterns)
    # Of each kind of domain there is one, however many: a rule without any would look as if nobody could meet it.
    domains = [*(islice(named.domains, _LIMIT) if named.patterns else ()), *_one_each(named.domains)]
    pairs = named.pairs if named.patterns or named.crossing else _one_each(named.pairs, also=named.domains)
    users = list(_one_each(named.crossing))
    places = [NOBODY.domain, *domains, *(meeting or ()), _LITERAL]
    has_all = not named.patterns or len(named.domains) <= _LIMIT
    is_complete = meeting is not None and has_all and len(users) * len(places) <= _LIMIT
    found = [(NOBODY.local_part, domain) for domain in places]
    found += pairs
    found += islice(((user, domain) for user in users for domain in places), _LIMIT)
    # Nobody comes first: most values are like that one.  Then what no rule names, for it may stand for strangers.
    boxes = [NOBODY, *_guessed(guesses, places), *(_mailbox(user, domain) for user, domain in found)]
    return list(dict.fromkeys(each for each in boxes if each is not None)), is_complete


def _one_each(entries: dict, also: dict[str, int] | None = None) -> list:  # type: ignore[type-arg]
    """Return the first of the keys of *entries* that have the same value."""
    first: dict[object, object] = {}
    for key, mask in entries.items():
        first.setdefault((mask, also.get(key[1]) if also else None), key)
    return list(first.values())


def _mailbox(user: str, domain: str) -> Mailbox | None:
    try:
        return Mailbox.parse(f"{user}@{domain}", utf8=True)
    except AddressError:
        return None


def _guessed(guesses: Iterable[str], places: list[str]) -> Iterator[Mailbox | None]:
    """Yield addresses in which a text that a regular expression wants may be found."""
    for text in guesses:
        user, at, domain = text.rpartition("@")
        if at:
            yield _mailbox(user or NOBODY.local_part, domain or NOBODY.domain)
            yield _mailbox(f"x{user}", f"{domain}.invalid" if domain else NOBODY.domain)
            continue
        yield _mailbox(NOBODY.local_part, text)
        yield _mailbox(NOBODY.local_part, f"x{text}")
        yield _mailbox(NOBODY.local_part, f"{text.rstrip('.')}.invalid")
        yield from (_mailbox(text, place) for place in places[:16])
