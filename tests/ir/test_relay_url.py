"""Relay URLs of the modern language."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.relay_url import RelayScheme, RelayUrl, RelayUrlError, parse_relay_url

SMTP, SMTP_TLS, SMTPS, LMTP = RelayScheme.SMTP, RelayScheme.SMTP_TLS, RelayScheme.SMTPS, RelayScheme.LMTP


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("mx.example", RelayUrl(scheme=SMTP, host="mx.example")),
        ("smtp", RelayUrl(scheme=SMTP, host="smtp")),
        ("smtp:2525", RelayUrl(scheme=SMTP, host="smtp", port=2525)),
        ("smtp://127.0.0.1:10027", RelayUrl(scheme=SMTP, host="127.0.0.1", port=10027)),
        ("SMTP+TLS://ann@mx_1.example", RelayUrl(scheme=SMTP_TLS, label="ann", host="mx_1.example")),
        ("smtp+notls://mx", RelayUrl(scheme=RelayScheme.SMTP_NOTLS, host="mx")),
        ("smtps://a:b/c@mx:1", RelayUrl(scheme=SMTPS, label="a:b/c", host="mx", port=1)),
        ("lmtp://localhost:24", RelayUrl(scheme=LMTP, host="localhost", port=24)),
        ("[::1]", RelayUrl(scheme=SMTP, host="::1")),
        ("smtps://ann@[IPv6:fe80::1%lo]:65535", RelayUrl(scheme=SMTPS, label="ann", host="fe80::1%lo", port=65535)),
        ("[192.0.2.1]", RelayUrl(scheme=SMTP, host="192.0.2.1")),
    ],
)
def test_a_url_is_scheme_label_host_and_port(text: str, url: RelayUrl) -> None:
    """Only the host is mandatory; schemes ignore case; brackets hold an address."""
    assert parse_relay_url(text) == url
    assert parse_relay_url(text).oddities == ()


@pytest.mark.parametrize(
    ("text", "port"),
    [("mx", 25), ("smtp+tls://mx", 25), ("smtp+notls://mx", 25), ("smtps://mx", 465), ("lmtp://mx:9", 9)],
)
def test_each_scheme_has_its_port(text: str, port: int) -> None:
    """465 for TLS from the start, else 25, and for LMTP the port that was given."""
    assert parse_relay_url(text).effective_port == port


@pytest.mark.parametrize(
    ("text", "url", "odd"),
    [
        ("smtp://mx/x", "smtp://mx", "/x"),
        ("smtp://mx x", "smtp://mx", " x"),
        ("[::1]x", "smtp://[::1]", "x"),
        ("smtp//mx", "smtp://smtp", "smtp//mx"),
        ("smtps://@mx", "smtps://mx", "@"),
        ("smtps://a@b@c", "smtps://a@b", "@c"),
        ("müller.example", "smtp://m", "üller.example"),
    ],
)
def test_what_is_taken_otherwise_than_it_reads_is_odd(text: str, url: str, odd: str) -> None:
    """A URL that always worked still does, with a remark on the characters that mislead."""
    found = parse_relay_url(text)

    assert str(found) == url
    assert [text[oddity.start : oddity.end] for oddity in found.oddities] == [odd]


@pytest.mark.parametrize(
    ("text", "blamed", "message", "advice"),
    [
        ("stmp://mx", "stmp", "expected one of the schemes", 'write "smtp://mx"'),
        ("lmtp+tls://mx:24", "lmtp+tls", 'found "lmtp+tls"', ""),
        ("mx/x://y", "mx/x", 'found "mx/x"', ""),
        ("tls://mx", "tls", "expected one of the schemes", 'write "smtp+tls://mx"; without `verify`'),
        ("TLS+AUTH://ann@mx:587", "TLS+AUTH", "expected one of the schemes", 'write "smtp+tls://ann@mx:587"'),
        ("smtps+auth://ann@mx", "smtps+auth", "expected one of the schemes", 'write "smtps://ann@mx"'),
        ("secure://mx", "secure", "expected one of the schemes", 'write "smtp+tls://mx"'),
        ("ssl://mx:465", "ssl", "expected one of the schemes", 'write "smtps://mx:465"'),
        ("secure+auth://ann@mx", "secure+auth", "expected one of the schemes", 'write "smtp+tls://ann@mx"'),
        ("backup://mx", "backup", "expected one of the schemes", 'write `relay backup mx "mx"`'),
        ("tls+backup://mx", "tls+backup", "expected one of the schemes", 'write `relay backup mx "mx" tls`'),
        ("mx:70000", "70000", "expected a port from 1 to 65535", ""),
        ("mx:0", "0", "expected a port from 1 to 65535", ""),
        ("mx:" + "9" * 9000, "9" * 9000, "expected a port from 1 to 65535", ""),
        ("mx:", ":", "expected a port from 1 to 65535", ""),
        ("smtp://mx:smtp", "smtp", "expected a port from 1 to 65535", ""),
        ("smtp://mx:25/x", "/x", 'expected nothing after the port "25"', ""),
        ("smtps:mx", "mx", "expected a port from 1 to 65535", 'write "smtps://mx"'),
        ("smtp:/mx", "/mx", "expected a port from 1 to 65535", 'write "smtp://mx"'),
        ("lmtp://mx", "mx", "`lmtp` has no default", 'write "lmtp://mx:PORT"'),
        ("lmtp:///run/lmtp", "/run/lmtp", "expected a host", 'method `lmtp "/run/lmtp"`'),
        ("ann@mx", "ann", "expected no label with `smtp`", 'write "smtp+tls://ann@mx" or "smtps://ann@mx"'),
        ("smtp+notls://ann@mx:26", "ann", "expected no label with `smtp+notls`", '"smtp+tls://ann@mx:26"'),
        ("lmtp://ann@mx:24", "ann", "expected no label with `lmtp`", "does not authenticate"),
        ("", "", "expected a host", ""),
        ("smtps://ann@", "smtps://ann@", "expected a host", ""),
        ("*.example", "*.example", "expected a host", ""),
        ("smtp://mx.example.", "mx.example.", "every dot", 'write "mx.example"'),
        ("-mx", "-mx", "both ends", ""),
        ("::1", "::1", "IPv6 address in brackets", 'write "[::1]"'),
        ("smtp://2001:db8::25", "2001:db8::25", "IPv6 address in brackets", 'write "smtp://[2001:db8::25]"'),
        ("smtp://[::1", "[::1", 'expected "]"', ""),
        ("smtp://[mx.example]:25", "[mx.example]", "expected an address between", 'write "mx.example" without'),
        ("[300.1.1.1 ]", "[300.1.1.1 ]", "expected an address between", ""),
    ],
)
def test_what_can_never_be_relayed_to_teaches(text: str, blamed: str, message: str, advice: str) -> None:
    """The error points at the part that is wrong, and offers what was meant, also for schemes of old releases."""
    with pytest.raises(RelayUrlError) as caught:
        parse_relay_url(text)

    assert text[caught.value.start : caught.value.end] == blamed
    assert message in caught.value.message
    assert advice in caught.value.help


def test_equality_is_about_where_mail_goes() -> None:
    """How a URL was written does not make it another place."""
    assert parse_relay_url("smtp://mx/x") == parse_relay_url("mx")
    assert parse_relay_url("smtp://mx") != parse_relay_url("smtps://mx")


LABELS = st.text(string.printable.replace("@", ""), min_size=1, max_size=12)
HOSTS = st.one_of(
    st.from_regex(r"[a-zA-Z0-9_]{1,9}(-[a-z0-9]{1,5})?(\.[a-z0-9]{1,9}){0,3}", fullmatch=True),
    st.ip_addresses().map(str),
)


@st.composite
def relay_urls(draw: st.DrawFn) -> RelayUrl:
    """Any URL that the language can write."""
    scheme = draw(st.sampled_from(RelayScheme))
    ports = st.integers(1, 65535)
    return RelayUrl(
        scheme=scheme,
        label=draw(st.none() | LABELS) if scheme.takes_label else None,
        host=draw(HOSTS),
        port=draw(ports if scheme.default_port is None else st.none() | ports),
    )


@given(relay_urls())
def test_a_printed_url_reads_back(url: RelayUrl) -> None:
    """Printing a URL loses nothing and leaves nothing odd."""
    assert parse_relay_url(str(url)) == url
    assert parse_relay_url(str(url)).oddities == ()


@given(
    st.lists(st.sampled_from(["smtp", "lmtp", "tls", "+", "://", "@", ":", "[", "]", "::1", "mx", ".", "25", "/", " "]))
)
def test_every_text_is_a_url_or_teaches(pieces: list[str]) -> None:
    """Whatever is written, the reader returns a URL that prints, or blames characters of the text."""
    text = "".join(pieces)
    try:
        url = parse_relay_url(text)
    except RelayUrlError as error:
        reads = 0 <= error.start <= error.end <= len(text) and error.message[0].islower()
    else:
        reads = parse_relay_url(str(url)) == url

    assert reads
