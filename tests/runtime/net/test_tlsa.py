"""TLSA records: what they say, which of them count, and which certificate they mean."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.net.der import DerError, public_key_of
from smtpdsl.runtime.net.tlsa import Tlsa, usable
from tests.tls_peers import KEYS, TlsFolder

SHA256, SHA512 = "5e" * 32, "5e" * 64


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("3 1 1 5E88", Tlsa(3, 1, 1, b"\x5e\x88")),
        ("2 0 0 5e 88 0a", Tlsa(2, 0, 0, b"\x5e\x88\x0a")),
        ("255 255 255 ", Tlsa(255, 255, 255, b"")),
    ],
)
def test_a_record_is_read_as_a_zone_has_it(text: str, record: Tlsa) -> None:
    """And printed so."""
    assert Tlsa.parse(text) == record
    assert Tlsa.parse(str(record)) == record


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"3 1 1 {SHA256}", ""),
        (f"2 0 2 {SHA512}", ""),
        ("3 0 0 00", ""),
        (f"0 1 1 {SHA256}", "nobody verifies mail servers by usage 0"),
        (f"1 1 1 {SHA256}", "nobody verifies mail servers by usage 1"),
        (f"4 1 1 {SHA256}", "nobody verifies mail servers by usage 4"),
        (f"3 2 1 {SHA256}", "selector 2 is unknown"),
        (f"3 1 3 {SHA256}", "matching type 3 is unknown"),
        ("3 1 1 5e88", "2 octets are no digest of matching type 1"),
        (f"3 1 2 {SHA256}", "32 octets are no digest of matching type 2"),
        ("3 1 0 ", "it gives nothing to compare with"),
        ("3 1 255 ", "matching type 255 is unknown"),
        ("255 255 255 ", "nobody verifies mail servers by usage 255"),
    ],
)
def test_records_that_smtp_has_no_use_for(text: str, problem: str) -> None:
    """RFC 7672 §3.1.3, and what nobody knows the meaning of."""
    assert Tlsa.parse(text).problem == problem
    assert list(usable([Tlsa.parse(text)])) == ([] if problem else [Tlsa.parse(text)])


@pytest.mark.parametrize(
    ("records", "left"),
    [
        ([f"3 1 1 {SHA256}", f"3 1 2 {SHA512}"], [1]),
        ([f"3 1 1 {SHA256}", "3 1 2 5e", "3 1 0 5e"], [0, 2]),
        ([f"3 1 1 {SHA256}", f"3 0 2 {SHA512}", f"2 1 1 {SHA256}"], [0, 1, 2]),
        ([f"3 1 2 {SHA512}", f"3 1 2 {'00' * 64}"], [0, 1]),
        (["3 1 0 5e", f"1 1 1 {SHA256}"], [0]),
    ],
)
def test_of_several_digests_the_strongest_counts(records: list[str], left: list[int]) -> None:
    """RFC 7671 §9: for each usage and each part of a certificate, and one that is broken is none."""
    assert list(map(str, usable(map(Tlsa.parse, records)))) == [records[each] for each in left]


@pytest.mark.parametrize("kind", KEYS)
def test_what_a_record_means(kind: str, tmp_path: Path) -> None:
    """The whole certificate or its public key: itself, or one of two digests."""
    files = TlsFolder(tmp_path)
    own, other = (files.pair(name, "mx.test", kind=kind).certificate for name in ("own", "other"))
    octets = own.public_bytes(Encoding.DER)
    key = own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public_key_of(octets) == key
    for selector, part in ((0, octets), (1, key)):
        for matching, data in enumerate((part, hashlib.sha256(part).digest(), hashlib.sha512(part).digest())):
            record = Tlsa(3, selector, matching, data)
            assert record.matches(octets)
            assert not record.matches(other.public_bytes(Encoding.DER))
            assert not record._replace(data=data[:-1]).matches(octets)


ROOT_CERTIFICATE = ssl.PEM_cert_to_DER_cert(
    """-----BEGIN CERTIFICATE-----
MIIBtjCCAVugAwIBAgITBmyf1XSXNmY/Owua2eiedgPySjAKBggqhkjOPQQDAjA5
MQswCQYDVQQGEwJVUzEPMA0GA1UEChMGQW1hem9uMRkwFwYDVQQDExBBbWF6b24g
Um9vdCBDQSAzMB4XDTE1MDUyNjAwMDAwMFoXDTQwMDUyNjAwMDAwMFowOTELMAkG
A1UEBhMCVVMxDzANBgNVBAoTBkFtYXpvbjEZMBcGA1UEAxMQQW1hem9uIFJvb3Qg
Q0EgMzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCmXp8ZBf8ANm+gBG1bG8lKl
ui2yEujSLtf6ycXYqm0fc4E7O5hrOXwzpcVOho6AF2hiRVd9RFgdszflZwjrZt6j
QjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgGGMB0GA1UdDgQWBBSr
ttvXBp43rDCGB5Fwx5zEGbF4wDAKBggqhkjOPQQDAgNJADBGAiEA4IWSoxe3jfkr
BqWTrBqYaGFy+uGh0PsceGCmQ5nFuMQCIQCcAu/xlJyzlvnrxir4tiz+OpAUFteM
YyRIHN8wfdVoOw==
-----END CERTIFICATE-----
"""
)


@given(octets=st.binary(max_size=24), keep=st.integers(0, len(ROOT_CERTIFICATE)), end=st.booleans())
def test_no_octets_raise_anything_else(octets: bytes, keep: int, *, end: bool) -> None:
    """Behind a beginning, or before an end, of a certificate."""
    changed = ROOT_CERTIFICATE[:keep] + octets + (ROOT_CERTIFICATE[keep + len(octets) :] if end else b"")
    try:
        assert public_key_of(changed) in changed
    except DerError:
        assert not Tlsa.parse("3 1 0 00").matches(changed)
