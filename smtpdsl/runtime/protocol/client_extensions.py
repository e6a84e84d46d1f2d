"""What a server says in its answer to EHLO (RFC 5321 §4.1.1.1).

    250-mx.example                  Extensions({"SIZE": "36700160", "PIPELINING": ""})
    250-SIZE 36700160
    250 pipelining

A line that is no keyword is passed over: it offers nothing that could be used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from smtpdsl.runtime.protocol.replies import ReceivedReply

# ehlo-line = ehlo-keyword *( SP ehlo-param );  ehlo-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?: +(.*))?")
# size-param = 1*20DIGIT                        RFC 1870 §5
_SIZE = re.compile(r"0*([1-9][0-9]{0,19})")


class Extensions(NamedTuple):
    """The extensions that a server offers: keywords in upper case, and their parameters as one text."""

    keywords: Mapping[str, str]

    def offers(self, keyword: str) -> bool:
        """Whether *keyword*, in upper case, is among them."""
        return keyword in self.keywords

    def without(self, keyword: str) -> Extensions:
        """Return them as if *keyword* had not been offered."""
        return Extensions({name: value for name, value in self.keywords.items() if name != keyword})

    @property
    def max_message_octets(self) -> int | None:
        """The longest message that the server takes; None if it does not say (RFC 1870 §4)."""
        found = _SIZE.fullmatch(self.keywords.get("SIZE", "").strip())
        return int(found[1]) if found else None


# After HELO, or before anything was said.
NO_EXTENSIONS = Extensions({})


def read_extensions(reply: ReceivedReply) -> Extensions:
    """Read the answer to EHLO; its first line is the server's name."""
    found = filter(None, map(_LINE.fullmatch, reply.lines[1:]))
    return Extensions({match[1].upper(): match[2] or "" for match in found})
