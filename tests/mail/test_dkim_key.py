"""Keys that mail is signed with, and their records."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from smtpdsl.mail.dkim_key import DkimKeyError, new_key, read_key
from tests.certificates import key_text, make_pair, rsa_key


@pytest.mark.parametrize(
    ("is_ed25519", "kind", "algorithm"),
    [(False, "RSA, 2048 bits", "rsa-sha256"), (True, "Ed25519", "ed25519-sha256")],
)
def test_a_new_key_reads_as_itself(is_ed25519: bool, kind: str, algorithm: str) -> None:  # noqa: FBT001 - a row
    """And is of the kind that was asked for."""
    found = read_key(new_key(is_ed25519=is_ed25519))

    assert (found.kind, found.algorithm, found.is_short) == (kind, algorithm, False)


def test_a_record_has_the_public_key() -> None:
    """As a structure that says of itself what it is (RFC 6376), or as 32 octets and nothing else (RFC 8463)."""
    rsa, ed25519 = read_key(new_key()).record(), read_key(new_key(is_ed25519=True)).record()

    assert rsa.startswith("v=DKIM1; k=rsa; p=")
    assert load_der_public_key(base64.b64decode(rsa.partition("p=")[2])) is not None
    assert ed25519.startswith("v=DKIM1; k=ed25519; p=")
    assert len(base64.b64decode(ed25519.partition("p=")[2])) == 32


def test_a_short_key_is_taken() -> None:
    """Down to what others take."""
    assert read_key(rsa_key(1024).encode()).is_short


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it holds no private key"),
        (make_pair("example.org").certificate, "it holds no private key"),
        (rsa_key(1024)[:-300] + "-----END PRIVATE KEY-----\n", "damaged"),
        (key_text(ec.generate_private_key(ec.SECP256R1())), "of a kind that DKIM does not have"),
        (key_text(ec.generate_private_key(ec.SECP256R1()), b"secret"), "it is encrypted"),
    ],
)
def test_what_cannot_sign_is_refused(text: str, reason: str) -> None:
    """With a reason, and without a word of the file."""
    with pytest.raises(DkimKeyError, match=reason) as found:
        read_key(text.encode())

    assert found.value.advice
    assert not any(line in str(found.value) for line in text.splitlines() if line)
