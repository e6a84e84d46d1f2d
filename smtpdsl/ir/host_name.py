"""Host names as the language writes them: names of pki and ca entries, hosts of relay URLs.

The name of a server somewhere else is not checked here: what a client says in EHLO
or what the DNS answers has rules of its own.
"""

from __future__ import annotations

import string

# RFC 1035 §2.3.4 as text: 255 octets on the wire leave 253 characters without the final dot.
MAX_NAME = 253
MAX_LABEL = 63

# RFC 1123 §2.1, and the underscore, which names of services and of many inner hosts hold.
_ALLOWED = frozenset(string.ascii_letters + string.digits + "-._")


def host_name_problem(text: str, *, wildcard: bool = False) -> str | None:
    """Say why *text* is no host name, or return None if it is one.

    Args:
        text: The name as written, without a final dot.
        wildcard: Whether ``*`` alone may stand for every name.
    """
    if wildcard and text == "*":
        return None
    if not text:
        return "expected a host name, found nothing"
    if stranger := next((character for character in text if character not in _ALLOWED), None):
        return f'expected only letters, digits, ".", "-" and "_" in a host name, found "{stranger}" in "{text}"'
    if len(text) > MAX_NAME:
        return f"expected a host name of at most {MAX_NAME} characters, found {len(text)}"
    return next(filter(None, (_label_problem(label, text) for label in text.split("."))), None)


def _label_problem(label: str, name: str) -> str | None:
    if not label:
        return f'expected a letter or a digit on both sides of every dot of "{name}"'
    if len(label) > MAX_LABEL:
        return f'expected labels of at most {MAX_LABEL} characters, but "{label}" has {len(label)}'
    if label.startswith("-") or label.endswith("-"):
        return f'expected a letter or a digit at both ends of "{label}", found a hyphen'
    return None
