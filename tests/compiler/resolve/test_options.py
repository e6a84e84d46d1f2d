"""Options: at most once each, unless the language says otherwise."""

from __future__ import annotations

import pytest

from tests.worlds import compile_text, pointed_at

RULE = 'action "in" mbox\nmatch from local for local action "in"\n'


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ('action "x" mbox alias { a = b } alias { c = d }\nmatch for any action "x"', "alias"),
        ('action "x" mbox userbase { a = "1:1:/a" } userbase { a = "1:1:/a" }\nmatch for any action "x"', "userbase"),
        ('action "x" maildir user nobody user nobody\nmatch for any action "x"', "user"),
        ('action "x" relay helo a.example helo b.example\nmatch for any action "x"', "helo"),
        ('action "x" relay tls tls no-verify\nmatch for any action "x"', "tls"),
        ('action "x" relay srs srs\nmatch for any action "x"\nsrs key k', "srs"),
        ("listen on lo port 26 port 27", "port"),
        ("listen on lo tag a tag b", "tag"),
        ("listen on lo inet4 inet4", "inet4"),
        ("listen on lo no-dsn no-dsn", "no-dsn"),
        ('proc p "/bin/true" user a user b\nfilter f proc p\nlisten on lo filter f', "user"),
    ],
)
def test_an_option_given_twice(text: str, option: str) -> None:
    """One error at the second one, with the first beside it."""
    (found,) = [each for each in compile_text(RULE + text + "\n").findings if each.code.name == "duplicate-option"]

    assert found.message == f"`{option}` is given twice"
    assert pointed_at(found) == option
    assert found.related[0].span.start < found.span.start
    assert found.help == "remove one of them"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'action "x" mbox alias { a = b } virtual { c = d }\nmatch for any action "x"',
            "`virtual` and `alias` exclude each other",
        ),
        (
            'action "x" relay host h.example backup\nmatch for any action "x"',
            "`backup` and `host` exclude each other",
        ),
        (
            'action "x" relay host h.example domain { a.example = h.example }\nmatch for any action "x"',
            "`domain` and `host` exclude each other",
        ),
        ("listen on lo inet4 inet6", "`inet6` and `inet4` exclude each other"),
        ("listen on lo tls smtps pki c1\npki c1 dhe none", "`smtps` and `tls` exclude each other"),
        (
            "listen on lo tls pki c1 auth auth-optional\npki c1 dhe none",
            "`auth-optional` and `auth` exclude each other",
        ),
    ],
)
def test_options_that_exclude_each_other(text: str, message: str) -> None:
    """One error at the later one; the earlier holds."""
    (found,) = [each for each in compile_text(RULE + text + "\n").findings if each.code.name == "conflicting-options"]

    assert found.message == message
    assert message.startswith(f"`{pointed_at(found)}`")
    assert found.related[0].message == "given here already"


def test_the_last_wrapper_holds() -> None:
    """OpenSMTPD takes the last of several wrappers without a word; here it is a warning."""
    text = (
        'mda wrapper a "a %{mda}"\nmda wrapper b "b %{mda}"\n'
        'action "x" mda "/bin/true" wrapper a wrapper b\nmatch for local action "x"\n'
    )
    compiled = compile_text(text)

    (found,) = [each for each in compiled.findings if each.code.name == "overwritten-option"]
    assert found.message == "`wrapper` is given again; this one holds"
    wrapper = getattr(compiled.ruleset.actions["x"], "wrapper", None)
    assert wrapper is compiled.ruleset.wrappers["b"]


def test_several_certificates_are_no_mistake() -> None:
    """A listener chooses among its certificates by the name that the client asks for."""
    compiled = compile_text(f"{RULE}pki a dhe none\npki b dhe none\nlisten on lo tls pki a pki b\n")

    assert not [each for each in compiled.findings if each.code.name == "duplicate-option"]
    assert [pki.name for pki in compiled.ruleset.listeners[0].pki] == ["a", "b"]
