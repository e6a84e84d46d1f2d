"""IP addresses as numbers, read as inet_pton(3) reads them.

By hand, because `ipaddress` and `socket` cost several milliseconds at import, and
``smtpdsl check`` of a small file must answer at once.
"""

from __future__ import annotations

import string

_GROUPS = 8
# 127.0.0.0/8
_LOOPBACK_NET = 127
_OCTETS = {str(octet): octet for octet in range(256)}


def ipv4_value(text: str) -> int | None:
    """Return the 32-bit value of a dotted quad, or None; an octet has no leading zeros."""
    # Every client's address comes through here, so it is four look-ups and not a parser.
    octets = [_OCTETS.get(octet, -1) for octet in text.split(".")]
    if len(octets) != 4 or -1 in octets:  # noqa: PLR2004 - the quad
        return None
    first, second, third, fourth = octets
    return first << 24 | second << 16 | third << 8 | fourth


def ipv6_value(text: str) -> int | None:
    """Return the 128-bit value of an IPv6 address (RFC 4291 §2.2), or None; a scope is no part of it."""
    head, double_colon, tail = text.partition("::")
    groups = _groups(head, is_last=not double_colon)
    after = _groups(tail, is_last=True)
    if groups is None or after is None:
        return None
    missing = _GROUPS - len(groups) - len(after)
    # A double colon stands for at least one group, as in every inet_pton.
    if missing < 1 if double_colon else missing:
        return None
    value = 0
    for group in (*groups, *[0] * missing, *after):
        value = value << 16 | group
    return value


def is_loopback(text: str) -> bool:
    """Whether *text*, with or without brackets, is an address that only this machine reaches (RFC 1122, RFC 4291)."""
    value = ipv4_value(text)
    if value is not None:
        return value >> 24 == _LOOPBACK_NET
    return ipv6_value(text.strip("[]").partition("%")[0]) == 1


def _groups(text: str, *, is_last: bool) -> list[int] | None:
    """Read the 16-bit groups between colons; the *last* two may be written as a dotted quad."""
    if not text:
        return []
    *words, final = text.split(":")
    groups: list[int] = []
    if "." in final:
        quad = ipv4_value(final) if is_last else None
        if quad is None:
            return None
        groups = [quad >> 16, quad & 0xFFFF]
    else:
        words.append(final)
    if not all(0 < len(word) <= len("ffff") and not word.strip(string.hexdigits) for word in words):
        return None
    return [int(word, 16) for word in words] + groups
