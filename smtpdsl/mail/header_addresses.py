r"""The address lists of header fields, as octets: where an address stands, and whether it lacks a domain.

    Joe <joe>, ann (at home), "Sue" <sue@b.example>, Team: kim, lee;
         ^^^   ^^^                   ^^^^^^^^^^^^^         a group has no addresses here

RFC 5322 §3.4, read by one expression.  Nothing is changed here, and what cannot be understood
is no address: whoever edits a field touches what certainly is one, and nothing else.  Octets
beyond ASCII are letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# Groups that may fail in their midst are atomic, not possessive, as in header.py.
# FWS, as it comes in a field that is still folded
_BLANKS = r"[ \t\r\n]++"
# quoted-string
_QUOTED = r'"(?>(?:[^"\\]++|\\.)*)"'
# comment; four deep, and one that is deeper is not understood
_COMMENT = r"\((?>(?:[^()\\]++|\\.)*)\)"
for _ in range(3):
    _COMMENT = rf"\((?>(?:[^()\\]++|\\.|{_COMMENT})*)\)"
# CFWS, if there is any
_C = rf"(?>(?:{_BLANKS}|{_COMMENT})*)"
# domain-literal, and words with their dots
_LITERAL = r"\[[^\[\]\\\r\n]*+\]"
_LETTER = r"[^\x00-\x20\x7f()<>\[\]:;@\\,\".]"
_WORD = rf"(?>(?:{_LETTER}|\.)+)"
# local-part = dot-atom / quoted-string; not an encoded word, which is a part of a name whose comma nobody has quoted
_LOCAL_PART = rf"(?:(?!=\?){_LETTER}++(?>(?:\.{_LETTER}++)*)|{_QUOTED})"
# addr-spec, whose domain may be missing
_ADDRESS = rf"(?P<{{0}}>{_LOCAL_PART}(?>(?P<{{0}}_domain>{_C}@{_C}(?:{_WORD}|{_LITERAL}))?))"
# name-addr = [display-name] angle-addr; in the name more is taken than there may be
_PHRASE = rf"(?>(?:{_BLANKS}|{_COMMENT}|{_QUOTED}|{_WORD}|@)*)"
_NAMED = rf"{_PHRASE}<{_C}{_ADDRESS.format('named')}{_C}>{_C}"
# group, which takes what is left of the list if it has no end
_GROUP = rf":(?>(?:{_COMMENT}|{_QUOTED}|[^;(\"])*);?"
_UNKNOWN = rf"(?>(?:{_COMMENT}|{_QUOTED}|{_LITERAL}|<[^<>,(\"]*+>|{_GROUP}|[^,(\"])*)"
_ELEMENT = re.compile(
    rf"(?:(?P<nothing>{_C})|{_C}{_ADDRESS.format('alone')}{_C}|{_NAMED})(?=,|\Z)|(?P<unknown>{_UNKNOWN})(?=,|\Z)".encode(),
    re.DOTALL,
)
# What most fields have: a single address, and it has its domain.
_PLAIN = r"[A-Za-z0-9.=+_-]++@[A-Za-z0-9.-]++"
COMPLETE = rf"[ \t]*+(?:{_PLAIN}|[A-Za-z0-9 \t]*+<{_PLAIN}>)[ \t\r\n]*+".encode()
_COMPLETE = re.compile(COMPLETE)

# A list of more than this is not read: no honest client leaves domains out of one, and others wait meanwhile.
MAX_OCTETS = 64 * 1024
MAX_ELEMENTS = 4000


class Address(NamedTuple):
    """The octets of an address in a value, without brackets: *start* up to, not including, *end*."""

    start: int
    end: int
    has_domain: bool


def missing_domains(value: bytes) -> list[int]:
    """Return the places in *value*, the body of a field, where an address ends that lacks ``@`` and a domain."""
    if _COMPLETE.fullmatch(value):
        return []
    return [each.end for each in _elements(value) if each is not None and not each.has_domain]


def only_address(value: bytes) -> Address | None:
    """Return the address of *value* if that is a list of one, and everything else in it belongs to the address."""
    match _elements(value):
        case [Address() as found]:
            return found
    return None


def _elements(value: bytes) -> list[Address | None]:
    """Return the elements of a list, None for those that are no address; none at all if it cannot be read."""
    if len(value) > MAX_OCTETS or value.count(b",") >= MAX_ELEMENTS:
        return []
    found = list(_matches(value))
    if found[-1] is None:
        return []
    return [_address(each) for each in found if each is not None and each["nothing"] is None]


def _matches(value: bytes) -> Iterator[re.Match[bytes] | None]:
    """Yield the elements between the commas; None is the last one of a list that cannot be read to its end."""
    position = 0
    while position <= len(value):
        found = _ELEMENT.match(value, position)
        yield found
        if found is None:
            return
        position = found.end() + 1


def _address(found: re.Match[bytes]) -> Address | None:
    if found["unknown"] is not None:
        return None
    name = "alone" if found["alone"] is not None else "named"
    return Address(*found.span(name), has_domain=found[f"{name}_domain"] is not None)
