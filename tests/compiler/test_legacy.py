"""Whole legacy configurations: what is accepted, what it means, and files that served mail."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.compiler.legacy import requote_mda, translate
from smtpdsl.compiler.pipeline import compile_source
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Dialect, Word
from tests.compiler.legacy.translated import SERVER_NAME, parse_text, translated
from tests.properties.strategies import damaged_texts, grammar_texts, legacy_configs

REAL_WORLD = Path(__file__).parent.parent / "real_world"

ERROR, WARNING, FINE = "error", "warning", "fine"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accept", FINE),
        ('accept for any relay via "smtp://h" verify', ERROR),
        ('accept for any relay via "tls+auth://h" auth <t>', ERROR),
        ('accept for any relay via "tls+auth://l@h"', ERROR),
        ('accept for any relay via "smtps://h" auth <t>', WARNING),
        ("accept for any alias <a> relay", ERROR),
        ("accept alias <a> for any deliver to mbox", ERROR),
        ("accept for domain x virtual <v> alias <a> deliver to mbox", ERROR),
        ("accept from any from local for any relay", ERROR),
        ("accept tagged A tagged B for any relay", WARNING),
        ("accept for all relay", ERROR),
        # Releases before 5.4.1 take `all` for a host, which matches nothing; a later pass says so.
        ("accept from all for any relay", FINE),
        ("accept <t> for any relay", ERROR),
        ("reject from any sender <bad>", FINE),
        ("reject from any for ! local alias <a>", ERROR),
        ("accept for any forward-only deliver to mbox", ERROR),
        ("accept for any deliver to mbox forward-only", ERROR),
        ("listen on lo port smtps", ERROR),
        ("listen on lo port smtp", FINE),
        ("listen on lo port submission", FINE),
        ("listen on lo secure port 25", ERROR),
        ("table t /etc/x", ERROR),
        ('table t "/etc/x"', FINE),
        ("table virtual file:/x", ERROR),
        ("expire 4", ERROR),
        ("expire 4d", FINE),
        ("bounce-warn 1h 2h", ERROR),
        ("filter f chain a, b", ERROR),
    ],
)
def test_line_is_taken_as_the_releases_took_it(text: str, expected: str) -> None:
    """What some release accepted is no error here, and what none accepted is one."""
    found = translated(text + "\n")
    assert (ERROR if found.has_errors else WARNING if found.findings else FINE) == expected


def test_auth_without_tls_is_an_error_in_the_end() -> None:
    """What is wrong in both generations is found on the modern tree, by the passes that follow."""
    report = Report()
    compile_source(Source("smtpd.conf", "listen on lo auth\naccept for any relay\n"), Machine(static=True), report)
    assert report.has_errors


SAMPLE = r"""
pki example.com key "/etc/letsencrypt/example.com/privkey.pem"
pki example.com cert "/etc/letsencrypt/example.com/fullchain.pem"
listen on lo mask-source
listen on 1.2.3.4 port 25 tls pki example.com auth-optional hostname example.com
listen on 1.2.3.4 port 465 smtps pki example.com auth hostname example.com mask-source
listen on 1.2.3.4 port 587 tls-require pki example.com auth hostname example.com mask-source
table aliases file:/etc/mail/aliases
table domains file:/etc/mail/domains
table virtuals file:/etc/mail/virtuals
table authinfo file:/etc/mail/authinfo
accept from any for domain <domains> virtual <virtuals> deliver to mda "/usr/local/bin/rspamc --mime --exec \"/usr/local/libexec/dovecot/deliver -d %{dest:lowercase|strip} -f %{sender} -a %{rcpt}\""
accept from local for local alias <aliases> deliver to mda "/usr/local/bin/rspamc --mime --exec \"/usr/local/libexec/dovecot/deliver -d %{dest:lowercase|strip} -f %{sender} -a %{rcpt}\""
accept from local for any relay via "tls+auth://example@smtp.example.com:587" auth <authinfo> verify
"""  # noqa: E501 - lines of a configuration

# Accepted by OpenSMTPD 6.6 and later, and the same configuration.
CONVERTED = """
pki example.com key "/etc/letsencrypt/example.com/privkey.pem"
pki example.com cert "/etc/letsencrypt/example.com/fullchain.pem"
table aliases file:/etc/mail/aliases
table domains file:/etc/mail/domains
table virtuals file:/etc/mail/virtuals
table authinfo file:/etc/mail/authinfo
listen on lo mask-src
listen on 1.2.3.4 port 25 tls pki example.com auth-optional hostname example.com
listen on 1.2.3.4 port 465 smtps pki example.com auth hostname example.com mask-src
listen on 1.2.3.4 port 587 tls-require pki example.com auth hostname example.com mask-src
action rule1 mda "/usr/local/bin/rspamc --mime --exec '/usr/local/libexec/dovecot/deliver -d %{dest:lowercase|strip} -f %{sender} -a %{rcpt}'" virtual <virtuals>
action rule2 mda "/usr/local/bin/rspamc --mime --exec '/usr/local/libexec/dovecot/deliver -d %{dest:lowercase|strip} -f %{sender} -a %{rcpt}'" alias <aliases>
action rule3 relay host "smtp+tls://example@smtp.example.com:587" auth <authinfo>
match from any for domain <domains> action rule1
match from local for local action rule2
match from auth for local action rule2
match from local for any action rule3
match from auth for any action rule3
"""  # noqa: E501 - lines of a configuration


def behind_two_shells(statement: syntax.Statement) -> syntax.Statement:
    """Return an action with its command written for a real OpenSMTPD."""
    if not isinstance(statement, syntax.Action) or statement.method.keyword != "mda":
        return statement
    command = statement.method.argument
    assert isinstance(command, Word)
    method = statement.method.replace(argument=command.replace(text=requote_mda(command.text)))
    return statement.replace(method=method)


def test_sample_means_what_its_conversion_by_hand_means() -> None:
    """The file of rspamd and dovecot becomes exactly the modern configuration that does the same."""
    report = Report()
    expected = parse_text(CONVERTED, Dialect.MODERN, report)

    found = translated(SAMPLE)

    statements = [behind_two_shells(each) for each in found.config.statements]
    assert found.codes == []
    assert report.diagnostics == []
    assert set(statements) == set(expected.statements)
    assert len(statements) == len(expected.statements)
    matches = [each for each in statements if isinstance(each, syntax.Match)]
    assert matches == [each for each in expected.statements if isinstance(each, syntax.Match)]


def test_command_stays_as_it_is_for_one_shell() -> None:
    """The translated tree has the author's command: only text for a real OpenSMTPD needs other quotes."""
    found = translated('accept deliver to mda "a \\"$b\\" \'c\'"\n')
    assert found.config.dialect is Dialect.LEGACY
    (action,) = (each for each in found.config.statements if isinstance(each, syntax.Action))
    assert action.method.argument == Word(span=action.span, text="a \"$b\" 'c'")


def served_mail() -> list[Path]:
    """Return the files of the collection that some release up to 6.3 accepted."""
    rows = [line.split("\t") for line in (REAL_WORLD / "index.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    return [REAL_WORLD / f"{row[0]}.conf" for row in rows if row[1] == "legacy" and "accepted by groups" in row[2]]


@pytest.mark.parametrize("path", served_mail(), ids=lambda path: path.name)
def test_file_that_served_mail_is_translated_without_errors(path: Path) -> None:
    """No real file becomes an error on its way, and each has modern text."""
    found = translated(path.read_text(encoding="utf-8"))
    assert not found.has_errors
    assert parse_text("\n".join(found.lines) + "\n", Dialect.MODERN, report := Report())
    assert report.diagnostics == []


# ---------------------------------------------------------------- whatever stands there


@given(config=legacy_configs())
def test_every_tree_is_translated(config: syntax.Config) -> None:
    """No tree that the parser can build makes the translation fail, or leaves a legacy node behind."""
    found = translate(config, Report(), SERVER_NAME)
    assert not any(isinstance(each, syntax.LegacyRule | syntax.LegacyFilter) for each in found.statements)
    names = [each.name.text for each in found.statements if isinstance(each, syntax.Action)]
    assert len(names) == len(set(names))


@given(data=st.data())
def test_every_text_is_translated(data: st.DataObject) -> None:
    """Whatever is left of a damaged text is translated, and every finding can be shown."""
    text = data.draw(grammar_texts(Dialect.LEGACY) | damaged_texts(Dialect.LEGACY))
    found = translated(text)
    for each in found.findings:
        assert each.message
        written = each.span.written().span
        assert 0 <= written.start <= written.end <= len(written.source.text)
