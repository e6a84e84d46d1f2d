"""`dkim-sign`: the keys can be read, nobody else can, and others believe what they sign.

Reports `unusable-certificate`, `unsafe-file` and `weak-key`.
"""

from __future__ import annotations

from smtpdsl.compiler.check.safe_files import KEY_MODE, read_safely
from smtpdsl.compiler.world import World
from smtpdsl.diagnostics.codes import UNUSABLE_CERTIFICATE, WEAK_KEY
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir.resolved import Ruleset
from smtpdsl.ir.syntax import Word


def check_dkim_keys(ruleset: Ruleset, world: World, report: Report) -> None:
    """Report keys with which nothing can be signed, or not for everybody."""
    for each in ruleset.settings.dkim_keys if not world.is_static else ():
        octets = read_safely(each.key, "key", KEY_MODE, world, report)
        if octets is not None:
            _check_key(each.key, world.locate(each.key.text), octets, report)


def _check_key(word: Word, path: str, octets: bytes, report: Report) -> None:
    from smtpdsl.mail.dkim_key import GOOD_BITS, DkimKeyError, read_key  # noqa: PLC0415 - slow, see there

    try:
        key = read_key(octets)
    except DkimKeyError as error:
        message = f'the key "{path}" cannot be used: {error}'
        report(UNUSABLE_CERTIFICATE.at(word.span, message, help=error.advice))
        return
    if key.is_short:
        message = f'the key "{path}" is short ({key.kind}), so some servers do not believe it'
        help_text = f"make one of {GOOD_BITS} bits, with a selector of its own: `smtpdsl dkim-key`"
        report(WEAK_KEY.at(word.span, message, help=help_text))
