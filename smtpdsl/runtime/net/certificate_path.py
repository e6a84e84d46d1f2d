"""Whether a certificate leads to a trust anchor that is not an authority of the system.

    mx.example  ◀─signed─ an authority in between  ◀─signed─ the anchor: a certificate, or a bare public key

`cryptography` goes the way and knows the rules of RFC 5280: dates, who may sign, path lengths
and name constraints.  Its rules for the Web are not asked for, but it takes no key that these
forbid: RSA of 2048 bits or more, and ECDSA.

Importing it takes long, so this is imported when somebody has to be verified.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from smtpdsl.mail.idn import folded_name
from smtpdsl.runtime.net.der import public_key_of
from smtpdsl.runtime.net.tls_certificate import read_der

# The library tries every way, and there are many through authorities with the same name and key: so few of these
# are shown to it, and so short are the ways.  A second one of a kind is signed by somebody else than the first.
_MAX_DEPTH = 6
_MAX_ALIKE = 2
_DAMAGED = (
    ValueError,
    KeyError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_ANY_TIME = timedelta(days=1)
# What the library says before the reason, and which certificate it means, in the words of whoever made it.
_AROUND_REASON = re.compile(
    r"validation failed: |candidates exhausted: |invalid extension: \S+ | \(encountered.*", re.DOTALL
)


def path_problem(
    chain: Sequence[bytes], anchors: Sequence[bytes], keys: Sequence[bytes], names: Sequence[str], now: datetime
) -> str:
    """Say why the first certificate of *chain* is not one of *names* that an anchor vouches for; empty if it is.

    Args:
        chain: In DER; those behind the first may be on the way, in any order.
        anchors: Certificates that are trusted, in DER.
        keys: Public keys of authorities that are trusted, as SubjectPublicKeyInfo in DER.
        names: Host names, one of which it must have.
        now: With a time zone.
    """
    # Deprecated things are the peer's, and nothing to tell on standard error.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _problem(chain, anchors, keys, names, now)
        except _DAMAGED:
            # The library reads much of a certificate only when it is asked for it.
            return "its certificate is damaged"


def _problem(
    chain: Sequence[bytes], anchors: Sequence[bytes], keys: Sequence[bytes], names: Sequence[str], now: datetime
) -> str:
    own = x509.load_der_x509_certificate(chain[0])
    others = list(_few_alike(_certificates(chain[1:])))
    trusted = [*_certificates(anchors), *_authorities(keys, [own, *others], now)]
    if not trusted:
        return "the trust anchors of its TLSA records have signed none of its certificates, or cannot be read"
    return _path_problem(own, others, trusted, now) or _name_problem(own, [*others, *trusted], names)


def _path_problem(
    own: x509.Certificate, others: list[x509.Certificate], trusted: list[x509.Certificate], now: datetime
) -> str:
    builder = PolicyBuilder().store(Store(trusted)).time(now).max_chain_depth(_MAX_DEPTH)
    builder = builder.extension_policies(ca_policy=_authority_policy(), ee_policy=_server_policy())
    try:
        # "Client": whose names are nobody's affair here, unlike those of servers of the Web.
        builder.build_client_verifier().verify(own, others)
    except (VerificationError, *_DAMAGED) as error:
        reason = ascii(_AROUND_REASON.sub("", str(error)))[1:-1]
        return f"its certificate does not lead to a trust anchor of its TLSA records: {reason}"
    return ""


def _name_problem(own: x509.Certificate, others: list[x509.Certificate], names: Sequence[str]) -> str:
    """RFC 7672 §3.2.2: one name is enough, and a star stands for one label."""
    facts = read_der(own.public_bytes(Encoding.DER))
    # A constraint of an authority is about the listed names: without them it must not be got round.
    listed = facts.hosts if any(map(_is_constrained, others)) else facts.host_names
    if any(_is_listed(name, listed) for name in names):
        return ""
    shown = ", ".join(listed) or "no host"
    return f"its certificate names {ascii(shown)[1:-1]}, and none of {', '.join(names)}"


def _is_listed(name: str, listed: Iterable[str]) -> bool:
    name = folded_name(name)
    first, _, rest = name.partition(".")
    # RFC 6125 §6.4.3: a star is the whole first label.
    return bool(first) and any(folded_name(each) in {name, f"*.{rest}"} for each in listed)


# ---------------------------------------------------------------- anchors


def _certificates(chain: Iterable[bytes]) -> Iterable[x509.Certificate]:
    for octets in chain:
        try:
            found = x509.load_der_x509_certificate(octets)
            # Read only now, and a name that is none would be met later.
            _ = found.issuer, found.subject
        except _DAMAGED:
            continue
        yield found


def _few_alike(certificates: Iterable[x509.Certificate]) -> Iterable[x509.Certificate]:
    known: Counter[tuple[x509.Name, bytes]] = Counter()
    for each in certificates:
        kind = each.subject, public_key_of(each.public_bytes(Encoding.DER))
        known[kind] += 1
        if known[kind] <= _MAX_ALIKE:
            yield each


def _authorities(
    keys: Iterable[bytes], certificates: Sequence[x509.Certificate], now: datetime
) -> Iterable[x509.Certificate]:
    """Yield a certificate for each bare key and each name that it may have: the library starts from certificates."""
    issuers = {each.issuer for each in certificates}
    signer = ec.generate_private_key(ec.SECP256R1())
    for octets in keys:
        try:
            key = load_der_public_key(octets)
            for issuer in issuers:
                yield (
                    x509.CertificateBuilder()
                    .subject_name(issuer)
                    .issuer_name(issuer)
                    .public_key(key)  # type: ignore[arg-type]  # what cannot sign raises
                    .serial_number(x509.random_serial_number())
                    .not_valid_before(now - _ANY_TIME)
                    .not_valid_after(now + _ANY_TIME)
                    .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                    # Nobody looks at the signature of an anchor.
                    .sign(signer, hashes.SHA256())
                )
        except _DAMAGED:
            continue


# ---------------------------------------------------------------- policies


def _authority_policy() -> ExtensionPolicy:
    """RFC 5280 §4.2.1: who says what its key is for must say that it signs certificates."""
    policy = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    return policy.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)


def _server_policy() -> ExtensionPolicy:
    return ExtensionPolicy.permit_all().may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _serves)


def _signs_certificates(policy: Policy, certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    del policy, certificate
    if usage is not None and not usage.key_cert_sign:
        message = "the key of an authority is not for signing certificates"
        raise ValueError(message)


def _serves(policy: Policy, certificate: x509.Certificate, usages: x509.ExtendedKeyUsage | None) -> None:
    del policy, certificate
    fitting = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if usages is not None and not fitting.intersection(usages):
        message = "it is not for servers"
        raise ValueError(message)


def _is_constrained(certificate: x509.Certificate) -> bool:
    try:
        return any(isinstance(each.value, x509.NameConstraints) for each in certificate.extensions)
    except _DAMAGED:
        return True
