"""Actions that fail at each use, or do something else than they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.diagnostics.diagnostic import Diagnostic, Severity
from tests.checking import check_text, codes


def check(
    root: Path, action: str, tables: str = "", files: dict[str, str] | None = None, options: tuple[str, ...] = ()
) -> list[Diagnostic]:
    """Return the findings for a configuration with one action."""
    text = f'listen on localhost\n{tables}\naction "a" {action}\nmatch from local for any action "a"\n'
    return check_text(text, root, files, options)


def seen(found: list[Diagnostic]) -> list[tuple[str, str, str]]:
    """Return code, severity and the blamed characters of each finding."""
    return [(each.code.name, each.severity.value, each.span.text) for each in found]


# ---------------------------------------------------------------- next hops


@pytest.mark.parametrize(
    ("url", "blamed"),
    [
        ("foo://mx.example.org", "foo"),
        ("smtp://ann@mx.example.org", "ann"),
        ("smtps://ann@mx.example.org:70000", "70000"),
        ("lmtp://mx.example.org", "mx.example.org"),
        ("tls+auth://ann@mx.example.org", "tls+auth"),
    ],
)
def test_url_that_fails(tmp_path: Path, url: str, blamed: str) -> None:
    """A URL to which nothing can ever be sent is an error at the characters to blame."""
    assert seen(check(tmp_path, f'relay host "{url}"')) == [("unusable-url", "error", blamed)]


def test_some_of_several_hosts_fail(tmp_path: Path) -> None:
    """While another host works, a URL that does not is a warning."""
    some = check(tmp_path, 'relay host { "foo://x.example", smtp://y.example, smtps://l@z.example }')
    none = check(tmp_path, 'relay host { "foo://x.example", smtps://l@z.example }')

    assert seen(some) == [("unusable-url", "warning", "foo"), ("label-without-auth", "warning", "l")]
    assert [each.severity for each in none] == [Severity.ERROR, Severity.ERROR]


def test_url_in_a_file(tmp_path: Path) -> None:
    """A finding about a URL of a file stands in the file, once for all actions that share it."""
    text = (
        "listen on localhost\ntable relays file:/relays\n"
        'action "a" relay host <relays>\naction "b" relay host <relays> tls\n'
        'match from local for local action "a"\nmatch from local for any action "b"\n'
    )
    found = check_text(text, tmp_path, {"/relays": "# @list\nsmtp://x.example\nfoo://y.example\n"})

    assert seen(found) == [("unusable-url", "warning", "foo")]
    assert found[0].span.source.position(found[0].span.start) == (3, 1)
    assert found[0].related[0].span.text == "<relays>"


def test_urls_of_a_mapping(tmp_path: Path) -> None:
    """The values of `relay domain` are URLs, its keys are domains without wildcards."""
    found = check(tmp_path, 'relay domain { "*.example.org" = mx.example, example.org = "smtp://mx/x" }')

    assert seen(found) == [
        ("suspicious-url", "warning", "/x"),
        ("impossible-pattern", "warning", "*.example.org"),
    ]


def test_forgotten_colon_of_a_scheme(tmp_path: Path) -> None:
    """The advice for a URL with half of its mark is the whole mark."""
    (finding,) = check(tmp_path, 'relay host "smtp//mx.example.org"')

    assert finding.help == 'write "smtp://mx.example.org"'


@pytest.mark.parametrize(("scheme", "fails"), [("smtp+notls", True), ("lmtp", True), ("smtp", False), ("smtps", False)])
def test_tls_where_there_is_none(tmp_path: Path, scheme: str, *, fails: bool) -> None:
    """`tls` with a scheme that never uses it fails at each attempt; the finding shows both."""
    found = check(tmp_path, f'relay host "{scheme}://mx.example.org:2525" tls no-verify')

    assert seen(found) == ([("conflicting-options", "error", scheme)] if fails else [])
    assert [related.span.text for each in found for related in each.related] == ["tls"] * fails


# ---------------------------------------------------------------- labels


def test_label_without_auth(tmp_path: Path) -> None:
    """A label and no `auth` is an error at the label."""
    assert seen(check(tmp_path, "relay host smtps://ann@mx.example.org")) == [("label-without-auth", "error", "ann")]


def test_labels_ignore_case(tmp_path: Path) -> None:
    """Labels are looked up as all keys are."""
    assert seen(check(tmp_path, 'relay host smtps://Ann@mx.example.org auth { ann = "u:p" }')) == []


def test_label_nobody_declares(tmp_path: Path) -> None:
    """A label that the table does not have is compared with those that it has."""
    found = check(tmp_path, "relay host smtps://wrok@mx.example.org auth <t>", 'table t { work = "u:p" }')

    assert seen(found) == [("label-without-auth", "error", "wrok")]
    assert found[0].help == 'use "work"'
    assert [related.span.text for related in found[0].related] == ["work"]


def test_label_of_an_unknown_table(tmp_path: Path) -> None:
    """A table that does not exist is one mistake, and one of unknown content is none."""
    assert codes(check(tmp_path, "relay host smtps://x@mx.example.org auth <t>")) == ["unknown-table"]
    found = check(tmp_path, "relay host smtps://x@mx.example.org auth <t>", "table t db:/t", {"/t": ""})
    assert codes(found) == []


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_password_in_a_url(tmp_path: Path, scheme: str) -> None:
    """Who writes a user and a password into the URL learns where they belong, and they are not repeated."""
    (finding,) = check(tmp_path, f'relay host "{scheme}://ann:hunter2@mx.example.org"')

    assert finding.severity is Severity.ERROR
    assert finding.span.text == "ann:hunter2"
    assert "`auth { label =" in finding.help
    assert "hunter2" not in finding.message + finding.help


def test_auth_without_label(tmp_path: Path) -> None:
    """An `auth` table that no URL asks is shown how to be asked; one that some ask is fine."""
    none = check(tmp_path, 'relay host smtp://mx.example.org:587 auth { work = "u:p" }')
    some = check(tmp_path, 'relay host { smtp://mx.example.org, smtps://work@mx } auth { work = "u:p" }')

    assert seen(none) == [("auth-without-label", "warning", "auth")]
    assert '"smtp+tls://work@mx.example.org:587"' in none[0].help
    assert seen(some) == []


# ---------------------------------------------------------------- options of relays


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("helo-src { 192.0.2.1 = host1 }", [("useless-option", "warning", "helo-src")]),
        ("src 192.0.2.1 helo-src { 192.0.2.1 = host1 } helo host2", [("useless-option", "warning", "host2")]),
        ("src 192.0.2.1 helo-src { 192.0.2.1 = host1 }", []),
        ('src 2001:db8::1 helo-src { "[2001:DB8:0::1]" = host1 }', [("unusable-entry", "warning", "[2001:DB8:0::1]")]),
        ("src 192.0.2.2 helo-src { 192.0.2.1 = host1 }", [("unusable-entry", "error", "192.0.2.2")]),
        (
            "src { 192.0.2.1, 192.0.2.2 } helo-src { 192.0.2.1 = host1 }",
            [("unusable-entry", "warning", "192.0.2.2")],
        ),
        ('helo "my host"', [("unusable-value", "warning", " ")]),
        ('helo "[192.0.2.1]"', []),
        ('mail-from "ann smith@example.org"', [("unusable-value", "warning", " ")]),
        ('mail-from "ann@exa_mple.org"', []),
        ('mail-from "ann@-example.org"', [("unusable-value", "warning", "-")]),
        ('mail-from "<ann@example.org>"', [("unusable-value", "warning", '"<ann@example.org>"')]),
        ('mail-from "@"', [("useless-option", "warning", '"@"')]),
        ('mail-from "@example.org"', []),
        ("mail-from ann", []),
        ('backup mx "mx 1"', [("unusable-value", "warning", '"mx 1"')]),
        ("backup mx mx1.example.org", []),
        ('protocols "tlsv1.2,tlsv9"', [("unusable-tls-string", "error", "tlsv9")]),
        ("ciphers nothing-of-the-kind", [("unusable-tls-string", "error", "nothing-of-the-kind")]),
        ("ciphers secure protocols secure", []),
    ],
)
def test_options_of_a_relay(tmp_path: Path, options: str, expected: list[tuple[str, str, str]]) -> None:
    """Names and addresses that other servers refuse are warnings; what the TLS library refuses is an error."""
    assert seen(check(tmp_path, f"relay {options}")) == expected


# ---------------------------------------------------------------- deliveries


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ('mda "/bin/cat %{sendr}"', [("unusable-format", "error", "%{sendr}")]),
        ('mda "/bin/cat %{rcpt:lower}"', [("unusable-format", "error", "lower")]),
        ('mda "/bin/cat %{rcpt"', [("unexpanded-format", "warning", "%{rcpt")]),
        ('mda "/bin/cat %{mda}"', [("unusable-format", "error", "%{mda}")]),
        ('maildir "~/%{user"', [("unexpanded-format", "warning", "%{user")]),
        ('lmtp "/run/%{nobody}"', [("unusable-format", "error", "%{nobody}")]),
        ('maildir "Mail"', [("relative-path", "warning", '"Mail"')]),
        ('maildir "~ann/Mail"', [("relative-path", "warning", '"~ann/Mail"')]),
        ('maildir "%{dest.user}"', [("relative-path", "warning", '"%{dest.user}"')]),
        ('maildir "%{user.directory}/Mail"', []),
        ('maildir "/var/mail/%{dest.user}"', []),
        ('lmtp "unix:/run/lmtp"', [("unusable-value", "error", "unix:")]),
        ('lmtp "localhost:no-such-service"', [("unusable-value", "error", "no-such-service")]),
        ('lmtp "%{dest.domain}:24"', []),
        ("mbox user root", [("conflicting-options", "error", "user")]),
        ('mda "/bin/cat" user root', [("unusable-value", "error", "root")]),
        ('mda "/bin/cat" user no-such-user', []),
    ],
)
def test_local_actions(tmp_path: Path, action: str, expected: list[tuple[str, str, str]]) -> None:
    """What makes every delivery fail is an error; accounts of a test bed are its own."""
    assert seen(check(tmp_path, action)) == expected


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("/no/such/program -x", "/no/such/program"),
        ("'/no such/program' -x", "/no such/program"),
        ("  /no/such/program;true", "/no/such/program"),
        ("program", None),
        ("$HOME/program", None),
        ("/home/%{user.username}/program", None),
        ("exec /no/such/program", None),
    ],
)
def test_program_that_is_missing(tmp_path: Path, command: str, program: str | None) -> None:
    """The first word of a command is looked for if it is an absolute path that no shell would change."""
    found = check(tmp_path, f'mda "{command}"')

    assert seen(found) == ([("missing-file", "warning", program)] if program else [])


def test_nothing_is_looked_for_with_static(tmp_path: Path) -> None:
    """`--static` asks for no program, no account and no service."""
    found = check(tmp_path, 'mda "/no/such/program" user no-such-user', options=("--static", "--here"))

    assert codes(found) == []


@pytest.mark.parametrize(
    ("command", "is_bare"),
    [
        ("lda -f %{sender} -a x", True),
        ("lda -f%{sender} -a x", True),
        ("lda -f %{sender.user} -a x", True),
        ("rspamc --exec 'lda -f %{sender} -a x'", True),
        ("lda -a x -f %{sender}", True),
        ("lda %{sender} x", True),
        ("lda x %{sender}", False),
        ("lda -f '%{sender}' -a x", False),
        (r"lda -f \\\"%{sender}\\\" -a x", False),
        ("lda --from=%{sender} -a x", False),
        ("lda -f <%{sender}> -a x", False),
        ("lda -f %{sender}@ -a x", False),
        ("lda -f %{mbox.from} -a %{rcpt}", False),
    ],
)
def test_sender_that_may_be_empty(tmp_path: Path, command: str, *, is_bare: bool) -> None:
    """A sender that is a word of its own takes the argument of its option away when it is empty."""
    found = check(tmp_path, f'mda "{command}"')

    assert codes(found) == ["unquoted-sender"] * is_bare


def test_fix_of_an_unquoted_sender(tmp_path: Path) -> None:
    """The fix is the value that is never empty; the label says what happens without it."""
    (finding,) = check(tmp_path, 'mda "lda -f %{sender} -a %{rcpt}"')

    assert finding.label == '"-a" takes its place'
    assert finding.fix is not None
    assert finding.fix.edits[0].replacement == "%{mbox.from}"


def test_sender_in_the_language_before(tmp_path: Path) -> None:
    """Up to 6.3 the value of no sender is ``@``, and there is nothing to write instead."""
    text = 'listen on localhost\naccept for local deliver to mda "lda -f %{sender} -a %{rcpt}"\n'
    found = check_text(text, tmp_path)

    assert codes(found) == ["unquoted-sender"]
    assert "`@`" in found[0].message
    assert found[0].fix is None


def test_wrapper(tmp_path: Path) -> None:
    """A wrapper that never runs what it wraps is reported where it is declared."""
    found = check(tmp_path, 'mda "/bin/cat" wrapper w', 'mda wrapper w "nice -n 5"')

    assert seen(found) == [("wrapper-without-mda", "warning", '"nice -n 5"')]
    assert seen(check(tmp_path, 'mda "/bin/cat" wrapper w', 'mda wrapper w "nice %{mda}"')) == []


def test_wrapper_with_a_misspelt_value(tmp_path: Path) -> None:
    """A wrapper whose only value is misspelt has one finding."""
    found = check(tmp_path, 'mda "/bin/cat" wrapper w', 'mda wrapper w "nice %{mdaa}"')

    assert seen(found) == [("unusable-format", "error", "%{mdaa}")]


def test_account_of_this_machine(tmp_path: Path) -> None:
    """Without a root, accounts are looked up."""
    found = check(tmp_path, 'mda "/bin/cat" user no-such-user', options=("--here",))

    assert seen(found) == [("unknown-account", "warning", "no-such-user")]


def test_one_rule_of_the_language_before_has_one_finding(tmp_path: Path) -> None:
    """A rule that stands for two has its findings once."""
    text = 'listen on localhost\naccept from local for domain { ".example.org", a, a } deliver to maildir "Mail"\n'
    found = check_text(text, tmp_path)

    assert sorted(codes(found)) == ["duplicate-key", "impossible-pattern", "relative-path"]
