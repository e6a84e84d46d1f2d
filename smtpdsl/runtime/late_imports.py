"""Modules that are imported when they are first needed, which may be too late.

A server that gives up root may run with a Python that lies in the home directory of root, as in
many containers.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module

# Codecs: of host names that are not ASCII, and of `socket` for all others.
CODECS = ("encodings.idna", "encodings.punycode", "encodings.unicode_escape")
# What libraries import by themselves: the kinds of DNS records that are asked for, and an extra.
OF_SERVER = (
    *(f"dns.rdtypes.ANY.{kind}" for kind in ("CNAME", "MX", "PTR", "SOA", "TLSA", "TXT")),
    *(f"dns.rdtypes.IN.{kind}" for kind in ("A", "AAAA")),
    "argon2.low_level",
    "h11",
    # What verifies a certificate by an authority that a zone names.
    "smtpdsl.runtime.net.certificate_path",
    # What reads the certificate that a login is bound to.
    "smtpdsl.runtime.net.tls_certificate",
)

# What opens content that is encrypted.
CIPHERS = ("smtpdsl.runtime.sealing.cipher",)


def import_late(modules: Iterable[str] = CODECS) -> None:
    """Import *modules* now, as far as they are installed."""
    for name in modules:
        with suppress(ImportError):
            import_module(name)
