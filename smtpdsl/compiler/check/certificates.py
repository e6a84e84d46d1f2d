"""`pki` and `ca`: the files exist, are safe, fit together, and name the right hosts.

Every entry is looked at, used or not, because OpenSMTPD loads them all.  Reports
`incomplete-pki`, `unusable-certificate`, `unsafe-file`, `key-mismatch`,
`expired-certificate` and `certificate-name`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtpdsl.compiler.check.safe_files import CERTIFICATE_MODE, KEY_MODE, read_safely
from smtpdsl.compiler.resolve.scope import name_span
from smtpdsl.compiler.world import World
from smtpdsl.diagnostics.codes import (
    CERTIFICATE_NAME,
    EXPIRED_CERTIFICATE,
    INCOMPLETE_PKI,
    KEY_MISMATCH,
    UNUSABLE_CERTIFICATE,
)
from smtpdsl.diagnostics.diagnostic import Related, Report, Severity
from smtpdsl.ir.resolved import Listener, Pki, Ruleset
from smtpdsl.ir.syntax import Dialect, Word

if TYPE_CHECKING:
    from smtpdsl.compiler.check.pem import Certificate

_DAY = 24 * 3600
_NAMES_SHOWN = 4


def check_certificates(ruleset: Ruleset, world: World, report: Report) -> None:
    """Report what keeps a certificate, key or authority from being used, or from being believed."""
    for pki in ruleset.pkis.values():
        if not ruleset.is_partial:
            _check_complete(pki, ruleset.dialect, report)
        if not world.is_static:
            _check_pki(pki, ruleset, world, report)
    if not world.is_static:
        for ca in ruleset.cas.values():
            _check_authority(ca.cert, world, report)
        for issuer in ruleset.settings.oauth_issuers:
            _check_key_set(issuer.key, world, report)


def _check_complete(pki: Pki, dialect: Dialect, report: Report) -> None:
    cert_word = "cert" if dialect is Dialect.MODERN else "certificate"
    missing = [word for word, given in ((cert_word, pki.cert), ("key", pki.key)) if given is None]
    if missing:
        message = f'pki "{pki.name}" has no {" and no ".join(f"`{word}`" for word in missing)}'
        help_text = f"add: `pki {pki.name} {' '.join(f'{word} FILE' for word in missing)}`"
        report(INCOMPLETE_PKI.at(name_span(pki.span, pki.name), message, help=help_text))


def _check_authority(word: Word, world: World, report: Report) -> None:
    content = read_safely(word, "authority", CERTIFICATE_MODE, world, report)
    if content is not None and b"CERTIFICATE-----" not in content:
        message = f'the authority "{world.locate(word.text)}" cannot be used: it holds no certificate'
        report(UNUSABLE_CERTIFICATE.at(word.span, message, help="it has to be PEM: `-----BEGIN CERTIFICATE-----` …"))


def _check_key_set(word: Word, world: World, report: Report) -> None:
    content = read_safely(word, "key set", CERTIFICATE_MODE, world, report)
    if content is not None and not _is_key_set(content):
        message = f'the key set "{world.locate(word.text)}" cannot be used: it is not JSON with `keys` in it'
        report(UNUSABLE_CERTIFICATE.at(word.span, message, help="save what the `jwks_uri` of the issuer answers"))


def _is_key_set(content: bytes) -> bool:
    import json  # noqa: PLC0415 - few configurations have one

    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("keys"), list)


# ---------------------------------------------------------------- certificate and key


def _check_pki(pki: Pki, ruleset: Ruleset, world: World, report: Report) -> None:
    cert = read_safely(pki.cert, "certificate", CERTIFICATE_MODE, world, report) if pki.cert else None
    key = read_safely(pki.key, "key", KEY_MODE, world, report) if pki.key else None
    chain = _certificates(pki.cert, cert, world, report) if pki.cert and cert is not None else None
    public_key = _public_key(pki.key, key, world, report) if pki.key and key is not None else None
    if pki.cert is None or not chain:
        return
    if public_key is not None and pki.key is not None and public_key != chain[0].public_key:
        _mismatch(pki.cert, pki.key, any(public_key == each.public_key for each in chain), world, report)
    _check_time(pki.cert, chain[0], world, report)
    _check_names(pki, pki.cert, chain[0], ruleset, world, report)


def _certificates(word: Word, content: bytes, world: World, report: Report) -> tuple[Certificate, ...]:
    from smtpdsl.compiler.check.pem import PemError, read_certificates  # noqa: PLC0415 - slow, see there

    try:
        return read_certificates(content)
    except PemError as error:
        message = f'the certificate "{world.locate(word.text)}" cannot be used: {error.message}'
        report(UNUSABLE_CERTIFICATE.at(word.span, message, help=error.advice))
        return ()


def _public_key(word: Word, content: bytes, world: World, report: Report) -> bytes | None:
    from smtpdsl.compiler.check.pem import EncryptedKeyError, PemError, read_public_key  # noqa: PLC0415 - as above

    path = world.locate(word.text)
    try:
        return read_public_key(content)
    except EncryptedKeyError:
        message = f'the key "{path}" is encrypted, and `smtpdsl run` asks nobody for its passphrase'
        help_text = f"`openssl pkey -in {path} -out NEW` writes it without one"
        report(UNUSABLE_CERTIFICATE.at(word.span, message, help=help_text, severity=Severity.WARNING))
    except PemError as error:
        message = f'the key "{path}" cannot be used: {error.message}'
        report(UNUSABLE_CERTIFICATE.at(word.span, message, help=error.advice))
    return None


def _mismatch(cert: Word, key: Word, is_later: bool, world: World, report: Report) -> None:  # noqa: FBT001 - a fact
    key_path, cert_path = world.locate(key.text), world.locate(cert.text)
    message = f'the key "{key_path}" does not belong to the certificate "{cert_path}"'
    help_text = "name the two files that were made together"
    if is_later:
        message = f'the key "{key_path}" belongs to a later certificate of "{cert_path}", not to the first one'
        help_text = "put the server's own certificate first, then the ones that lead to its authority"
    report(KEY_MISMATCH.at(key.span, message, related=(Related(cert.span, "the certificate"),), help=help_text))


def _check_time(cert: Word, certificate: Certificate, world: World, report: Report) -> None:
    now, path = world.now(), world.locate(cert.text)
    if now > certificate.not_after:
        days = int((now - certificate.not_after) // _DAY)
        ago = f"{days} days ago" if days > 1 else "a day ago" if days else "today"
        message = f'the certificate "{path}" expired {ago}'
        report(EXPIRED_CERTIFICATE.at(cert.span, message, help="renew it; clients that verify do not deliver"))
    elif now < certificate.not_before:
        message = f'the certificate "{path}" is not valid yet'
        report(EXPIRED_CERTIFICATE.at(cert.span, message, help="look at the clock of this machine"))


def _check_names(
    pki: Pki, cert: Word, certificate: Certificate, ruleset: Ruleset, world: World, report: Report
) -> None:
    """Compare whom the certificate names with what its listeners are called.

    Clients compare with the name that they connect to.  Where the file names neither a
    listener nor, with a dot, the pki, nothing tells what that is.
    """
    users = [each for each in ruleset.listeners if pki in each.pki]
    if not users or any(each.hostnames is not None and not each.hostnames.is_known for each in users):
        return
    wanted = {name.lower() for each in users for name in _names_of(each)} | {pki.name}
    # A short name is a name only inside of a network; no certificate has it.
    wanted = {name for name in wanted if "." in name}
    usable = wanted | {ruleset.server_name.lower()}
    if not wanted or any(_covers(pattern.lower(), name) for pattern in certificate.names for name in usable):
        return
    named = ", ".join(certificate.names[:_NAMES_SHOWN]) or "nobody"
    named += ", …" if len(certificate.names) > _NAMES_SHOWN else ""
    expected = " or ".join(sorted(wanted)[:_NAMES_SHOWN])
    message = f'the certificate "{world.locate(cert.text)}" is for {named}, not for {expected}'
    related = tuple(Related(each.hostname.span, "what the listener is called") for each in users if each.hostname.span)
    help_text = "give the listener a `hostname` that the certificate names, or get one for that name"
    report(CERTIFICATE_NAME.at(cert.span, message, related=related, help=help_text))


def _names_of(listener: Listener) -> list[str]:
    by_address = listener.hostnames.entries if listener.hostnames else ()
    written = [listener.hostname.value] if listener.hostname.span else []
    return [*written, *(each.value for each in by_address if each.value)]


def _covers(pattern: str, name: str) -> bool:
    """RFC 6125 §6.4.3: a star is the whole first label, and stands for one label."""
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return pattern == name
