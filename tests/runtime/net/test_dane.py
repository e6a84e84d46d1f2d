"""Whether a server's certificate is one that its zone names."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.net.dane import Chain, dane_problem
from smtpdsl.runtime.net.tlsa import Tlsa
from tests.tls_peers import Files, TlsFolder

NOW = datetime.now(UTC)
NAMES = ("mx.test", "example.test")
NOT_THE_ONE = "its certificate is not the one that its TLSA records give"
NO_ANCHOR = "no certificate that it has shown is one that its TLSA records give"
NO_PATH = "its certificate does not lead to a trust anchor of its TLSA records: "
SHA256 = 1


class Pki:
    """A root, two authorities below it, and the certificate of mx.test below the second."""

    def __init__(self, folder: Path) -> None:
        """Make them."""
        self.files = TlsFolder(folder)
        self.root = self.files.authority("root")
        self.middle = self.files.pair("middle", "middle", by=self.root, is_authority=True)
        self.issuer = self.files.pair("issuer", "issuer", by=self.middle, is_authority=True)
        self.own = self.files.pair("own", "mx.test", by=self.issuer)

    @property
    def chain(self) -> Chain:
        """What a server shows: all of them."""
        return chain_of(self.own, self.issuer, self.middle, self.root)

    def sign(
        self, name: str, by: Files, *extensions: tuple[x509.ExtensionType, bool], key: Files | None = None
    ) -> Files:
        """Make one with *extensions*, each critical or not, and with the *key* of another one."""
        made = key or self.files.pair(name, "mx.test")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(by.certificate.subject)
        builder = builder.public_key(made.private.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(NOW - timedelta(1)).not_valid_after(NOW + timedelta(1))
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, critical=is_critical)
        return made._replace(certificate=builder.sign(by.private, hashes.SHA256()))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Return certificates of every kind."""
    return Pki(tmp_path_factory.mktemp("pki"))


def chain_of(*shown: Files) -> Chain:
    """Return what a server shows that has all of these."""
    return [each.certificate.public_bytes(Encoding.DER) for each in shown]


def record(usage: int, selector: int, matching: int, files: Files) -> Tlsa:
    """Return a record that means *files*."""
    part = files.certificate.public_bytes(Encoding.DER)
    if selector:
        part = files.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Tlsa(usage, selector, matching, hashlib.sha256(part).digest() if matching else part)


def problem(records: list[Tlsa], chain: Chain, names: tuple[str, ...] = NAMES, now: datetime = NOW) -> str:
    """Say what is wrong; it is one line, whatever it is."""
    found = dane_problem(records, chain, names, now)
    assert found.isascii()
    assert found.isprintable()
    return found


# ---------------------------------------------------------------- DANE-EE


def test_the_zone_vouches_for_a_certificate_of_its_own(pki: Pki) -> None:
    """RFC 7671 §5.1: whoever signed it, whatever it is called, and however old it is."""
    old = pki.files.pair("old", "elsewhere.test", starts=-9, days=2)
    for selector in (0, 1):
        assert problem([record(3, selector, SHA256, old)], chain_of(old)) == ""
        assert problem([record(3, selector, SHA256, pki.own), record(3, selector, SHA256, old)], chain_of(old)) == ""
        assert problem([record(3, selector, SHA256, pki.own)], chain_of(old)) == NOT_THE_ONE
        # It is the server's own, or it is none.
        assert problem([record(3, selector, SHA256, pki.root)], pki.chain) == NOT_THE_ONE


def test_a_weak_digest_beside_a_strong_one_proves_nothing(pki: Pki) -> None:
    """RFC 7671 §9."""
    strong = Tlsa(3, 1, 2, b"\0" * 64)
    assert problem([record(3, 1, SHA256, pki.own)], pki.chain) == ""
    assert problem([record(3, 1, SHA256, pki.own), strong], pki.chain) == NOT_THE_ONE
    # What is given in full is no digest.
    assert problem([record(3, 1, 0, pki.own), strong], pki.chain) == ""


def test_nothing_is_proven_by_what_is_of_no_use(pki: Pki) -> None:
    """Nor by a server without a certificate."""
    assert "none of its TLSA records" in problem([record(1, 1, SHA256, pki.own)], pki.chain)
    assert "none of its TLSA records" in problem([], pki.chain)
    assert problem([record(3, 1, SHA256, pki.own)], []) == "it has shown no certificate"


# ---------------------------------------------------------------- DANE-TA


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, SHA256])
def test_any_authority_above_the_server_can_be_the_anchor(pki: Pki, selector: int, matching: int) -> None:
    """In whichever order they are shown."""
    for anchor in (pki.root, pki.middle, pki.issuer):
        assert problem([record(2, selector, matching, anchor)], pki.chain) == ""
        assert problem([record(2, selector, matching, anchor)], [pki.chain[0], *reversed(pki.chain[1:])]) == ""
    assert problem([record(2, selector, matching, pki.own)], pki.chain) != ""


@pytest.mark.parametrize("selector", [0, 1])
def test_an_anchor_that_is_given_in_full_need_not_be_shown(pki: Pki, selector: int) -> None:
    """RFC 7671 §5.2.2; of a digest nobody can make one."""
    below_root, below_issuer = pki.chain[:3], pki.chain[:1]
    assert problem([record(2, selector, 0, pki.root)], below_root) == ""
    assert problem([record(2, selector, 0, pki.issuer)], below_issuer) == ""
    assert problem([record(2, selector, SHA256, pki.root)], below_root) == NO_ANCHOR
    assert problem([record(2, selector, 0, pki.root)], below_issuer).startswith(NO_PATH)
    other = pki.files.authority("other")
    assert problem([record(2, selector, 0, other)], pki.chain) != ""
    assert "cannot be read" in problem([Tlsa(2, selector, 0, b"damaged")], pki.chain)


def test_an_anchor_beside_the_path_is_none(pki: Pki) -> None:
    """Whoever shows somebody else's authority has nothing of it."""
    forged = pki.files.pair("forged", "mx.test")
    assert problem([record(2, 0, SHA256, pki.root)], [*chain_of(forged), *pki.chain[1:]]).startswith(NO_PATH)
    # One with the name of the authority, and another key.
    issuer = pki.files.authority("issuer")
    forged = pki.files.pair("forged", "mx.test", by=issuer)
    assert problem([record(2, 0, SHA256, pki.root)], chain_of(forged, pki.issuer, pki.middle, pki.root)) != ""


@pytest.mark.parametrize(
    ("names", "is_right"),
    [
        (("mx.test",), True),
        (("other.test", "MX.Test."), True),
        (("other.test",), False),
        (("a.mx.test",), False),
        (("test",), False),
        (("", "."), False),
    ],
)
def test_a_certificate_below_an_anchor_has_to_have_a_name(pki: Pki, names: tuple[str, ...], *, is_right: bool) -> None:
    """RFC 7672 §3.2.2: the authority of a domain signs for all of its hosts."""
    found = problem([record(2, 0, SHA256, pki.root)], pki.chain, names)
    assert found == ("" if is_right else f"its certificate names mx.test, and none of {', '.join(names)}")


def test_stars_and_common_names(pki: Pki) -> None:
    """A star is one label; a common name counts where no names are listed."""
    anchor = [record(2, 0, SHA256, pki.root)]
    star = pki.files.pair("star", "*.mx.test", by=pki.root)
    assert problem(anchor, chain_of(star, pki.root), ("a.mx.test",)) == ""
    assert problem(anchor, chain_of(star, pki.root), ("mx.test",)) != ""
    assert problem(anchor, chain_of(star, pki.root), ("b.a.mx.test", ".mx.test", "")) != ""
    unlisted = pki.sign("mx.test", pki.root)
    assert problem(anchor, chain_of(unlisted, pki.root)) == ""


def test_below_an_anchor_dates_count(pki: Pki) -> None:
    """Those of every certificate on the way."""
    anchor = [record(2, 0, SHA256, pki.root)]
    for days in (-30, 200):
        found = problem(anchor, pki.chain, now=NOW + timedelta(days))
        assert found == f"{NO_PATH}cert is not valid at validation time"


CONSTRAINTS = x509.BasicConstraints(ca=True, path_length=None)
NOT_FOR_SIGNING = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@pytest.mark.parametrize(
    ("extensions", "reason"),
    [
        ([(CONSTRAINTS, True)], ""),
        ([], "CA certificate has no basicConstraints"),
        ([(x509.BasicConstraints(ca=False, path_length=None), True)], "cA must be asserted"),
        ([(CONSTRAINTS, True), (NOT_FOR_SIGNING, True)], "the key of an authority is not for signing certificates"),
        ([(CONSTRAINTS, True), (x509.NameConstraints([x509.DNSName("other.test")], None), True)], "name constraints"),
        (
            [(CONSTRAINTS, True), (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"), True)],
            "critical extensions",
        ),
    ],
)
def test_who_may_sign(pki: Pki, extensions: list[tuple[x509.ExtensionType, bool]], reason: str) -> None:
    """RFC 5280 §4.2.1."""
    middle = pki.sign("other", pki.root, *extensions)
    own = pki.files.pair("own", "mx.test", by=middle)
    found = problem([record(2, 0, SHA256, pki.root)], chain_of(own, middle, pki.root))

    assert (found == "") == (reason == "")
    assert reason in found


def test_a_constraint_cannot_be_got_round_by_a_common_name(pki: Pki) -> None:
    """Since it is about listed names alone."""
    constrained = x509.NameConstraints([x509.DNSName("other.test")], None)
    middle = pki.sign("other", pki.root, (CONSTRAINTS, True), (constrained, True))
    own = pki.sign("mx.test", middle)

    assert problem([record(2, 0, SHA256, pki.root)], chain_of(own, middle, pki.root)) != ""


def test_a_certificate_for_clients_is_not_for_servers(pki: Pki) -> None:
    """It says so."""
    for usage, is_right in ((ExtendedKeyUsageOID.SERVER_AUTH, True), (ExtendedKeyUsageOID.CLIENT_AUTH, False)):
        own = pki.sign("mx.test", pki.root, (x509.ExtendedKeyUsage([usage]), False))
        assert (problem([record(2, 0, SHA256, pki.root)], chain_of(own, pki.root)) == "") == is_right


def test_damaged_certificates_prove_nothing(pki: Pki) -> None:
    """Beside the path they do no harm."""
    anchor = [record(2, 0, SHA256, pki.root)]
    assert problem(anchor, [b"damaged", *pki.chain[1:]]) == "its certificate is damaged"
    assert problem(anchor, [*pki.chain, b"damaged"]) == ""
    nameless = pki.chain[3].replace(b"\x0c\x04root", b"\x91\x04root")
    assert problem([record(2, 1, 0, pki.root)], [*pki.chain[:3], nameless]) == ""


def test_who_shows_many_certificates_is_not_looked_at_for_long(pki: Pki) -> None:
    """There would be millions of ways from one authority to another one with the same name and the same key."""
    same = pki.files.authority("same")
    alike = [pki.sign("same", same, (CONSTRAINTS, True), key=same) for _ in range(8)]
    own = pki.files.pair("own", "mx.test", by=same)
    anchor = [record(2, 0, SHA256, pki.root)]

    assert problem(anchor, chain_of(own, pki.root, *alike)).startswith(NO_PATH)
    assert problem(anchor, chain_of(own, *alike, *alike, pki.root)) == NO_ANCHOR
    # The one that leads to the anchor may be the second of two.
    crossed = pki.sign("same", pki.root, (CONSTRAINTS, True), key=same)
    assert problem(anchor, chain_of(own, alike[0], crossed, pki.root)) == ""


CHANGES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1000), st.binary(max_size=3)), min_size=1, max_size=4)


@given(changes=CHANGES, of_key=st.booleans(), in_full=st.booleans())
def test_no_certificate_raises(pki: Pki, changes: list[tuple[int, int, bytes]], *, of_key: bool, in_full: bool) -> None:
    """However damaged it is, the anchor too: what is wrong is said in one line."""
    chain = list(pki.chain)
    for which, place, octets in changes:
        start = place % len(chain[which])
        chain[which] = chain[which][:start] + octets + chain[which][start + len(octets) :]
    records = [record(2, int(of_key), 0 if in_full else SHA256, pki.root)]
    problem(records, chain)
    # The certificate that is the anchor is a damaged one, too.
    problem([Tlsa(2, 0, SHA256, hashlib.sha256(chain[-1]).digest())], chain)
