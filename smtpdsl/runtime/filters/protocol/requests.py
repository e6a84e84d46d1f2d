"""What a filter program is told and asked, as lines.

    report|0.7|1576146008.006099|smtp-in|tx-begin|7641df9771b4ed00|1ef1c203
    filter|0.7|1576146008.006099|smtp-in|ehlo|7641df9771b4ed00|86fe1a2b3c4d5e6f|client.example

A field in the middle that has a ``|`` would shift those behind it; such a character becomes ``?``.
No field can end a line.
"""

from __future__ import annotations

from smtpdsl.runtime.filters.protocol.versions import Version

_LINE_ENDS = str.maketrans({"\n": " ", "\r": None, "\0": "?"})
_MIDDLE = str.maketrans({"\n": " ", "\r": None, "\0": "?", "|": "?"})


def report(version: Version, moment: float, session: str, event: str, *fields: str) -> bytes:
    """Return the line that tells *event* of *session*, at *moment* (seconds since 1970)."""
    return _line(f"report|{version}|{moment:.6f}|smtp-in|{event}|{session}", fields)


def question(version: Version, moment: float, phase: str, session: str, token: str, *fields: str) -> bytes:
    """Return the line that asks what to do in *phase* of *session*; the answer has the *token*.

    There is a field behind the token, if only an empty one.
    """
    return _line(f"filter|{version}|{moment:.6f}|smtp-in|{phase}|{session}|{token}", fields or ("",))


def data_lines(head: bytes, lines: list[bytes]) -> bytes:
    """Return the requests for *lines* of mail data; *head* is what `data_line_head` made."""
    return b"".join([head + line + b"\n" for line in lines])


def data_line_head(version: Version, moment: float, session: str, token: str) -> bytes:
    """Return what stands in front of each line of a message."""
    return f"filter|{version}|{moment:.6f}|smtp-in|data-line|{session}|{token}|".encode()


def _line(head: str, fields: tuple[str, ...]) -> bytes:
    if not fields:
        return head.encode() + b"\n"
    *others, last = fields
    middle = "".join(f"|{each.translate(_MIDDLE)}" for each in others)
    return f"{head}{middle}|{last.translate(_LINE_ENDS)}\n".encode("utf-8", "surrogateescape")


# ---------------------------------------------------------------- what differs between versions


def login_fields(version: Version, login: str, result: str) -> tuple[str, str]:
    """Return the fields of ``link-auth``."""
    # In the middle, a login could take the place of the result.
    encoded = "".join(each if "!" <= each <= "~" and each not in "\\|" else _octal(each) for each in login)
    return (result, encoded) if version.has_result_before_user else (encoded, result)


def _octal(character: str) -> str:
    """Write *character* as vis(3) does: a backslash and three digits for each octet."""
    return "".join(f"\\{octet:03o}" for octet in character.encode("utf-8", "surrogateescape"))


def path_fields(version: Version, message: str, address: str, result: str) -> tuple[str, str, str]:
    """Return the fields of ``tx-mail`` and ``tx-rcpt``."""
    return (message, result, address) if version.has_result_before_address else (message, address, result)
