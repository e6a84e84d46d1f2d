"""Mailboxes and paths: what is one, and how it is quoted."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address import AddressError, ForwardPath, Mailbox, ReversePath
from smtpdsl.mail.address_syntax import parse_domain, parse_local_part

PRINTABLE = "".join(map(chr, range(32, 127)))
BEYOND_ASCII = "éßñжλ日本한ü"


@st.composite
def mailboxes(draw: st.DrawFn, beyond: str = "") -> Mailbox:
    """Draw mailboxes at names of one to three labels, and at address literals."""
    local_part = draw(st.text(PRINTABLE + beyond, min_size=1, max_size=80))
    if draw(st.integers(0, 3)) == 0:
        literals = ["[192.0.2.1]", "[IPv6:2001:db8::1]", "[ipv6:::]", "[::ffff:192.0.2.1]"]
        return Mailbox(local_part=local_part, domain=draw(st.sampled_from(literals)))
    start = st.sampled_from(string.ascii_letters + string.digits + "_" + beyond)
    rest = st.text(string.ascii_letters + string.digits + "-_" + beyond, max_size=25)
    labels = draw(st.lists(st.builds(str.__add__, start, rest), min_size=1, max_size=3))
    return Mailbox(local_part=local_part, domain=".".join(labels))


@given(mailbox=mailboxes())
def test_a_printed_mailbox_reads_as_itself(mailbox: Mailbox) -> None:
    """Whatever printable characters a local part holds, `str` quotes it so that `parse` gives it back."""
    assert Mailbox.parse(str(mailbox)) == mailbox
    assert ReversePath.parse(str(ReversePath(mailbox=mailbox))) == ReversePath(mailbox=mailbox)
    assert ForwardPath.parse(str(ForwardPath(mailbox=mailbox))) == ForwardPath(mailbox=mailbox)


@given(mailbox=mailboxes(BEYOND_ASCII))
def test_characters_beyond_ascii_need_smtputf8(mailbox: Mailbox) -> None:
    """With `utf8` the round trip holds for every script; without it only for ASCII."""
    assert Mailbox.parse(str(mailbox), utf8=True) == mailbox
    if not str(mailbox).isascii():
        with pytest.raises(AddressError, match="only ASCII characters"):
            Mailbox.parse(str(mailbox))


@given(text=st.text(PRINTABLE + BEYOND_ASCII + "\x00\t\udc80\u2028", max_size=30))
def test_any_text_is_an_address_or_an_address_error(text: str) -> None:
    """Nothing but `AddressError` is raised, and it points into the text."""
    for parse in (Mailbox.parse, ReversePath.parse, ForwardPath.parse):
        try:
            parse(text, utf8=True)
        except AddressError as error:
            assert 0 <= error.start <= error.end <= len(text)  # noqa: PT017 - some texts raise, some do not


@given(
    local_part=st.text(PRINTABLE[:95], max_size=12) | st.text("ab.", min_size=250, max_size=260),
    domain=st.text("abAZ09_-.[]@ é", max_size=12)
    | st.text("ab", min_size=60, max_size=66)
    | st.text("a.", min_size=250),
)
def test_plain_addresses_are_read_as_all_others(local_part: str, domain: str) -> None:
    """There is a quick way for them, and it leads nowhere else."""
    try:
        found: object = Mailbox.parse(f"{local_part}@{domain}")
    except AddressError as error:
        found = None
        assert error.message  # noqa: PT017 - some texts raise, some do not
    try:
        expected: object = (parse_local_part(local_part), parse_domain(domain))
    except AddressError:
        expected = None

    if "@" not in local_part and not local_part.startswith('"'):
        assert (found is None) is (expected is None)
        assert not isinstance(found, Mailbox) or (found.local_part, found.domain) == expected


@pytest.mark.parametrize(
    ("written", "local_part", "printed"),
    [
        ("joe", "joe", "joe"),
        ("joe.smith+tag", "joe.smith+tag", "joe.smith+tag"),
        ("!#$%&'*+-/=?^_`{|}~", "!#$%&'*+-/=?^_`{|}~", "!#$%&'*+-/=?^_`{|}~"),
        ('"joe"', "joe", "joe"),
        ('"joe smith"', "joe smith", '"joe smith"'),
        (r'"a\"b\\c\d"', 'a"b\\cd', r'"a\"b\\cd"'),
        ('"a@b"', "a@b", '"a@b"'),
        ('"a..b"', "a..b", '"a..b"'),
        ('"."', ".", '"."'),
    ],
)
def test_only_what_needs_quotes_is_printed_in_quotes(written: str, local_part: str, printed: str) -> None:
    """Quoting is no part of a name: a local part is compared without it and printed with the least."""
    mailbox = Mailbox.parse(f"{written}@example.org")

    assert mailbox.local_part == local_part
    assert str(mailbox) == f"{printed}@example.org"


@pytest.mark.parametrize(
    "domain",
    [
        "example.org",
        "localhost",
        "1.2.3.4",
        "a_b.example",
        "_tcp.example",
        "old-.example",
        "x" * 63,
        ".".join(["x" * 63] * 3 + ["x" * 62]),
        "[192.0.2.1]",
        "[IPv6:2001:db8::1]",
        "[iPv6:::]",
        "[::1]",
    ],
)
def test_domains_are_names_and_address_literals(domain: str) -> None:
    """Names as the DNS holds them, up to 63 and 255 octets, and addresses in brackets, kept as written."""
    assert Mailbox.parse(f"joe@{domain}").domain == domain


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ("joe", 3, "expected `@` and a domain"),
        ("@example.org", 0, "expected a local part before `@`"),
        ('""@example.org', 0, "between the quotes"),
        ("joe@", 4, "expected a domain after `@`"),
        ("joe smith@example.org", 3, "no blank in an unquoted local part"),
        ("joe@exa mple.org", 7, "no blank in a domain"),
        ("joe..smith@example.org", 4, "both sides of each dot"),
        (".joe@example.org", 0, "both sides of each dot"),
        ("joe.@example.org", 3, "both sides of each dot"),
        ("joe@example..org", 12, "both sides of each dot"),
        ("joe@example.org.", 15, "both sides of each dot"),
        ("joe@-x.org", 4, "found a hyphen"),
        ("joe@a@b", 5, 'no "@" in a domain'),
        ("joe@ex!ample", 6, 'no "!" in a domain'),
        ("jo\te@example.org", 2, "found U\\+0009"),
        ("jöe@example.org", 1, 'found "ö"'),
        ('"joe@example.org', 16, "expected a closing quote"),
        ('"joe\\"@x', 8, "expected a closing quote"),
        ('"joe"x@example.org', 5, "expected `@` after the quoted"),
        ("joe@[192.0.2]", 5, "expected an IPv4 address"),
        ("joe@[IPv6:192.0.2.1]", 5, "expected an IPv4 address"),
        ("joe@[x-tag:1]", 5, "expected an IPv4 address"),
        ("joe@[192.0.2.1", 14, "expected `]`"),
        ("x" * 256 + "@example.org", 0, "at most 255 octets, found 256"),
        ("joe@" + "x" * 64 + ".org", 4, "at most 63 characters, found 64"),
        ("joe@" + ".".join(["x" * 63] * 4) + ".y", 4, "at most 255 octets, found 257"),
    ],
)
def test_what_is_wrong_with_an_address_is_shown(text: str, start: int, message: str) -> None:
    """The error says which rule is broken, and where."""
    with pytest.raises(AddressError, match=message) as caught:
        Mailbox.parse(text)

    assert caught.value.start == start


def test_some_characters_are_in_no_address() -> None:
    """SMTPUTF8 adds letters, not controls, blanks or halves of characters; a domain takes no symbols either."""
    for text in ("a\u2028b@x", "a\udc80@x", "a\u00a0b@x", '"a\u0085"@x', "a@\u2603.example", "a@b\u3002c"):
        with pytest.raises(AddressError):
            Mailbox.parse(text, utf8=True)
    assert Mailbox.parse("\u2603@x", utf8=True).local_part == "\u2603"
    assert Mailbox.parse("a@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc", utf8=True)


@pytest.mark.parametrize("text", ["", "<>"])
def test_no_address_is_the_null_reverse_path(text: str) -> None:
    """Bounces come from nobody, however that is typed."""
    path = ReversePath.parse(text)

    assert path.is_null
    assert str(path) == "<>"


@pytest.mark.parametrize("text", ["", "<>"])
def test_no_forward_path_is_null(text: str) -> None:
    """Mail must have somebody to go to."""
    with pytest.raises(AddressError, match="expected a recipient"):
        ForwardPath.parse(text)


@pytest.mark.parametrize("text", ["joe@example.org", "<joe@example.org>", "<@a.example,@b:joe@example.org>"])
def test_brackets_and_source_routes_are_no_part_of_an_address(text: str) -> None:
    """What MAIL and RCPT wrap around a mailbox is dropped."""
    joe = Mailbox(local_part="joe", domain="example.org")

    assert ReversePath.parse(text) == ReversePath(mailbox=joe)
    assert ForwardPath.parse(text) == ForwardPath(mailbox=joe)
    assert str(ForwardPath.parse(text)) == "<joe@example.org>"


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ("<joe@example.org", 16, "expected `>` at the end"),
        ("<joe@example.org> SIZE=1", 17, "expected nothing after `>`"),
        ("Joe <joe@example.org>", 0, "found a name before it"),
        ("<joe@exa mple>", 8, "no blank in a domain"),
        ("<@a.example,b:joe@example.org>", 12, "expected `@` before each host"),
        ("<@a..b:joe@example.org>", 4, "both sides of each dot"),
        ("<@a.example:joe@x y>", 17, "no blank in a domain"),
        ("<@example.org>", 1, "expected a local part"),
    ],
)
def test_errors_in_a_path_are_counted_from_its_start(text: str, start: int, message: str) -> None:
    """Brackets and routes are dropped only after the caret is in its place."""
    for parse in (ReversePath.parse, ForwardPath.parse):
        with pytest.raises(AddressError, match=message) as caught:
            parse(text)
        assert caught.value.start == start


def test_postmaster_needs_no_domain() -> None:
    """RFC 5321 §4.5.1: mail to the postmaster is taken whatever the domain."""
    assert ForwardPath.parse("<PostMaster>") == ForwardPath(mailbox=None)
    assert str(ForwardPath.parse("postmaster")) == "<postmaster>"
    with pytest.raises(AddressError, match="expected `@` and a domain"):
        ForwardPath.parse("<joe>")
    with pytest.raises(AddressError, match="expected `@` and a domain"):
        ReversePath.parse("<postmaster>")


@pytest.mark.parametrize("text", ["joe", "<joe>", '"joe"', "postmaster"])
def test_a_default_domain_completes_a_local_part(text: str) -> None:
    """A server names itself for senders and recipients without a domain."""
    path = ForwardPath.parse(text, default_domain="mx.example")

    assert path.mailbox is not None
    assert path.mailbox.domain == "mx.example"
    assert path.mailbox.local_part in {"joe", "postmaster"}
    assert ReversePath.parse(text, default_domain="mx.example").mailbox == path.mailbox


def test_a_default_domain_changes_no_other_path() -> None:
    """Neither the null reverse-path nor an address that has a domain is completed."""
    assert ReversePath.parse("<>", default_domain="mx.example").is_null
    assert str(ReversePath.parse("<joe@example.org>", default_domain="mx.example")) == "<joe@example.org>"
    assert str(ForwardPath.parse("<joe@example.org>", default_domain="mx.example")) == "<joe@example.org>"
