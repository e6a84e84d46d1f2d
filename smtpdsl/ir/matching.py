"""Every comparison of the language, written once.

    service     entry                     matches
    string      joe                       joe, JOE
    domain      *.example.org             mx.example.org; not a.mx.example.org, not example.org
    mailaddr    joe@*.example.org         joe+tag@mx.example.org
    netaddr     10/8                      10.1.2.3
    regex       ^mx[0-9]                  mx1.example.org

The case of letters never matters.  What an entry can never match, or matches
against its looks, is told by `ir.pattern_problem`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from smtpdsl.ir.network import parse_network
from smtpdsl.ir.table_file import Service

if TYPE_CHECKING:
    from smtpdsl.ir.regex import Regex

# More than any configuration has; a server that reloads tables for years must not keep all it ever saw.
_REGEXES_KEPT = 4096


def fold(text: str) -> str:
    """Return *text* in lower case, character by character: the form in which keys are compared.

    A character beyond ASCII never becomes an ASCII one: U+212A, the sign of the kelvin,
    is no ``k`` in a domain that decides where mail goes.
    """
    if text.isascii():
        return text.lower()
    return "".join(map(_fold_character, text))


def _fold_character(character: str) -> str:
    folded = character.lower()
    return folded if len(folded) == 1 and folded.isascii() == character.isascii() else character


def service_matches(service: Service, entry: str, key: str, delimiter: str) -> bool:
    """Whether a table asked for *key* as *service* answers with *entry*.

    Args:
        service: How the table is asked.
        entry: A key of the table, as written.  A regular expression that is none matches nothing.
        key: What the session says, in the form that the service compares.
        delimiter: What separates a user from the sub-address, one character.
    """
    match service:
        case Service.DOMAIN:
            return domain_matches(entry, key)
        case Service.MAILADDR:
            return mailaddr_matches(entry, key, delimiter)
        case Service.NETADDR:
            return netaddr_matches(entry, key)
        case Service.REGEX:
            regex = _usable_regex(entry)
            return regex is not None and regex.matches(key)
        case Service.AUTH:
            # A login and its password: the case of a password matters.
            return entry == key
        case _:
            return fold(entry) == fold(key)


@lru_cache(maxsize=_REGEXES_KEPT)
def _usable_regex(pattern: str) -> Regex | None:
    # Few configurations have one, and it needs `fold` from here.
    from smtpdsl.ir.regex import RegexError, compile_regex  # noqa: PLC0415

    try:
        return compile_regex(pattern)
    except RegexError:
        return None


def domain_matches(pattern: str, domain: str) -> bool:
    """Whether *domain* is what *pattern* describes.

    A star skips to the *first* character equal to the one after it, and what follows
    must be found there; nothing is tried again further on.  Several stars in a row are
    one.  At its end a pattern's star takes the rest, at least one character; nowhere
    does it match an empty domain.
    """
    pattern, domain = fold(pattern), fold(domain)
    literal, *starred = pattern.split("*")
    if not domain.startswith(literal):
        return False
    position = len(literal)
    for index, literal in enumerate(starred, 1):
        if not literal and index < len(starred):
            continue  # the star before another star
        if position == len(domain):
            return False
        position = domain.find(literal[0], position) if literal else len(domain)
        if position < 0 or not domain.startswith(literal, position):
            return False
        position += len(literal)
    return position == len(domain)


def mailaddr_matches(pattern: str, address: str, delimiter: str) -> bool:
    """Whether *address* is what *pattern* describes: ``user``, ``user@``, ``@domain`` or ``user@domain``.

    Args:
        pattern: An entry.  Its domain may hold stars, its user part may not.  A user part
            without *delimiter* matches the user with any sub-address.  ``@`` matches all.
        address: ``user@domain``, the user quoted as `Mailbox` prints it; ``@`` for the null reverse-path.
        delimiter: What separates a user from the sub-address, one character.
    """
    wanted_user, wanted_domain = split_mailaddr(fold(pattern))
    user, domain = split_mailaddr(fold(address))
    if wanted_domain and not domain_matches(wanted_domain, domain):
        return False
    if delimiter not in wanted_user:
        user = user.partition(delimiter)[0]
    return wanted_user in {"", user}


def split_mailaddr(text: str) -> tuple[str, str]:
    """Split at the last ``@`` into user and domain; a text without one is a user."""
    user, at, domain = text.rpartition("@")
    return (user, domain) if at else (text, "")


def netaddr_matches(entry: str, source: str) -> bool:
    """Whether *source* is *entry* literally, or an address in that network.

    Args:
        entry: A network, or a text to compare as it is: ``local``, a name, a scoped address.
        source: ``10.1.2.3``, ``[2001:db8::1]``, ``local``, ``[fe80::1%eth0]``.
    """
    if fold(entry) == fold(source):
        return True
    network, address = parse_network(entry), parse_network(source)
    return network is not None and address is not None and network.covers(address)
