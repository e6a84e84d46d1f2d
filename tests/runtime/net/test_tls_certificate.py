"""What is read from certificates, ours and those of peers."""

from __future__ import annotations

import hashlib
import ssl
import warnings
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.net.tls_certificate import UnreadableCertificateError, read_der, read_pem
from smtpdsl.runtime.net.tls_facts import CertificateFacts
from tests.certificates import make_pair
from tests.conftest import RequirePeer
from tests.tls_peers import TlsFolder


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> x509.Certificate:
    """A certificate with every kind of name."""
    folder = TlsFolder(tmp_path_factory.mktemp("certificate"))
    return folder.pair("joe", "joe", "b.example", emails=("j@example.org",)).certificate


def test_names_are_read(certificate: x509.Certificate) -> None:
    """From the file of a server and from what a peer shows."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    found = read_der(der)

    assert found == CertificateFacts(
        common_name="joe",
        hosts=("joe", "b.example"),
        emails=("j@example.org",),
        is_listed=True,
        end_point=hashlib.sha256(der).digest(),
    )
    assert read_pem(certificate.public_bytes(serialization.Encoding.PEM)) == found


@pytest.mark.parametrize(("listed", "names"), [(True, ("one.test", "two.test")), (False, ("one.test",))])
def test_the_common_name_counts_where_there_is_no_list(listed: bool, names: tuple[str, ...]) -> None:  # noqa: FBT001 - a column
    """RFC 6125 §6.4.4."""
    pair = make_pair("one.test", "two.test", listed=listed)

    assert read_pem(pair.certificate.encode()).host_names == names


def test_the_first_certificate_is_the_servers_own() -> None:
    """Those that lead to its authority follow."""
    chain = make_pair("one.test").certificate + make_pair("two.test").certificate

    assert read_pem(chain.encode()).host_names == ("one.test",)


@pytest.mark.parametrize("octets", [b"", b"rubbish", b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_file_without_a_certificate_says_so(octets: bytes) -> None:
    """The two mistakes have words of their own."""
    with pytest.raises(UnreadableCertificateError, match=r"^it holds no certificate$"):
        read_pem(octets)


@given(places=st.lists(st.tuples(st.integers(0, 399), st.integers(0, 255)), min_size=1, max_size=3))
def test_no_certificate_does_more_than_say_nothing(
    certificate: x509.Certificate, places: list[tuple[int, int]]
) -> None:
    """Whatever a peer shows, it has names or none; nothing is raised, and nothing is told on standard error."""
    octets = bytearray(certificate.public_bytes(serialization.Encoding.DER))
    for place, octet in places:
        octets[place % len(octets)] = octet
    with warnings.catch_warnings(record=True) as told:
        assert isinstance(read_der(bytes(octets)), CertificateFacts)

    assert told == []


@pytest.mark.parametrize("version", [1, 3, 9])
def test_a_version_that_nobody_knows_has_no_names(certificate: x509.Certificate, version: int) -> None:
    """The library has an exception of its own for it."""
    octets = certificate.public_bytes(serialization.Encoding.DER).replace(
        b"\xa0\x03\x02\x01\x02", bytes([0xA0, 3, 2, 1, version]), 1
    )

    assert read_der(octets) == CertificateFacts()


def test_what_is_deprecated_is_the_peers_affair(certificate: x509.Certificate) -> None:
    """Nobody is told of a serial number below zero."""
    # The version, then an integer of some length: the serial number.
    start = b"\xa0\x03\x02\x01\x02\x02"
    octets = certificate.public_bytes(serialization.Encoding.DER)
    place = octets.index(start) + len(start) + 1
    with warnings.catch_warnings(record=True) as told:
        found = read_der(octets[:place] + b"\x80" + octets[place + 1 :])

    assert (found.common_name, told) == ("joe", [])


@pytest.mark.parametrize(("signed", "bound"), [("-sha384", "sha384"), ("-sha1", "sha256")])
def test_a_channel_is_bound_by_the_hash_of_the_signature(
    require_peer: RequirePeer, tmp_path: Path, signed: str, bound: str
) -> None:
    """RFC 5929 §4.1; but never by one that is broken."""
    path = tmp_path / "crt"
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "key")
    require_peer("openssl").run("req", "-x509", *kind, "-subj", "/CN=one.test", signed, "-out", path)
    der = ssl.PEM_cert_to_DER_cert(path.read_text())

    assert read_pem(path.read_bytes()).end_point == hashlib.new(bound, der).digest()


def test_a_name_that_is_listed_twice_is_not_believed(certificate: x509.Certificate) -> None:
    """Nor is a list of names that cannot be read."""
    octets = certificate.public_bytes(serialization.Encoding.DER)
    twice = octets.replace(b"\x06\x03\x55\x1d\x13", b"\x06\x03\x55\x1d\x11", 1)
    unread = octets.replace(b"\x82\x09b.example", b"\xa3\x09b.example", 1)

    for broken in (twice, unread):
        assert broken != octets
        assert (read_der(broken).hosts, read_der(broken).emails) == ((), ())
