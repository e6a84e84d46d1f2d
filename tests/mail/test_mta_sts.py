"""Records and policies of MTA-STS, as domains write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.mta_sts import MAX_SECONDS, Mode, Policy, parse_policy, read_record
from smtpdsl.text_error import TextError

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Backup.example.com\r\nmax_age: 604800\r\n"


def policy(**changes: str) -> str:
    """Write a policy whose fields have *changes*; an empty value leaves a field out."""
    fields = {"version": "STSv1", "mode": "enforce", "mx": "mx.test", "max_age": "86400", **changes}
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


@pytest.mark.parametrize(
    ("texts", "identifier"),
    [
        (["v=STSv1; id=20260301T000000"], "20260301T000000"),
        (["v=STSv1;id=a;"], "a"),
        (["v=STSv1 ; later=x ; id=a ; "], "a"),
        (["v=spf1 -all", "v=STSv1; id=a", "v=STSv10; id=b"], "a"),
        (["v=STSv1; id=a; id=b"], "a"),
        ([], None),
        (["v=STSv1"], None),
        (["v=STSv1; id="], None),
        (["v=STSv1; id=a-b"], None),
        (["v=STSv1; id=" + "a" * 33], None),
        (["v=STSv1; id=a; what"], None),
        (["v=STSv1;; id=a"], None),
        (["V=STSv1; id=a"], None),
        (["id=a; v=STSv1"], None),
        (["v=STSv1; id=a", "v=STSv1; id=a"], None),
    ],
)
def test_the_record_of_a_domain(texts: list[str], identifier: str | None) -> None:
    """Exactly one, with an id; whatever else stands there is somebody else's."""
    assert read_record(texts) == identifier


def test_a_policy() -> None:
    """Hosts are lower-cased; lines end with CR LF or LF, and the last may not end at all."""
    expected = Policy(Mode.ENFORCE, ("mail.example.com", "*.backup.example.com"), 604800)

    assert parse_policy(POLICY) == expected
    assert parse_policy(POLICY.replace("\r\n", "\n").rstrip()) == expected
    assert parse_policy("\n".join(expected.lines)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (policy(mode="testing"), Policy(Mode.TESTING, ("mx.test",), 86400)),
        (policy(mode="none", mx=""), Policy(Mode.NONE, (), 86400)),
        (policy(max_age="0"), Policy(Mode.ENFORCE, ("mx.test",), 0)),
        (policy(max_age=str(MAX_SECONDS)), Policy(Mode.ENFORCE, ("mx.test",), MAX_SECONDS)),
        (policy() + "mode: none\nmax_age: 1\nmx: mx.test\n", Policy(Mode.ENFORCE, ("mx.test",), 86400)),
        ("x-new: any words: at all\n" + policy(), Policy(Mode.ENFORCE, ("mx.test",), 86400)),
        ("mx:\tmx.test.\nmax_age:1 \nmode:enforce\nversion:STSv1\n\n", Policy(Mode.ENFORCE, ("mx.test",), 1)),
    ],
)
def test_what_a_policy_may_be(text: str, expected: Policy) -> None:
    """In any order, with fields that nobody knows; of a field that is there twice the first holds."""
    assert parse_policy(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "version: STSv1"),
        (policy(version="STSv2"), "version: STSv1"),
        (policy(mode=""), "as the mode of a policy, found nothing"),
        (policy(mode="Enforce"), 'found "Enforce"'),
        (policy(mx=""), "at least one `mx`"),
        (policy(mx="*"), '"*" in line 3 of the policy is no name of a host'),
        (policy(mx="mx.*.test"), "is no name of a host"),
        (policy(mx="a b"), "is no name of a host"),
        (policy(mx="-a.test"), "is no name of a host"),
        (policy(mx="müller.test"), r'"m\xfcller.test" in line 3'),
        (policy() + "".join(f"mx: {number}.test\n" for number in range(100)), "at most 100 `mx`"),
        (policy(max_age=""), "as the max_age of a policy, found nothing"),
        (policy(max_age="-1"), 'found "-1"'),
        (policy(max_age="1_000"), 'found "1_000"'),
        (policy(max_age=str(MAX_SECONDS + 1)), "at most 31557600 seconds"),
        (policy(max_age="9" * 4000), "as the max_age"),
        ("<html>\n" + policy(), "line 1 of the policy is no field"),
        (policy() + "mode enforce\n", "line 5 of the policy is no field"),
        (policy() + "x: \x1b[2J\n", "line 5 of the policy is no field"),
    ],
)
def test_what_is_no_policy(text: str, message: str) -> None:
    """The text says what is wrong, on one line that can be printed."""
    with pytest.raises(TextError) as caught:
        parse_policy(text)

    assert message in str(caught.value)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("pattern", "host", "is_named"),
    [
        ("mx.test", "mx.test", True),
        ("mx.test", "MX.Test.", True),
        ("mx.test", "a.mx.test", False),
        ("*.mx.test", "a.mx.test", True),
        ("*.mx.test", "mx.test", False),
        ("*.mx.test", "a.b.mx.test", False),
        ("*.test", "*.test", True),
        ("mx.test", "", False),
    ],
)
def test_a_star_is_one_label(pattern: str, host: str, *, is_named: bool) -> None:
    """RFC 8461 §4.1: the leftmost one."""
    assert Policy(Mode.ENFORCE, (pattern,), 1).names(host) is is_named


@given(st.text() | st.lists(st.sampled_from(POLICY.splitlines(keepends=True))).map("".join))
def test_nothing_but_a_text_error_comes_of_any_text(text: str) -> None:
    """Strangers write policies."""
    try:
        found = parse_policy(text)
    except TextError:
        return
    assert parse_policy("\n".join(found.lines)) == found
