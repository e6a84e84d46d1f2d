"""Certificates, authorities and peers for tests of TLS; nothing here leaves this machine.

folder = TlsFolder(tmp_path)
folder.pair("mail", "mx.example.org")               mail.crt, mail.key: its own authority
authority = folder.authority("ca")                  ca.crt
folder.pair("joe", "joe", by=authority, emails=("joe@example.org",))
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from smtpdsl.ir.resolved import Listener
from tests.worlds import compile_text

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

KEYS: dict[str, Callable[[], PrivateKey]] = {
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


class Files(NamedTuple):
    """A certificate and its key: as files, and as values."""

    cert: Path
    key: Path
    certificate: x509.Certificate
    private: PrivateKey


class TlsFolder:
    """A folder of certificates and keys."""

    def __init__(self, folder: Path) -> None:
        """Make files in *folder*."""
        self.folder = folder

    def authority(self, name: str) -> Files:
        """Make an authority that others can be signed *by*."""
        return self.pair(name, name, is_authority=True)

    def pair(
        self,
        name: str,
        *hosts: str,
        kind: str = "ecdsa",
        by: Files | None = None,
        emails: tuple[str, ...] = (),
        starts: int = -1,
        days: int = 90,
        is_authority: bool = False,
    ) -> Files:
        """Make a certificate for *hosts*, and write it and its key to files called *name*.

        It holds for *days*, from *starts* days after now.
        """
        private = KEYS[kind]()
        certificate = _certificate(private, hosts, by, emails, starts, days, is_authority=is_authority)
        files = Files(self.folder / f"{name}.crt", self.folder / f"{name}.key", certificate, private)
        write_pair(files)
        return files

    def listener(self, *names: str, options: str = "tls", settings: str = "") -> Listener:
        """Compile a listener that has the pairs called *names*; in *settings* ``FOLDER`` is this folder.

        Whatever `check` has to say about files, the server has to say it too if it is started.
        """
        pkis = "".join(f'pki {each} cert "FOLDER/{each}.crt" key "FOLDER/{each}.key"\n' for each in names)
        used = " ".join(f"pki {each}" for each in names)
        text = f"{pkis}{settings}listen on 127.0.0.1 port 2525 {options} {used}\nmatch from any for any reject\n"
        return compile_text(text.replace("FOLDER", str(self.folder))).ruleset.listeners[0]


def write_pair(files: Files) -> None:
    """Put certificate and key where *files* says, each by renaming."""
    octets = files.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    replace_file(files.cert, files.certificate.public_bytes(serialization.Encoding.PEM))
    replace_file(files.key, octets)


def replace_file(path: Path, octets: bytes) -> None:
    """Write *octets* beside *path*, and rename: nobody sees half of them."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(octets)
    beside.chmod(0o600)
    beside.replace(path)


def _certificate(
    private: PrivateKey,
    hosts: tuple[str, ...],
    by: Files | None,
    emails: tuple[str, ...],
    starts: int,
    days: int,
    *,
    is_authority: bool,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    first = datetime.now(UTC) + timedelta(days=starts)
    named: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    named += [x509.RFC822Name(email) for email in emails]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(first + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(named), critical=False)
    )
    signer = by.private if by else private
    return builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256())


class Journal:
    """A log that is kept."""

    def __init__(self) -> None:
        """Be empty."""
        self.infos: list[str] = []
        self.warnings: list[str] = []

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Expect none."""
        message = f"{subject} {name} {dict(values)}"
        raise AssertionError(message)

    def info(self, text: str) -> None:
        """Keep *text*."""
        self.infos.append(text)

    def warn(self, text: str) -> None:
        """Keep *text*."""
        self.warnings.append(text)


class Clock:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.time = 1000.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.time


def client_context(
    authority: Path | None = None,
    *,
    certificate: Files | None = None,
    versions: tuple[ssl.TLSVersion, ssl.TLSVersion] = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3),
    ciphers: str = "",
) -> ssl.SSLContext:
    """Make a client's context; it believes *authority*, or anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = authority is not None
    context.verify_mode = ssl.CERT_REQUIRED if authority else ssl.CERT_NONE
    if authority:
        context.load_verify_locations(authority)
    if certificate:
        context.load_cert_chain(certificate.cert, certificate.key)
    if ciphers:
        context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        # Old ones are refused, and somebody has to try.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = versions
    return context
