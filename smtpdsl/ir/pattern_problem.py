"""What an entry can never match, or matches against its looks.

    .example.org            no domain starts with a dot
    joe@x@example.org       no user part holds an unquoted "@"
    [2001:db8::]/32         the length belongs inside the brackets
    *@example.org           matches only a user named "*"

`ir.matching` compares; this explains, for `check`.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from smtpdsl.ir.matching import domain_matches, fold, split_mailaddr
from smtpdsl.ir.network import IPV4_BITS, IPV6_BITS, Network, parse_network
from smtpdsl.ir.number import read_number
from smtpdsl.mail.address_syntax import (
    DOMAIN_CHARACTERS,
    MAX_LABEL_CHARACTERS,
    AddressError,
    parse_domain,
    parse_local_part,
    quote_local_part,
)
from smtpdsl.mail.ip import ipv4_value, ipv6_value
from smtpdsl.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a condition compares where a client has no name.
NO_REVERSE_NAME = "<unknown>"

# A text that holds one of these was probably meant as a regular expression.
_REGEX_SIGNS = frozenset("\\^$()[]|?+")
_LITERAL_CHARACTERS = frozenset(string.hexdigits + "*[].:IPVipv")


class EntryProblem(Record):
    """Why an entry of a table does not do what it seems to.

    `message` stands alone, starts lower-case and has no final stop; `help`, if any, says
    what to write instead.
    """

    message: str
    help: str = ""
    never_works: bool = True
    """Whether no use of the entry succeeds; otherwise it does something else than it seems."""
    in_value: bool = False
    """Whether the value is to blame, not the key."""
    start: int = 0
    end: int | None = None
    """The characters of the key or value to point at; without an end, all from the start on."""


def domain_pattern_problem(pattern: str) -> EntryProblem | None:
    """Say why no domain, address literal or ``<unknown>`` ever matches *pattern*; None if one may."""
    mistake = _domain_mistake(pattern)
    if mistake is None:
        return None
    return EntryProblem(message=f'no domain matches "{pattern}": {mistake}', help=_domain_advice(pattern))


def mailaddr_pattern_problem(pattern: str) -> EntryProblem | None:
    """Say what *pattern* can never match, or matches against its looks; None if neither."""
    user, domain = split_mailaddr(pattern)
    if not user and not domain:
        message = f'"{pattern}" matches every address, the null reverse-path included'
        advice = 'to match the null reverse-path alone use `regex` and "^@$"'
        return EntryProblem(message=message, help=advice, never_works=False)
    if pattern.startswith("<") and pattern.endswith(">"):
        message = f'no address matches "{pattern}": addresses are compared without "<" and ">"'
        return EntryProblem(message=message, help=_bracket_advice(pattern[1:-1]))
    if domain and (problem := domain_pattern_problem(domain)):
        return problem
    return _user_problem(pattern, user, domain) if user else None


def network_problem(text: str) -> EntryProblem | None:
    """Say why no client address ever matches *text*, or which network it means against its looks."""
    network = parse_network(text)
    if network is not None:
        return _short_form_problem(text, network)
    if _is_compared_as_text(text):
        return None
    mistake, better = next((mistake, better) for seen, mistake, better in _network_mistakes(text) if seen)
    usable = parse_network(better) is not None or _is_compared_as_text(better)
    message = f'no address matches "{text}": {mistake}'
    return EntryProblem(message=message, help=f'write "{better}"' if usable else "")


def _domain_mistake(pattern: str) -> str | None:
    """Say why *pattern* matches nothing.

    A star can always skip nothing, so the text around stars decides: the simplest
    domain that fits is built and read.  Patterns of address literals with stars are
    judged by their characters and their ends only.
    """
    if not pattern:
        return "expected a name, found nothing"
    if domain_matches(pattern, NO_REVERSE_NAME) or _fits_address_literal(pattern):
        return None
    try:
        parse_domain(_simplest_domain(pattern), utf8=True)
    except AddressError as error:
        return error.message
    return None


def _simplest_domain(pattern: str) -> str:
    """Build the shortest name that *pattern* matches, a domain if any name that it matches is one."""
    first, *starred = pattern.split("*")
    literals = [literal for literal in starred[:-1] if literal] + starred[-1:]
    name = first
    for literal in literals:
        name += _skipped(name, literal) + literal
    return name


def _skipped(before: str, after: str) -> str:
    """What a star between *before* and *after* has to skip so that the labels around it can be labels."""
    if not after:
        return "x"
    starts_label = not before or before.endswith(".")
    if starts_label:
        return "x" if after[0] in ".-" else ""
    label = len(before.rpartition(".")[2]) + len(after.partition(".")[0])
    if label <= MAX_LABEL_CHARACTERS or after[0] == ".":
        return ""
    return ".x" if after[0] == "-" else "."


def _fits_address_literal(pattern: str) -> bool:
    """Whether *pattern* with stars looks like one of address literals."""
    if "*" not in pattern or not set(pattern) <= _LITERAL_CHARACTERS or not set(pattern) & set("[]:"):
        return False
    inner = pattern.lstrip("*").removeprefix("[").rstrip("*").removesuffix("]")
    return pattern[0] in "*[" and pattern[-1] in "*]" and not set(inner) & set("[]")


def _domain_advice(pattern: str) -> str:
    name = pattern.rpartition("@")[2]
    better = f"*{name}" if name.startswith(".") else name.removesuffix(".")
    if better.strip("*.") and _domain_mistake(better) is None:
        return f'write "{better}"'
    if "#" in pattern:
        return "a comment needs a line of its own"
    if _REGEX_SIGNS & set(pattern.removeprefix("[").removesuffix("]")):
        return "a regular expression needs the word `regex`"
    return ""


def _bracket_advice(inside: str) -> str:
    return f'write "{inside}"' if inside else 'to match the null reverse-path use `regex` and "^@$"'


def _user_problem(pattern: str, user: str, domain: str) -> EntryProblem | None:
    try:
        spelling = quote_local_part(parse_local_part(user, utf8=True))
    except AddressError as error:
        advice = "a regular expression needs the word `regex`" if _REGEX_SIGNS & set(user) else ""
        return EntryProblem(message=f'no address matches "{pattern}": {error.message}', help=advice)
    if fold(spelling) != fold(user):
        message = f'no address matches "{pattern}": addresses are compared with no more quotes than they need'
        return EntryProblem(message=message, help=f'write "{spelling}{pattern[len(user) :]}"')
    if "*" in user:
        message = f'"{pattern}" matches only a user named "{user}": before "@" a star is a character like others'
        advice = f'write "@{domain}"' if user == "*" and domain else "for parts of a user name use `regex`"
        return EntryProblem(message=message, help=advice, never_works=False)
    if "@" not in pattern and "." in user:
        message = f'"{user}" matches a user of that name at any domain'
        advice = f'write "@{user}" for the domain, or "{user}@" for the user'
        return EntryProblem(message=message, help=advice, never_works=False)
    return None


def _short_form_problem(text: str, network: Network) -> EntryProblem | None:
    """Say which network a short form means if that is not how it looks.

    10 is 10.0.0.0/8 and 10.1 is 10.1.0.0/16, as anybody would read it; but by the
    classes that addresses had before CIDR 192.168 is 192.168.0.0/24.
    """
    octets = text.count(".") + 1
    if network.bits == IPV6_BITS or not text.replace(".", "").isdecimal() or network.prefix_length == 8 * octets:
        return None
    padded = text + ".0" * (IPV4_BITS // 8 - octets)
    message = f'"{text}" means {padded}/{network.prefix_length}'
    return EntryProblem(message=message, help=f'for all that start so write "{padded}/{8 * octets}"', never_works=False)


def _is_compared_as_text(text: str) -> bool:
    """Whether *text* is a source that is no plain address: the local socket, or an address with its scope."""
    address, percent, scope = text[1:-1].partition("%")
    is_scoped = text.startswith("[") and text.endswith("]") and percent and scope and "/" not in scope
    return fold(text) == "local" or bool(is_scoped and ipv6_value(address) is not None)


def _network_mistakes(text: str) -> Iterator[tuple[bool, str, str]]:
    """Yield what *text* may have been meant as: whether it looks so, what is wrong, and what to write instead."""
    address, _, length = text.partition("/")
    inner = address.removeprefix("[").removesuffix("]")
    is_ipv4 = ipv4_value(inner) is not None
    network = parse_network(inner)
    bits = network.bits if network else 0
    yield text.startswith("!"), "the negation belongs before the criterion", text[1:]
    yield is_ipv4 and address != inner, "brackets are for IPv6 addresses", text.replace("[", "").replace("]", "")
    yield "]/" in text, "the length of a prefix belongs inside the brackets", f"[{inner}/{length}]"
    yield "%" in text, "an address with a scope is compared as text, in brackets and alone", f"[{inner}]"
    yield "*" in text, "networks have no wildcards", _prefix_for_stars(text)
    yield is_ipv4 and "." in length, "a prefix has a length, not a mask", f"{inner}/{_mask_length(length)}"
    too_long = network is not None and length.isdecimal() and read_number(length, bits) is None
    yield too_long, f"expected a prefix of at most {bits} bits, found {length}", ""
    is_range = all(parse_network(end) for end in text.split("-")) and "-" in text
    yield is_range, "a range has to be written as prefixes, each an entry of its own", ""
    is_name = text and not text.strip(DOMAIN_CHARACTERS) and not text.replace(".", "").isdecimal()
    yield bool(is_name), "names are not looked up here", ""
    yield True, "expected an IP address, a prefix or `local`", ""


def _prefix_for_stars(text: str) -> str:
    """Write ``192.168.*`` and ``192.168.*.*`` as prefixes; the empty text if *text* is not so simple."""
    octets = text.removesuffix("*").rstrip("*.").split(".")
    prefix = ".".join(octets + ["0"] * (4 - len(octets)))
    return f"{prefix}/{8 * len(octets)}"


def _mask_length(mask: str) -> int:
    """The number of leading ones of *mask*; -1 if it is no mask."""
    value = ipv4_value(mask)
    ones = (value or 0).bit_count()
    return ones if value is not None and value == (1 << IPV4_BITS) - (1 << IPV4_BITS - ones) else -1
