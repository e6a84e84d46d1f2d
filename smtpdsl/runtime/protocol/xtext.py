"""xtext, in which the values of some parameters are written (RFC 3461 §4).

a+2Bb     a+b
"""

from __future__ import annotations

import re

from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.own_replies import bad_parameter

# xtext = *( xchar / hexchar )                                 RFC 3461 §4
# hexchar = "+" 2HEXDIG, in capitals; small ones are taken as well
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-Fa-f]{2})*")
_HEXCHAR = re.compile(r"\+(..)")


def decode_xtext(keyword: str, value: str, max_octets: int) -> str:
    """Undo xtext; what it stands for is printable (RFC 3461 §4), so no value ever carries a line end anywhere.

    Raises:
        RemoteProtocolError: *value*, which was given for *keyword*, is not that, or longer than *max_octets*.
    """
    if len(value) > max_octets:
        raise RemoteProtocolError(bad_parameter(f"Expected a shorter value for {keyword}"))
    if _XTEXT.fullmatch(value) is None:
        raise RemoteProtocolError(bad_parameter(f"Expected xtext for {keyword}, with +XX for each special character"))
    text = _HEXCHAR.sub(lambda found: chr(int(found[1], 16)), value)
    if not (text.isascii() and text.isprintable()):
        raise RemoteProtocolError(bad_parameter(f"Expected only printable ASCII characters for {keyword}"))
    return text
