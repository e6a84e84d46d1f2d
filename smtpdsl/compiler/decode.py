"""Octets of a file to text: UTF-8, with what is not UTF-8 kept as lone surrogates.

Such an octet does no harm in a comment, is reported by the parser where it stands in
quotes, and is a stray character elsewhere.  Reports `binary-file`.
"""

from __future__ import annotations

from smtpdsl.diagnostics.codes import BINARY_FILE
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.span import Source

_MARKS_OF_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def decode(name: str, octets: bytes, report: Report) -> Source | None:
    """Return the text of a file; None, and a finding, if it is no text."""
    at = octets.find(b"\0")
    if at < 0:
        return Source(name, octets.decode("utf-8", "surrogateescape"))
    whole = Source(name, "").whole()
    if octets.startswith(_MARKS_OF_UTF_16):
        report(BINARY_FILE.at(whole, f'"{name}" is text in UTF-16', help="save it as UTF-8"))
    else:
        message = f'"{name}" has a NUL at octet {at}, so it is no text'
        report(BINARY_FILE.at(whole, message, help="name a text file"))
    return None
