"""The header section of a message, as far as a server has to look at it (RFC 5322 §2.1, §2.2).

    Received: from a by b          a field
    <TAB>for c; Mon, 1 Jan 2026    its continuation
    Subject: hello
                                   the empty line that ends the section

Lines end in LF, as mail data is kept.
"""

from __future__ import annotations

import re

# A field begins in the first column and has a colon somewhere; its continuations begin with a blank.  More than
# RFC 5322 allows in a name is taken, as everywhere; atomic, so that a long header costs no second look.  (Python
# 3.11.2, which Debian 12 has, goes wrong where a possessive group fails in its midst, and here it may.)
_FIELDS = re.compile(rb"(?>(?:[^\s:][^\n:]*+:[^\n]*+\n(?>(?:[ \t][^\n]*+\n)*))*)")
_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)


def header_end(content: bytes) -> int:
    """Return where the header section of *content* ends, the empty line not counted; -1 if that line is not there."""
    if content.startswith(b"\n"):
        return 0
    place = content.find(b"\n\n")
    return place + 1 if place >= 0 else -1


def is_well_formed(header: bytes) -> bool:
    """Whether *header*, of whole lines, is nothing but fields; an empty one is."""
    return _FIELDS.fullmatch(header) is not None


def has_passed(header: bytes, servers: int) -> bool:
    """Whether at least so many *servers* say that they had the message."""
    # Most messages do not even have the word so often, and that is known much sooner.
    return header.lower().count(b"received") >= servers and len(_RECEIVED.findall(header)) >= servers
