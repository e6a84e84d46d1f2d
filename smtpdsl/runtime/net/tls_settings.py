"""What `protocols`, `ciphers`, `dhe`, `pki` and `ca` set on a context of the TLS library.

    protocols "tlsv1.2"      ciphers "HIGH:!aNULL"      pki mail cert … key … dhe auto

What cannot be set is told in one sentence that names the file and the line of the configuration.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from smtpdsl.ir.resolved import Ca, Pki, Setting
from smtpdsl.ir.syntax import Word
from smtpdsl.ir.tls_strings import parse_protocols
from smtpdsl.runtime.net.tls_facts import CertificateFacts
from smtpdsl.runtime.net.tls_files import OWN_FILES, Files, as_path

Locate = Callable[[str], str]

# The lists of libtls, in the words of OpenSSL: without a forward-secret key exchange that also
# authenticates what it carries (AEAD) there is no "secure".
_AEAD = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"
_COMPAT = "HIGH:!aNULL"
_ALL = "ALL:!aNULL:!eNULL"
_CIPHERS = {
    "secure": _AEAD,
    "default": _AEAD,
    "compat": _COMPAT,
    "legacy": "HIGH:MEDIUM:!aNULL",
    "all": _ALL,
    "insecure": _ALL,
}

_VERSIONS = {
    "tlsv1.0": ssl.TLSVersion.TLSv1,
    "tlsv1.1": ssl.TLSVersion.TLSv1_1,
    "tlsv1.2": ssl.TLSVersion.TLSv1_2,
    "tlsv1.3": ssl.TLSVersion.TLSv1_3,
}
_WITHOUT = {"tlsv1.1": ssl.OP_NO_TLSv1_1, "tlsv1.2": ssl.OP_NO_TLSv1_2}
# Signed with SHA-1, which OpenSSL does only without its minimum of security.
_OLD = frozenset({"tlsv1.0", "tlsv1.1"})

# RFC 7919, as large as the key of the certificate is strong; `legacy` of libtls, 1024 bits, is no protection.
_GROUPS = {False: "ffdhe2048.pem", True: "ffdhe3072.pem"}

_KEY_PROBLEMS = {
    "KEY_VALUES_MISMATCH": "it does not belong to the certificate",
    "KEY_TYPE_MISMATCH": "it does not belong to the certificate",
    "EE_KEY_TOO_SMALL": "it is too short for the TLS library",
    "CA_MD_TOO_WEAK": "its certificate is signed with a hash that the TLS library does not accept",
    "UNKNOWN_CERTIFICATE_TYPE": "its kind cannot serve TLS",
}


class TlsSetupError(Exception):
    """Files or strings that TLS cannot be served with; the text is one sentence that names the line."""


class EncryptedKeyError(Exception):
    """The TLS library asks for a passphrase."""


def apply_strings(context: ssl.SSLContext, ciphers: Setting[str], protocols: Word | None) -> None:
    """Set what `ciphers` and `protocols` say, and what nobody has to say.

    Raises:
        TlsSetupError: The library knows none of the ciphers.
    """
    # A client that asks for handshake after handshake costs more than it pays; TLS 1.3 has no renegotiation either.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    versions = parse_protocols(protocols.text if protocols else "default")
    _apply_versions(context, versions)
    text = _CIPHERS.get(ciphers.value.lower(), ciphers.value)
    if versions & _OLD and "@SECLEVEL" not in text:
        text += ":@SECLEVEL=0"
    try:
        context.set_ciphers(text)
    except (ssl.SSLError, ValueError):
        place = f" ({ciphers.span.place})" if ciphers.span else ""
        message = f'cannot use the ciphers "{ciphers.value}"{place}: the TLS library knows none of them'
        raise TlsSetupError(message) from None


def _apply_versions(context: ssl.SSLContext, versions: frozenset[str]) -> None:
    wanted = sorted(versions)
    with warnings.catch_warnings():
        # Who wants an old one has written it.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = _VERSIONS[wanted[0]], _VERSIONS[wanted[-1]]
        for version, option in _WITHOUT.items():
            if version not in versions:
                context.options |= option


def apply_dhe(context: ssl.SSLContext, dhe: str, *, is_strong: bool = False) -> None:
    """Offer finite-field Diffie-Hellman in TLS 1.2, if *dhe* says so; *is_strong* as in `CertificateFacts`."""
    if dhe != "none":
        context.load_dh_params(str(Path(__file__).with_name(_GROUPS[is_strong and dhe == "auto"])))


def load_pair(context: ssl.SSLContext, pki: Pki, locate: Locate, files: Files = OWN_FILES) -> CertificateFacts:
    """Load the certificate and the key of *pki*, and return what the certificate says.

    Raises:
        TlsSetupError: One cannot be read or used, or they do not belong together.
    """
    from smtpdsl.runtime.net.tls_certificate import UnreadableCertificateError, read_pem  # noqa: PLC0415 - slow

    assert pki.cert is not None, "the compiler refuses an incomplete one"
    assert pki.key is not None, "the compiler refuses an incomplete one"
    chain = _read("certificate", pki.cert, locate, files)
    try:
        facts = read_pem(chain)
    except UnreadableCertificateError as error:
        _refuse("certificate", pki.cert, locate, str(error))
    try:
        # Read once, so that what is served is what has been looked at.
        with as_path(chain) as cert, as_path(_read("key", pki.key, locate, files)) as key:
            context.load_cert_chain(cert, key, password=_no_passphrase)
    except EncryptedKeyError:
        _refuse("key", pki.key, locate, "it is encrypted, and nobody is asked for its passphrase")
    except ssl.SSLError as error:
        _refuse(
            "key", pki.key, locate, _KEY_PROBLEMS.get(error.reason or "", "it holds no private key that can be read")
        )
    return facts


def load_authorities(
    context: ssl.SSLContext,
    ca: Ca | None,
    locate: Locate,
    files: Files = OWN_FILES,
    *,
    purpose: ssl.Purpose = ssl.Purpose.CLIENT_AUTH,
) -> None:
    """Believe who is named by *ca*, or by the system for *purpose*.

    Raises:
        TlsSetupError: The file cannot be read, or holds no certificate.
    """
    if ca is None:
        context.load_default_certs(purpose)
        return
    try:
        with as_path(_read("authority", ca.cert, locate, files)) as path:
            context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        _refuse("authority", ca.cert, locate, "it holds no certificate that can be read")


def authority_files(ca: Ca | None, locate: Locate) -> list[str]:
    """Return the file that `load_authorities` reads; of the system's, the bundle that it keeps up to date."""
    if ca is not None:
        return [locate(ca.cert.text)]
    bundle = ssl.get_default_verify_paths().cafile
    return [bundle] if bundle else []


def _read(what: str, word: Word, locate: Locate, files: Files) -> bytes:
    try:
        return files.read(locate(word.text))
    except OSError as error:
        _refuse(what, word, locate, (error.strerror or str(error)).lower())


def _no_passphrase() -> bytes:
    """Keep the library from asking on the terminal."""
    raise EncryptedKeyError


def _refuse(what: str, word: Word, locate: Locate, reason: str) -> NoReturn:
    message = f'cannot use the {what} "{locate(word.text)}" ({word.span.place}): {reason}'
    raise TlsSetupError(message) from None
