r"""Replies to octets (RFC 5321 §4.2).

    Reply(code=250, lines=("mx", "SIZE"))   ->   b"250-mx\r\n250 SIZE\r\n"

Whatever a reply says, each line is printable ASCII of a length that every client can take.
"""

from __future__ import annotations

import re

from smtpdsl.mail.reply import Reply

# RFC 5321 §4.5.3.1.5: code, text and CRLF.
MAX_LINE_OCTETS = 512
_STRANGER = re.compile(r"[^ -~]")


def render(reply: Reply, max_line_octets: int = MAX_LINE_OCTETS) -> bytes:
    """Return *reply* as it is sent; its text is cut and cleaned where it has to be."""
    room = max_line_octets - len("\r\n")
    code, lines = reply.code, reply.lines or ("",)
    status = f"{reply.enhanced_status} " if reply.enhanced_status else ""
    text = _line(f"{code} {status}{lines[-1]}", room)
    if len(lines) > 1:
        text = "".join([_line(f"{code}-{status}{line}", room) for line in lines[:-1]]) + text
    return text.encode("ascii")


def _line(line: str, room: int) -> str:
    if not (line.isascii() and line.isprintable()):
        line = _STRANGER.sub("?", line)
    return f"{line[:room]}\r\n"
