"""`ciphers` and `protocols`: refused here when the TLS library would refuse them at start."""

from __future__ import annotations

from smtpdsl.compiler.resolve.values import read_word
from smtpdsl.diagnostics.codes import UNUSABLE_TLS_STRING
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir.resolved import Setting
from smtpdsl.ir.syntax import Word
from smtpdsl.ir.tls_strings import cipher_problem, parse_protocols


def check_ciphers(ciphers: Setting[str], report: Report) -> None:
    """Report a cipher string that chooses nothing; a default is not looked at."""
    if ciphers.span is not None and (problem := cipher_problem(ciphers.value)):
        help_text = 'leave `ciphers` out, or write "secure" or a list as `openssl ciphers` takes it'
        report(UNUSABLE_TLS_STRING.at(ciphers.span, problem, help=help_text))


def check_protocols(protocols: Word | None, report: Report) -> None:
    """Report a string that names no protocols."""
    if protocols is not None:
        read_word(protocols, parse_protocols, report, UNUSABLE_TLS_STRING)
