"""What an entry of a table must look like to serve what it is asked for.

    service        key                     value
    alias          joe, @example.org       targets, as `ir.alias_value` reads them
    credentials    login or label          a hash (listeners), user:password (relays)
    userinfo       login                   uid:gid:home
    source         192.0.2.1, [::1]
    addrname       192.0.2.1, [::1]        host name
    mailaddrmap    login                   patterns of mail addresses, separated by commas

Entries that are patterns are judged by `ir.pattern_problem` and `ir.regex`.  Nothing
here repeats a password or a hash: what is said ends up in logs.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from smtpdsl.ir.alias_value import TargetError, parse_targets, split_items
from smtpdsl.ir.host_name import host_name_problem
from smtpdsl.ir.matching import split_mailaddr
from smtpdsl.ir.number import read_number
from smtpdsl.ir.pattern_problem import EntryProblem, domain_pattern_problem, mailaddr_pattern_problem, network_problem
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.ip import ipv4_value, ipv6_value

if TYPE_CHECKING:
    from collections.abc import Callable

# uid_t and gid_t.
MAX_ID = 2**32 - 1

# The look-up fails for shorter ones.
_SHORTEST_CREDENTIALS = 3

# What crypt(3) writes: how it starts, and the length of what follows the last "$".
_HASH_LENGTHS = {
    ("$2a$", "$2b$", "$2x$", "$2y$"): 53,
    ("$1$", "$md5"): 22,
    ("$sha1$",): 28,
    ("$5$", "$y$", "$gy$", "$7$"): 43,
    ("$6$",): 86,
}
_HASH_CHARACTERS = string.ascii_letters + string.digits + "./"
_DES_LENGTH = 13
_EXTENDED_DES_LENGTH = 20
_MAKE_HASH = "make one with `smtpdsl encrypt`"


def entry_problem(service: Service, key: str, value: str | None) -> EntryProblem | None:
    """Say why an entry cannot serve *service*, or serves something else than it seems; None if neither.

    Values of credentials are for `listener_credentials_problem` and
    `relay_credentials_problem`, since the place of use decides; relay URLs have their
    own readers, one for each dialect.
    """
    if key_problem := _KEY_PROBLEMS.get(service):
        return key_problem(key)
    if mapping_problem := _MAPPING_PROBLEMS.get(service):
        return EntryProblem(message=f'expected a value for "{key}"') if value is None else mapping_problem(key, value)
    return None


def listener_credentials_problem(value: str) -> EntryProblem | None:
    """Say why nobody can log in with the hash *value*, which may follow a login and a colon."""
    login, colon, after = value.partition(":")
    if len(value) < _SHORTEST_CREDENTIALS or (colon and not (login and after)):
        return _wrong_value("expected a password hash, alone or after a login and a colon")
    secret = after if colon else value
    # passwd(5): an account is locked by a character that no hash starts with.
    if secret.startswith(("!", "*")) or _is_hash(secret):
        return None
    if secret.startswith("{SCRAM-SHA-256}"):
        return _scram_problem(secret)
    if secret.startswith("{"):
        scheme, _, rest = secret.partition("}")
        advice = f'remove "{scheme}}}"' if _is_hash(rest) else _MAKE_HASH
        return _wrong_value("expected a hash as crypt(3) writes it, found one with a scheme in braces", advice)
    if secret.startswith("$"):
        return _wrong_value("expected a hash as crypt(3) writes it, found one of an unknown kind or length", _MAKE_HASH)
    return _wrong_value("expected a password hash, found something else, perhaps the password itself", _MAKE_HASH)


def _scram_problem(secret: str) -> EntryProblem | None:
    # Few tables have such keys.
    from smtpdsl.ir.scram_keys import ScramKeysError, parse_scram_keys  # noqa: PLC0415

    try:
        parse_scram_keys(secret)
    except ScramKeysError as error:
        return _wrong_value(error.message, "make one with `smtpdsl encrypt --scram`")
    return None


def relay_credentials_problem(value: str) -> EntryProblem | None:
    """Say why a relay cannot authenticate with *value*, ``user:password``; without a colon the label is the user."""
    user, colon, password = value.partition(":")
    if len(value) < _SHORTEST_CREDENTIALS or (colon and not (user and password)):
        return _wrong_value('expected a user and a password with ":" between them')
    return None


def _is_hash(secret: str) -> bool:
    """Whether crypt(3) may have written *secret*."""
    if not secret.startswith("$"):
        # Traditional DES, and the extended one of BSDi.
        length = _EXTENDED_DES_LENGTH if secret.startswith("_") else _DES_LENGTH
        return len(secret) == length and not secret[1:].strip(_HASH_CHARACTERS)
    # argon2: its last field may have any length, and its salt too.
    if secret.startswith("$argon2"):
        return secret.count("$") == "$kind$version$costs$salt$hash".count("$")
    last = secret.rpartition("$")[2]
    lengths = (length for starts, length in _HASH_LENGTHS.items() if secret.startswith(starts))
    return len(last) == next(lengths, -1) and not last.strip(_HASH_CHARACTERS)


def _wrong_value(message: str, advice: str = "") -> EntryProblem:
    return EntryProblem(message=message, help=advice, in_value=True)


def _regex_problem(pattern: str) -> EntryProblem | None:
    # Few configurations have regular expressions.
    from smtpdsl.ir.regex import RegexError, compile_regex  # noqa: PLC0415

    try:
        compile_regex(pattern)
    except RegexError as error:
        return EntryProblem(message=error.message, help=error.help, start=error.start, end=error.end)
    return None


def _alias_key_problem(key: str) -> EntryProblem | None:
    """Say that a star in a key of aliases is no wildcard."""
    user, domain = split_mailaddr(key)
    if "*" in domain:
        message = f'no look-up asks for "{key}": the keys of aliases are compared without wildcards'
        return EntryProblem(message=message, help="give each domain an entry of its own")
    if "*" in user:
        message = f'"{key}" is only for a recipient of that name: the keys of aliases are compared without wildcards'
        advice = f'write "@{domain}" for everybody' + (" there" if domain else "") if user == "*" else ""
        return EntryProblem(message=message, help=advice, never_works=False)
    return None


def _alias_problem(key: str, value: str) -> EntryProblem | None:
    try:
        targets = parse_targets(value)
    except TargetError as error:
        return EntryProblem(message=error.message, help=error.help, in_value=True, start=error.start, end=error.end)
    return _alias_key_problem(key) if targets else _wrong_value("expected a target, found only commas")


def _userinfo_problem(_login: str, value: str) -> EntryProblem | None:
    uid, gid, home = [*value.split(":", 2), "", ""][:3]
    if value.count(":") < len(("uid:gid", "home")):
        return _wrong_value(f'expected "uid:gid:home", found "{value}"')
    for name, text in (("user", uid), ("group", gid)):
        if read_number(text.lstrip(), MAX_ID) is None:
            return _wrong_value(f'expected the number of a {name}, found "{text}"')
    if home and not home.startswith("/"):
        message = f'expected an absolute path as home directory, found "{home}"'
        return _wrong_value(message).replace(never_works=False)
    return None


def _source_problem(key: str) -> EntryProblem | None:
    if ipv4_value(key) is not None or _ipv6_and_scope(key) is not None:
        return None
    what = "a network" if "/" in key else f'"{key}"'
    return EntryProblem(message=f"expected an IP address to connect from, found {what}")


def _addrname_problem(key: str, value: str) -> EntryProblem | None:
    is_literal = value.startswith("[") and value.endswith("]")
    if is_literal and (ipv4_value(value[1:-1]) is not None or _ipv6_and_scope(value) is not None):
        return _addrname_key_problem(key)
    problem = host_name_problem(value)
    return _addrname_key_problem(key) or (_wrong_value(problem) if problem else None)


def _addrname_key_problem(key: str) -> EntryProblem | None:
    """Say why no local address is ever written like *key*."""
    if ipv4_value(key) is not None:
        return None
    parts = _ipv6_and_scope(key)
    if parts is None:
        return EntryProblem(message=f'expected an IP address, found "{key}"')
    # Needed for the few IPv6 keys only.
    from socket import AF_INET6, inet_ntop  # noqa: PLC0415

    value, scope = parts
    spelling = f"[{inet_ntop(AF_INET6, value.to_bytes(16, 'big'))}{scope}]"
    if key.lower() == spelling.lower():
        return None
    message = f'no look-up asks for "{key}": IPv6 addresses are looked up in brackets and in their shortest form'
    return EntryProblem(message=message, help=f'write "{spelling}"')


def _ipv6_and_scope(text: str) -> tuple[int, str] | None:
    """Read an IPv6 address, bare or in brackets; the scope is returned with its percent sign."""
    inside = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    inside = inside[5:] if inside[:5].lower() == "ipv6:" else inside
    address, percent, scope = inside.partition("%")
    value = ipv6_value(address)
    return None if value is None or (percent and not scope) else (value, percent + scope)


def _mailaddrmap_problem(_login: str, value: str) -> EntryProblem | None:
    try:
        items = tuple(split_items(value))
    except TargetError as error:
        return EntryProblem(message=error.message, in_value=True, start=error.start, end=error.end)
    for item in items:
        # "@" allows every address, and is how the manual says so.
        problem = None if item.text == "@" else mailaddr_pattern_problem(item.text)
        if problem is not None:
            return problem.replace(in_value=True, start=item.start, end=item.end)
    return None if items else _wrong_value("expected a pattern of mail addresses, found only commas")


_KEY_PROBLEMS: dict[Service, Callable[[str], EntryProblem | None]] = {
    Service.DOMAIN: domain_pattern_problem,
    Service.MAILADDR: mailaddr_pattern_problem,
    Service.NETADDR: network_problem,
    Service.REGEX: _regex_problem,
    Service.SOURCE: _source_problem,
}
_MAPPING_PROBLEMS: dict[Service, Callable[[str, str], EntryProblem | None]] = {
    Service.ADDRNAME: _addrname_problem,
    Service.ALIAS: _alias_problem,
    Service.MAILADDRMAP: _mailaddrmap_problem,
    Service.USERINFO: _userinfo_problem,
}
