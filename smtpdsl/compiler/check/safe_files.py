"""Files that are believed or kept secret: they can be read, and nobody else can change them, or look into a key."""

from __future__ import annotations

from smtpdsl.compiler.world import IS_DIRECTORY, Unavailable, World
from smtpdsl.diagnostics.codes import UNSAFE_FILE, UNUSABLE_CERTIFICATE
from smtpdsl.diagnostics.diagnostic import Report, Severity
from smtpdsl.ir.syntax import Word

# What others must not be able to do: write a certificate; read a key, or change it.
CERTIFICATE_MODE = 0o755
KEY_MODE = 0o740


def read_safely(word: Word, what: str, allowed_mode: int, world: World, report: Report) -> bytes | None:
    """Return the content of a file that must be safe; None, and a finding, if it cannot be read."""
    content, facts, path = world.read(word.text), world.facts(word.text), world.locate(word.text)
    if isinstance(content, Unavailable) or isinstance(facts, Unavailable):
        why = content if isinstance(content, Unavailable) else facts
        assert isinstance(why, Unavailable)
        message = f'cannot read the {what} "{path}": {why.reason}'
        report(UNUSABLE_CERTIFICATE.at(word.span, message, help=_unreadable_help(why)))
        return None
    wrong = ""
    if not world.is_trusted(facts.owner):
        wrong, help_text = f"belongs to user {facts.owner}", f"`chown root {path}`"
    elif facts.mode & ~allowed_mode & 0o777:
        done = "read or change" if what == "key" else "change"
        wrong, help_text = f"has mode {facts.mode:04o}: others may {done} it", f"`chmod {_mended(what)} {path}`"
    if wrong:
        severity = Severity.WARNING if world.is_test_bed else None
        message = f'the {what} "{path}" {wrong}'
        report(UNSAFE_FILE.at(word.span, message, help=help_text, severity=severity))
    return content


def _mended(what: str) -> str:
    return "0600" if what == "key" else "0644"


def _unreadable_help(why: Unavailable) -> str:
    if why.is_absent:
        return "name the file where it is, or create it before the server starts"
    if why.reason == IS_DIRECTORY:
        return "name the file in it"
    return "check as the user that starts the server, or with `--static` to leave files out"
