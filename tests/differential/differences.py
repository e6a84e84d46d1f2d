"""Where OpenSMTPD 6.8 does something else with an envelope, on purpose, and the words of docs/compatibility.md for it.

An envelope that is not here is treated alike, and one that is here is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Reason(NamedTuple):
    """Why."""

    text: str
    quoted: str
    """What the document says about it, blanks collapsed."""


_TLS = Reason("6.8 cannot ask whether a session is secured.", "Cannot ask: a recipient that reaches the rule gets 451.")
_BACKSLASH = Reason(
    "6.8 turns regular expressions to lower case, and `\\S` into `\\s`.",
    "Turns the expression to lower case, and `\\S` into `\\s`.",
)
_LITERAL = Reason(
    "6.8 has its IPv4 addresses in brackets among the local domains, 7.8 has not.", "which address literals are local"
)
_TWICE = Reason(
    "Who is reached twice gets one copy.",
    "Who is reached twice, through names or through addresses, gets one copy.",
)
_EVERY_FORWARD = Reason(
    "6.8 reads the .forward of every recipient although another account delivers; 7.8 does not.",
    "and reads the .forward of every recipient",
)
_LATER = Reason(
    "Who owns a .forward can mend it, so mail waits: 451 in place of 524.",
    "A `.forward` that cannot be used is its owner's to mend, so mail for them waits (451)",
)
_ROOT = Reason("Nothing runs as root.", "Commands and files of root's `.forward` are refused for now")
_UNREADABLE = Reason("A .forward is read in its owner's name.", "one that its owner may not read")
_OWN_COPY = Reason(
    "One's own name with a sub-address asks for a copy too.",
    "Who names themselves in their `.forward` with a sub-address keeps a copy there",
)
_ADDRESS = Reason(
    "6.8 cuts what it does not understand at the `@`, and delivers to a user of this host.",
    "Does not take this for an address and delivers to the local user joe.",
)
_QUOTED_MEMBER = Reason("6.8 takes no quotes in aliases either.", "An address in an alias may have a quoted local part")
_GETS_QUOTES = Reason("It is the same address.", "a local part that needs quotes gets them")
_QUOTED = Reason("6.8 takes no quotes.", "quoted local parts are taken")

DIFFERENCES: Mapping[str, Mapping[str, Reason]] = {
    "12-tls": {
        "away joe@away.example -> ann@secure.example": _TLS,
        "away tls joe@away.example -> ann@secure.example": _TLS,
        "away joe@away.example -> ann@open.example": _TLS,
        "away tls joe@away.example -> ann@open.example": _TLS,
    },
    "13-regular-expressions": {
        "away joe@spam.example -> ann@space.example": _BACKSLASH,
        "away sss@spam.example -> ann@space.example": _BACKSLASH,
    },
    "15-address-literals": {
        "away joe@away.example -> ann@[127.0.0.1]": _LITERAL,
        "away joe@away.example -> ann@[192.0.2.1]": _LITERAL,
    },
    "18-alias-loops": {
        "away joe@away.example -> twice@here.example": _TWICE,
    },
    "26-another-user": {
        "away joe@away.example -> ben@here.example": _EVERY_FORWARD,
        "away joe@away.example -> team@here.example": _EVERY_FORWARD,
    },
    "29-forward-files": {
        "away joe@away.example -> a3@here.example": _LATER,
    },
    "30-unsafe-forward-files": {
        "away joe@away.example -> a1@here.example": _LATER,
        "away joe@away.example -> a2@here.example": _LATER,
        "away joe@away.example -> a3@here.example": _LATER,
        "away joe@away.example -> a4@here.example": _LATER,
        "away joe@away.example -> a5@here.example": _LATER,
        "away joe@away.example -> a6@here.example": _LATER,
        "away joe@away.example -> a8@here.example": _LATER,
        "away joe@away.example -> a9@here.example": _UNREADABLE,
        "away joe@away.example -> root@here.example": _ROOT,
    },
    "34-quoted-local-parts": {
        'away joe@away.example -> "ann"@here.example': _QUOTED,
        'away joe@away.example -> "a.b"@here.example': _QUOTED,
        'away "joe"@away.example -> ann@here.example': _QUOTED,
    },
    "38-forward-members": {
        "away joe@away.example -> b2@here.example": _OWN_COPY,
        "away joe@away.example -> b2+tag@here.example": _OWN_COPY,
        "away joe@away.example -> b6@here.example": _LATER,
        "away joe@away.example -> b8@here.example": _OWN_COPY,
    },
    "39-odd-targets": {
        "away joe@away.example -> underscore@here.example": _ADDRESS,
        "away joe@away.example -> literal@here.example": _ADDRESS,
        "away joe@away.example -> twice@here.example": _QUOTED_MEMBER,
        "away joe@away.example -> dots@here.example": _GETS_QUOTES,
        "away joe@away.example -> route@here.example": _TWICE,
    },
    "40-many-actions": {
        "away joe@away.example -> all@one.example": _TWICE,
        "away joe@away.example -> all+tag@one.example": _TWICE,
        "away joe@away.example -> anybody@three.example": _TWICE,
    },
}
