"""`listen` in modern terms."""

from __future__ import annotations

import pytest

from tests.compiler.legacy.translated import translated


def listeners(text: str) -> list[str]:
    """Return the listeners that *text* becomes, without the words they all begin with."""
    lines = translated(text + "\n").lines
    return [line.removeprefix("listen on ") for line in lines if line.startswith("listen")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("listen on lo", "lo"),
        ("listen on lo mask-source", "lo mask-src"),
        ("listen on socket mask-source filter f", "socket mask-src filter f"),
        ("listen on lo inet4 port 26 no-dsn received-auth", "lo inet4 port 26 no-dsn received-auth"),
        ("listen on lo filter f tag T", "lo filter f tag T"),
        ("listen on lo senders <s> masquerade hostnames <h>", "lo senders <s> masquerade hostnames <h>"),
        ("listen on lo smtps verify pki srv auth <t>", "lo smtps verify pki srv auth <t>"),
        ("listen on lo tls certificate srv", "lo tls pki srv"),
        ("listen on lo hostname quit auth-optional { a = b }", 'lo hostname "quit" auth-optional { a = b }'),
    ],
)
def test_options_keep_their_meaning(text: str, expected: str) -> None:
    """Most options are the same; some have another name, and words reserved since 6.4 are quoted."""
    assert listeners(text) == [expected]
    assert translated(text + "\n").codes == []


@pytest.mark.parametrize("word", ["secure", "ssl"])
def test_secure_is_two_listeners(word: str) -> None:
    """`secure` offered STARTTLS on one port and TLS on the other; both get the other options."""
    expected = ["lo tls pki srv tag T", "lo smtps pki srv tag T"]
    assert listeners(f"listen on lo {word} pki srv tag T") == expected


@pytest.mark.parametrize("other", ["port 25", "tls", "smtps", "tls-require"])
def test_secure_excludes_a_port_and_other_kinds_of_tls(other: str) -> None:
    """The two ports of `secure` are fixed, and so is how they are secured."""
    for text in (f"listen on lo secure {other}\n", f"listen on lo {other} secure\n"):
        found = translated(text)
        assert found.codes == ["conflicting-options: secure"]
        assert found.has_errors


@pytest.mark.parametrize(
    ("names", "options", "expected"),
    [
        ("mx.example.net", "tls", "lo tls pki mx.example.net"),
        ('mx.example.net "*"', "tls", "lo tls pki mx.example.net"),
        ('"*"', "tls-require", 'lo tls-require pki "*"'),
        ('A.example "*"', "smtps hostname a.example", "lo smtps hostname a.example pki a.example"),
        ('a.example "*"', "smtps hostname b.example", 'lo smtps hostname b.example pki "*"'),
        ("a.example", "tls", "lo tls"),
        ('"*"', "", "lo"),
        ('"*"', "tls pki a.example", "lo tls pki a.example"),
    ],
)
def test_tls_without_pki_takes_the_certificate_it_always_took(names: str, options: str, expected: str) -> None:
    """That is the one with the host name of the listener, or else the one for every name."""
    pkis = "".join(f'pki {name} certificate "/c" key "/k"\n' for name in names.split())
    assert listeners(f"{pkis}listen on lo {options}") == [expected]


def test_authority_of_the_certificate_is_named_by_its_listeners() -> None:
    """Up to 5.4.6 `pki N ca F` gave every user of the certificate an authority."""
    pki = 'pki srv ca "/ca.crt"\n'
    assert listeners(f"{pki}listen on lo tls-require verify pki SRV") == ["lo tls-require verify pki SRV ca SRV"]
    assert listeners(f"{pki}listen on lo tls pki srv ca own") == ["lo tls pki srv ca own"]


@pytest.mark.parametrize("second", ["pki b", "certificate b"])
def test_second_certificate_is_an_error(second: str) -> None:
    """Only since 6.4 a listener has several."""
    found = translated(f"listen on lo tls pki a {second}\n")
    assert found.codes == [f"duplicate-option: {second}"]
    assert found.has_errors
    assert "listen on lo tls pki a" in found.lines


@pytest.mark.parametrize("words", ["dsn-notify disable", "dsn-ret headers"])
def test_words_of_one_release_have_no_effect(words: str) -> None:
    """They are left out, with a warning whose fix removes them."""
    found = translated(f"listen on lo {words} no-dsn\n")
    assert found.codes == [f"legacy-leftover: {words}"]
    assert found.lines == ["listen on lo no-dsn"]
    assert found.findings[0].fix


def test_modern_word_is_understood() -> None:
    """`mask-src` beside `accept` means `mask-source`; that no other release takes it is said."""
    found = translated("listen on lo mask-src\n")
    assert found.codes == ["legacy-leftover: mask-src"]
    assert not found.has_errors
    assert found.lines == ["listen on lo mask-src"]
