"""The URLs of `relay via`, up to release 6.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.legacy_relay_url import (
    LegacyRelayUrl,
    ModernRelay,
    RelayUrlError,
    parse_legacy_relay_url,
    to_modern,
)
from smtpdsl.ir.relay_url import parse_relay_url


@pytest.mark.parametrize(
    ("text", "verify", "modern", "option"),
    [
        ("mx", False, "smtp://mx", None),
        ("smtp+tls://mx:26", False, "smtp://mx:26", None),
        ("smtp://127.0.0.1:10027", False, "smtp+notls://127.0.0.1:10027", None),
        ("tls://mx", False, "smtp+tls://mx", "tls no-verify"),
        ("tls://mx", True, "smtp+tls://mx", None),
        ("smtps://[::1]", False, "smtps://[::1]", "tls no-verify"),
        ("smtps://mx", True, "smtps://mx", None),
        ("tls+auth://ann@mx:587", True, "smtp+tls://ann@mx:587", None),
        ("SMTPS+AUTH://ann@mx", False, "smtps://ann@mx", "tls no-verify"),
        ("lmtp://mx:24", False, "lmtp://mx:24", None),
    ],
)
def test_a_url_keeps_its_meaning_under_another_name(text: str, verify: bool, modern: str, option: str | None) -> None:  # noqa: FBT001
    """What TLS a session gets, and whether it is verified, stays as it was."""
    assert to_modern(parse_legacy_relay_url(text), verify=verify) == ModernRelay(parse_relay_url(modern), None, option)


@pytest.mark.parametrize(
    ("text", "verify", "option"),
    [("backup://mx", False, None), ("tls+backup://mx:25", False, "tls no-verify"), ("tls+backup://mx", True, "tls")],
)
def test_a_backup_url_becomes_an_option(text: str, verify: bool, option: str | None) -> None:  # noqa: FBT001
    """`backup://HOST` is what `relay backup mx HOST` says."""
    url = parse_legacy_relay_url(text)

    assert url.is_backup
    assert to_modern(url, verify=verify) == ModernRelay(None, "mx", option)


@pytest.mark.parametrize(
    ("text", "modern"),
    [("secure://mx", "smtp+tls://mx"), ("ssl+auth://ann@mx:465", "smtps://ann@mx:465")],
)
def test_two_ways_to_secure_a_session_become_one(text: str, modern: str) -> None:
    """`secure` has no equal; the nearest is chosen by the port, and the loss is told."""
    found = to_modern(parse_legacy_relay_url(text), verify=False)

    assert str(found.url) == modern
    assert found.tls == "tls no-verify"
    assert len(found.losses) == 1


def test_the_port_of_a_backup_is_told_lost() -> None:
    """The modern `relay backup` cannot name a port."""
    found = to_modern(parse_legacy_relay_url("backup://mx:2525"), verify=False)

    assert found.losses == ("`relay backup` connects to port 25, not to 2525",)


@pytest.mark.parametrize(
    ("text", "blamed", "message", "advice"),
    [
        ("smtp+notls://mx", "smtp+notls", "expected one of the schemes", 'write "smtp://mx"'),
        ("tsl://mx", "tsl", "expected one of the schemes", 'write "tls://mx"'),
        ("lmtp+auth://ann@mx:24", "lmtp+auth", 'found "lmtp+auth"', ""),
        ("tls+auth://mx", "mx", "expected a label before", 'write "tls+auth://LABEL@mx"'),
        ("tls+auth://@mx", "mx", "expected a label before", 'write "tls+auth://LABEL@mx"'),
        ("ann@mx", "ann", "expected no label with `smtp+tls`", 'write "tls+auth://ann@mx"'),
        ("smtps://ann@mx", "ann", "expected no label with `smtps`", 'write "smtps+auth://ann@mx"'),
        ("lmtp://ann@mx:24", "ann", "expected no label with `lmtp`", "an LMTP session"),
        ("lmtp://mx", "mx", "`lmtp` has no default", 'write "lmtp://mx:PORT"'),
        ("tls+auth://", "tls+auth://", "expected a host", ""),
        ("mx:70000", "70000", "expected a port", ""),
    ],
)
def test_what_the_old_releases_refuse_teaches(text: str, blamed: str, message: str, advice: str) -> None:
    """A label belongs to the schemes with `+auth`, and only to them; `lmtp` needs a port."""
    with pytest.raises(RelayUrlError) as caught:
        parse_legacy_relay_url(text)

    assert text[caught.value.start : caught.value.end] == blamed
    assert message in caught.value.message
    assert caught.value.help.startswith(advice)


def test_only_certain_tls_can_be_verified() -> None:
    """`verify` beside a URL that may be relayed to in the clear is a contradiction."""
    secured = [parse_legacy_relay_url(text).is_secured for text in ("mx", "smtp://mx", "lmtp://mx:24", "backup://mx")]
    assert secured == [False, False, False, False]
    assert parse_legacy_relay_url("tls+backup://mx").is_secured
    assert parse_legacy_relay_url("secure+auth://ann@mx").authenticates


SCHEMES = ("smtp", "smtp+tls", "tls", "smtps", "secure", "ssl", "lmtp", "backup", "tls+backup")


@given(
    scheme=st.none() | st.sampled_from([*SCHEMES, "tls+auth", "smtps+auth", "secure+auth", "ssl+auth"]),
    host=st.sampled_from(["mx", "mx.example", "::1", "192.0.2.1"]),
    port=st.integers(1, 65535),
)
def test_a_printed_url_reads_back(scheme: str | None, host: str, port: int) -> None:
    """Printing a URL loses nothing."""
    label = "ann" if scheme and scheme.endswith("+auth") else None
    url = LegacyRelayUrl(scheme=scheme, label=label, host=host, port=port)

    assert parse_legacy_relay_url(str(url)) == url
