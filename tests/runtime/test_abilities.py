"""What `run` refuses: all that the server cannot honour, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest

from smtpdsl.compiler.emit import emit
from smtpdsl.compiler.pipeline import compile_octets
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.arrange import arrange
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report, Severity
from smtpdsl.diagnostics.render import render_text
from smtpdsl.ir.resolved import Globals, Listener, LocalAction, Method, Question, RelayAction
from smtpdsl.record import Record
from smtpdsl.runtime.abilities import listeners, local_actions, relay_actions, settings, unable
from tests.runtime.programs import program_of

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
REAL_WORLD = Path(__file__).parent.parent / "real_world"

LISTEN = "listen on 127.0.0.1 port 2525\n"
LOCAL = 'action "in" maildir\nmatch from local for local action "in"\n'
RULE = 'match from local for any action "out"\n'
PKI = (
    'pki mail.example.org cert "/etc/ssl/mail.example.org.pem" key "/etc/ssl/private/mail.example.org.key"\n'
    'ca authority cert "/etc/ssl/mail.example.org.pem"\n'
)
# Options of tls come with a certificate, and leave nothing else to refuse.
TLS = "pki mail.example.org"
PLAIN = "relay host smtp+notls://mx.example.org"


def findings(
    text: str | bytes, root: Path = EXAMPLES / "root", files: Mapping[str, str] | None = None
) -> list[Diagnostic]:
    """Return what is refused of *text*, in reading order."""
    return arrange(unable(program_of(text, root, files)))


def refused(text: str | bytes, root: Path = EXAMPLES / "root", files: Mapping[str, str] | None = None) -> list[str]:
    """Return what is refused of *text*, as ``LINE characters``, where the author wrote it."""
    return [place(found) for found in findings(text, root, files)]


def place(found: Diagnostic) -> str:
    """Return ``LINE characters``."""
    span = found.span.written().span
    return f"{span.source.position(span.start).line} {span.text}"


def words(found: list[str]) -> list[str]:
    """Leave the lines out."""
    return [each.partition(" ")[2] for each in found]


# ---------------------------------------------------------------- nothing is forgotten

# For each field that is refused: a statement that sets it, and the characters that are refused.
LISTENERS = {
    "tls": (f"tls {TLS}", "tls"),
    "verify": (f"tls-require verify {TLS} ca authority", "tls-require verify"),
    "pki": (f"smtps {TLS}", "smtps"),
    "pki_names": (f"smtps {TLS}", "smtps"),
    "ca": (f"tls-require verify {TLS} ca authority", "tls-require verify"),
    "ciphers": (f"{TLS} ciphers HIGH tls", "tls"),
    "protocols": (f"{TLS} tls protocols TLSv1.3", "tls"),
    "auth": (f"smtps {TLS} auth", "smtps, auth"),
    "senders": ("senders { ann = ann@example.org }", "senders"),
    "masquerade": ("senders { ann = ann@example.org } masquerade", "senders"),
    "filter": ("filter { early }", "filter"),
    "proxy_v2": ("proxy-v2", "proxy-v2"),
}
LOCAL_ACTIONS = {
    "method": ("mbox", "mbox"),
    "wrapper": ("maildir wrapper nice", "wrapper"),
}
RELAY_ACTIONS = {
    "smarthosts": ("relay host smtp://mx.example.org", "smtp"),
    "domain": ('relay domain { "example.org" = "smtp://mx.example.org" }', "domain"),
    "backup": ("relay backup mx mx2.example.org", "backup"),
    "auth": ("relay host smtps://label@mx.example.org auth { label = 'ann:secret' }", "smtps, auth"),
    "helo_src": (f"{PLAIN} src 127.0.0.1 helo-src {{ 127.0.0.1 = mail }}", "src, helo-src"),
    "src": (f"{PLAIN} src 127.0.0.1", "src"),
    "tls": ("relay host smtp+tls://mx.example.org tls no-verify", "smtp+tls, tls"),
    "pki": (f"{PLAIN} pki mail.example.org", "pki"),
    "ca": (f"{PLAIN} ca authority", "ca"),
    "ciphers": (f"{PLAIN} ciphers HIGH", "ciphers"),
    "protocols": (f"{PLAIN} protocols TLSv1.3", "protocols"),
    "mail_from": (f"{PLAIN} mail-from 'ann@example.org'", "mail-from"),
    "filter": (f"{PLAIN} filter early", "filter"),
    "srs": (f"{PLAIN} srs", "srs"),
}
SETTINGS = {
    "warn_intervals": ("bounce warn-interval 1h, 2h", "bounce warn-interval"),
    "mda_limits": ("mda limit max-session 5 task-hiwat 20", "task-hiwat 20"),
    "mta_limits": ("mta limit max-conn-per-host 5", "max-conn-per-host 5"),
    "mta_families": ("mta limit inet6", "inet6"),
    "mta_domain_limits": ("mta limit for domain example.org max-conn-per-host 5", "max-conn-per-host 5"),
    "mta_max_deferred": ("mta max-deferred 5", "mta max-deferred"),
    "scheduler_limits": ("scheduler limit max-inflight 5 max-schedule 2", "max-schedule 2"),
    "queue_compression": ("queue compression", "queue compression"),
    "queue_encryption": (f'queue encryption "{"k" * 32}"', "queue encryption"),
    "srs_key": ("srs key secret", "srs key"),
}


@pytest.mark.parametrize(
    ("record", "served", "declined", "examples"),
    [
        (Listener, listeners.SERVED, listeners.REFUSED, LISTENERS),
        (LocalAction, local_actions.SERVED, local_actions.REFUSED, LOCAL_ACTIONS),
        (RelayAction, relay_actions.SERVED, relay_actions.REFUSED, RELAY_ACTIONS),
        (Globals, settings.SERVED, settings.REFUSED, SETTINGS),
    ],
)
def test_every_field_is_either_served_or_refused(
    record: type[Record], served: frozenset[str], declined: frozenset[str], examples: Mapping[str, object]
) -> None:
    """A new option of the language cannot slip through, and none is refused without a test."""
    assert served | declined == set(record._fields)
    assert not served & declined
    assert set(examples) == declined


@pytest.mark.parametrize(("options", "characters"), LISTENERS.values(), ids=LISTENERS)
def test_an_option_of_a_listener_is_refused(options: str, characters: str) -> None:
    """TLS with what goes with it is one finding; everything else is one for each option."""
    early = "filter early phase connect match fcrdns junk\n"
    found = refused(f"{PKI}{early}listen on 127.0.0.1 port 2525 {options}\n{LOCAL}")

    assert found == [f"4 {each}" for each in characters.split(", ")]


@pytest.mark.parametrize(("method", "characters"), LOCAL_ACTIONS.values(), ids=LOCAL_ACTIONS)
def test_an_option_of_a_local_action_is_refused(method: str, characters: str) -> None:
    """At its keyword."""
    text = f'{LISTEN}mda wrapper nice "nice %{{mda}}"\naction "out" {method}\n{RULE}'

    assert refused(text) == [f"3 {characters}"]


@pytest.mark.parametrize(("method", "characters"), RELAY_ACTIONS.values(), ids=RELAY_ACTIONS)
def test_an_option_of_a_relay_action_is_refused(method: str, characters: str) -> None:
    """At its keyword; at the scheme of a URL."""
    around = f"{PKI}filter early phase connect match fcrdns junk\nsrs key secret\n{LISTEN}"
    found = [each for each in refused(f'{around}action "out" {method}\n{RULE}') if each != "4 srs key"]

    assert found == [f"6 {each}" for each in characters.split(", ")]


@pytest.mark.parametrize(("statement", "characters"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_is_refused(statement: str, characters: str) -> None:
    """Where it is written; a secret is not pointed at, and of several limits only what is not kept."""
    assert refused(f"{LISTEN}  {statement}\n{LOCAL}") == [f"2 {characters}"]


def test_every_method_is_either_served_or_refused() -> None:
    """Maildir, mda, forward-only and expand-only are served; the others are not."""
    methods = {
        "Mbox": ("mbox", ["2 mbox"]),
        "Maildir": ('maildir "~/Mail" junk', []),
        "Lmtp": ('lmtp "/run/lmtp" rcpt-to', ["2 lmtp"]),
        "Mda": ("mda cat", []),
        "ForwardOnly": ("forward-only", []),
        "ExpandOnly": ("expand-only", []),
    }

    assert set(methods) == {each.__name__ for each in get_args(Method)}
    for method, expected in methods.values():
        assert refused(f'{LISTEN}action "out" {method}\n{RULE}') == expected


def test_every_question_is_either_served_or_refused() -> None:
    """All but the names of clients: who is asked for a login or for TLS is nobody, and nobody it is."""
    rdns = ["3 from rdns"]
    questions = {
        "AnySource": ("from any", []),
        "LocalSource": ("from local", []),
        "SocketSource": ("from socket", []),
        "HasReverseName": ("from rdns", rdns),
        "ConfirmedReverseName": ("!from rdns", ["3 !from rdns"]),
        "IsAuthenticated": ("from any auth", []),
        "UsesTls": ("from any tls", []),
        "AnyDestination": ("for any", []),
        "LocalDestination": ("for local", []),
        "InTable": ("from src { 192.0.2.0/24 } helo mail tag t mail-from '@a.example' auth { ann }", []),
    }

    assert set(questions) == {each.__name__ for each in get_args(Question)}
    for criteria, expected in questions.values():
        assert refused(f'{LISTEN}action "in" maildir\nmatch {criteria} action "in"\n') == expected


@pytest.mark.parametrize("criterion", ["from rdns mx.example.org", 'from rdns regex "example"', "!from rdns { a, b }"])
def test_names_of_clients_are_refused(criterion: str) -> None:
    """In every form: there is nothing that would ask the DNS."""
    (found,) = findings(f'{LISTEN}action "in" maildir\nmatch {criterion} for local action "in"\n')

    assert place(found) == f"3 {criterion}"
    assert found.message == "`from rdns` is not served by this version"


# ---------------------------------------------------------------- what is served


def test_what_the_server_does_is_served(tmp_path: Path) -> None:
    """A configuration of all that there is gets no finding."""
    text = """
        smtp max-message-size 10M
        smtp sub-addr-delim "-"
        smtp limit max-mails 10 max-rcpt 10
        smtp ciphers HIGH
        queue ttl 1d
        admd mail.example.org
        mda limit max-session 5 max-session-per-user 2
        scheduler limit max-inflight 50
        srs key backup old
        srs ttl 2d

        table people file:/etc/people
        table names { 127.0.0.1 = mx.example.org }
        table hosts { smtp+notls://mx.example.org, "smtp+notls://[2001:db8::1]:2525" }
        mda wrapper nice "nice %{mda}"

        listen on 127.0.0.1 port 2525 tag in hostname mx.example.org mask-src no-dsn
        listen on 127.0.0.1 port 2526 inet4 hostnames <names>

        action "box" maildir "~/Mail/%{rcpt.user}" junk alias { ann = ben, ben = ":include:/etc/list" } ttl 1h
        action "run" mda "cat > /dev/null" virtual <people> userbase { ben = "1000:1000:/home/ben" } wrapper nice
        action "one" mda "cat" user nobody
        action "all" expand-only alias { all = ann@example.org }
        action "out" relay host <hosts> helo mx.example.org ttl 2d

        match tag in from any for domain example.org action "box"
        match from any for rcpt-to <people> action "run"
        match from any !auth mail-from "@example.org" reject
        match from any for domain example.net action "one"
        match for local action "all"
        match from local for any action "out"
        match from auth for any action "out"
        """
    files = {"/etc/people": "ann@example.org: ben, ann@example.net, error:550 Gone\n", "/etc/list": "ann\n"}

    assert refused(text, tmp_path, files) == []


def test_what_nobody_uses_is_not_refused() -> None:
    """Certificates, programs, tables and actions that nothing refers to do nothing, and are served so."""
    text = f'{PKI}proc p "/bin/true"\nfilter f proc p\naction "old" mbox\naction "mx" relay\n{LISTEN}{LOCAL}'

    assert refused(f"{text}table accounts getpwnam\n") == []


def test_an_option_without_effect_is_served() -> None:
    """The compiler says that these do nothing without TLS, and nothing is what is done."""
    assert refused(f"{PKI}listen on 127.0.0.1 port 2525 ca authority ciphers HIGH received-auth\n{LOCAL}") == []


@pytest.mark.parametrize("options", ["", " mask-src", " tag t"])
def test_the_socket_is_refused_if_it_is_written(options: str) -> None:
    """The one that every configuration has without a word is not served either, but nobody asked for it."""
    assert refused(f"{LISTEN}listen  on socket{options}\n{LOCAL}") == ["2 listen  on socket"]


# ---------------------------------------------------------------- tables and their entries


@pytest.mark.parametrize(
    ("action", "criteria", "expected"),
    [
        ("maildir alias <t>", "", "3 alias <t>"),
        ('maildir virtual < "t" >', "", '3 virtual < "t" >'),
        ("maildir userbase <t>", "", "3 userbase <t>"),
        ("relay host <t>", "", "3 host <t>"),
        ("maildir", "!from src <t>", "4 !from src <t>"),
        ("maildir", "from any auth <t>", "4 auth <t>"),
        ("maildir", "for rcpt-to regex <t>", "4 for rcpt-to regex <t>"),
    ],
)
def test_a_table_that_is_no_text_file_is_refused_where_it_is_asked(
    tmp_path: Path, action: str, criteria: str, expected: str
) -> None:
    """Only what the compiler has read can be asked."""
    text = f'{LISTEN}table t db:/etc/t.db\naction "in" {action}\nmatch {criteria} action "in"\n'
    (found,) = findings(text, tmp_path, {"/etc/t.db": ""})

    assert place(found) == expected
    assert found.message == "the backend `db` of <t> is not served by this version"
    assert [each.span.text for each in found.related] == ["table t db:/etc/t.db"]


def test_a_table_of_names_is_refused_where_a_listener_asks_it(tmp_path: Path) -> None:
    """`hostnames` is served, but not with every table."""
    text = f"table t db:/etc/t.db\nlisten on 127.0.0.1 port 2525 hostnames <t>\n{LOCAL}"

    assert refused(text, tmp_path, {"/etc/t.db": ""}) == ["2 hostnames <t>"]


def test_a_table_is_refused_once(tmp_path: Path) -> None:
    """At the first place that asks it: one thing is to be changed."""
    rules = 'match for domain <t> action "in"\nmatch from src <t> for any reject\n'
    text = f'{LISTEN}table t db:/etc/t.db\naction "in" maildir alias <t>\n{rules}'

    assert refused(text, tmp_path, {"/etc/t.db": ""}) == ["4 for domain <t>"]


def test_accounts_of_the_system_are_asked_for_users_alone() -> None:
    """As a userbase they are served, with a name of their own too; a rule cannot ask them."""
    text = f'{LISTEN}table people getpwnam\naction "in" maildir userbase <people>\n'

    assert refused(f'{text}match for local action "in"\n') == []
    (named,) = findings(f'{text}match from any auth <people> for local action "in"\n')
    assert (place(named), named.message) == ("4 auth <people>", "asking <people> here is not served by this version")
    (built_in,) = findings(f'{text}match from any auth <"<getpwnam>"> for local action "in"\n')
    assert place(built_in) == '4 auth <"<getpwnam>">'
    assert built_in.message == "asking the accounts of this system here is not served by this version"


def test_files_and_commands_of_aliases_are_refused_in_the_table(tmp_path: Path) -> None:
    """Each at its own place; users, addresses, errors and included files are served."""
    aliases = 'ann: ben, /var/mail/archive, "|vacation ann"\nben: :include:/etc/list\nlog: |logger -t mail\n'
    text = f'{LISTEN}table a file:/etc/aliases\naction "in" maildir alias <a>\nmatch for local action "in"\n'
    found = findings(text, tmp_path, {"/etc/aliases": aliases, "/etc/list": "ann\n"})

    assert [place(each) for each in found] == ["1 /var/mail/archive", '1 "|vacation ann"', "3 |logger -t mail"]
    assert {each.span.source.name for each in found} == {str(tmp_path / "etc/aliases")}
    assert [each.message.partition(" is ")[0] for each in found] == [
        "delivery to a file",
        "delivery to a command",
        "delivery to a command",
    ]
    assert found[0].related[0].span.text == "alias <a>"


def test_targets_are_found_in_inline_tables_and_in_virtual_ones() -> None:
    """An escaped character does not hide what a target is."""
    action = "action 'in' maildir virtual { '@' = '/var/mail/%{rcpt}', joe = '|cat' }\n"

    assert words(refused(f"{LISTEN}{action}match for local action 'in'\n")) == ["/var/mail/%{rcpt}", "|cat"]


def test_a_table_that_two_actions_ask_is_read_once(tmp_path: Path) -> None:
    """What it names is one mistake, whoever asks."""
    actions = 'action "a" maildir alias <a>\naction "b" mda cat alias <a>\n'
    text = f'{LISTEN}table a file:/etc/a\n{actions}match for local action "a"\nmatch for any action "b"\n'

    assert refused(text, tmp_path, {"/etc/a": "ann: /dev/null\n"}) == ["1 /dev/null"]


def test_of_a_long_table_the_first_entries_are_told(tmp_path: Path) -> None:
    """Thousands of findings would say no more than twenty, and the last one says that there are more."""
    aliases = "".join(f"user{number}: |cat\n" for number in range(1000))
    text = f'{LISTEN}table a file:/etc/a\naction "in" maildir alias <a>\nmatch for local action "in"\n'
    found = findings(text, tmp_path, {"/etc/a": aliases})

    assert len(found) == 20
    assert [each.notes for each in found if each.notes] == [("the entries after this one were not looked at",)]


def test_hosts_are_refused_in_their_table(tmp_path: Path) -> None:
    """One finding for each entry that is no plain SMTP, however many actions ask the table."""
    hosts = "# @list\nsmtp+notls://a.example\nSMTPS://b.example\nc.example\nlmtp://d.example:24\n"
    actions = 'action "one" relay host <h>\naction "two" relay host <h> ttl 1d\n'
    rules = 'match for domain a.example action "one"\nmatch for any action "two"\n'
    found = findings(f"{LISTEN}table h file:/etc/h\n{actions}{rules}", tmp_path, {"/etc/h": hosts})

    assert [place(each) for each in found] == ["3 SMTPS", "4 c.example", "5 lmtp"]
    assert found[0].help == 'write "smtp+notls://b.example" if mail may go there in the clear'
    assert found[1].message == '"c.example", which takes TLS if it is offered, is not served by this version'
    assert found[0].related[0].span.text == "host <h>"


def test_a_scheme_that_only_offers_tls_is_told_from_plain_smtp() -> None:
    """The word alone would say that SMTP is not served."""
    (found,) = findings(f'{LISTEN}action "out" relay host smtp://mx.example.org\n{RULE}')

    assert found.message == "`smtp`, which takes TLS if it is offered, is not served by this version"


def test_a_label_is_part_of_its_url() -> None:
    """The scheme is refused, and the advice leaves the label out."""
    method = 'relay host "smtp+tls://label@mx.example.org:587" auth { label = "ann:secret" }'
    url, _ = findings(f'{LISTEN}action "out" {method}\n{RULE}')

    assert url.help == 'write "smtp+notls://mx.example.org:587" if mail may go there in the clear'


# ---------------------------------------------------------------- where it is said


def test_keywords_are_not_looked_for_in_names_and_values() -> None:
    """What stands in quotes, in a comment or in a list is no option."""
    text = f'{LISTEN}action "src mbox" relay host {{ # src\n"smtp+notls://mx" }} helo "src" src 127.0.0.1\n'
    found = findings(f'{text}match from local for any action "src mbox"\n')

    assert [(place(each), each.span.start) for each in found] == [("3 src", text.rindex("src"))]


def test_a_name_of_several_words_is_no_keyword() -> None:
    """Nor is a part of it."""
    text = f'{LISTEN}action "the mbox here" mbox\nmatch from local for any action "the mbox here"\n'
    (found,) = findings(text)

    assert found.span.start == text.index("mbox\n")


def test_a_macro_is_refused_where_it_is_used() -> None:
    """The way back through the expansion is that of every finding."""
    text = f'secure = "tls pki mail.example.org"\n{PKI}listen on 127.0.0.1 port 2525 $secure\n{LOCAL}'

    assert refused(text) == ["4 $secure"]


def test_a_setting_in_an_included_file_is_refused_there(tmp_path: Path) -> None:
    """The statement begins on a line of its own, wherever it comes from."""
    (tmp_path / "etc").mkdir()
    text = f'include "/etc/more.conf"\n{LISTEN}{LOCAL}'
    (found,) = findings(text, tmp_path, {"/etc/more.conf": "mta max-deferred 7\n"})

    assert place(found) == "1 mta max-deferred"
    assert found.span.written().span.source.name == str(tmp_path / "etc/more.conf")


def test_a_finding_points_at_words() -> None:
    """In what administrators have written: at an option, never at a whole statement or at nothing."""
    found: list[str] = []
    for path in sorted(REAL_WORLD.glob("*.conf")):
        compiled = compile_octets(path.name, path.read_bytes(), Machine(static=True), Report())
        if compiled.ruleset is not None and compiled.text is not None:
            program = emit(compiled.ruleset, compiled.text.source)
            listening = [each for each in program.listeners if not each.is_socket]
            statements = {each.span for each in (*program.rules, *program.actions.values(), *listening)}
            found += [place(each) for each in unable(program) if not each.span.text or each.span in statements]

    assert found == []


def test_a_relay_without_a_host_is_refused() -> None:
    """The DNS is not asked for exchangers; the help says what is served instead."""
    (found,) = findings(f'{LISTEN}action "out" relay helo mx.example.org\n{RULE}')

    assert place(found) == "2 relay"
    assert found.message == "`relay` to the exchangers of a domain is not served by this version"
    assert found.help == "name one server that takes everything: `relay host smtp+notls://mx.example.org`"


def test_the_finding_keeps_the_server_from_starting() -> None:
    """It is an error, so no comment silences it, and it can be printed with its line."""
    found = findings(f'{LISTEN}action "out" mbox # smtpdsl: allow unsupported-feature -- no\n{RULE}')

    assert [each.severity for each in found] == [Severity.ERROR]
    assert '2 | action "out" mbox' in render_text(found, colour=False)


# ---------------------------------------------------------------- the language before 6.4

ACCEPT = "accept for local deliver to maildir\n"


@pytest.mark.parametrize(
    ("statement", "characters"),
    [
        ("accept for any relay", ["relay"]),
        ("accept for any relay tls verify", ["relay", "tls verify"]),
        ("accept for any relay backup", ["backup"]),
        ("accept for any relay backup mx.example.org", ["backup"]),
        ('accept for any relay via "backup://mx.example.org"', ['"backup://mx.example.org"']),
        ('accept for any relay via "smtp://mx.example.org"', []),
        ('accept for any relay via "mx.example.org"', ['"mx.example.org"']),
        ('accept for any relay via "tls://mx.example.org"', ["tls"]),
        ('accept for any relay via "smtps://mx.example.org" verify', ["smtps"]),
        (
            'accept for any relay via "smtp://mx" as "@a.example" source { 127.0.0.1 } hostnames { 127.0.0.1 = mx }',
            ["as", "source", "hostnames"],
        ),
        ('accept for any relay via "smtp://mx" helo { 127.0.0.1 = mx } source { 127.0.0.1 }', ["helo", "source"]),
        ('accept for any relay via "smtp://mx.example.org" pki old', ["pki"]),
        ('accept for any relay via "smtp://mx.example.org" ca authority pki mail.example.org', ["ca", "pki"]),
        ("accept for any deliver to mbox", ["mbox"]),
        ('accept for any deliver to lmtp "/run/lmtp" rcpt-to', ["lmtp"]),
        ("accept for any alias { ann = ben } forward-only", []),
        ("accept for any alias { ann = ben }", []),
        ("accept sender { '@a.example' } from any for any deliver to mda cat as nobody", []),
        ("listen on 127.0.0.1 port 2526 tls pki mail.example.org", ["tls"]),
        ("listen on 127.0.0.2 secure pki mail.example.org auth", ["secure", "auth"]),
        ("listen on 127.0.0.2 secure hostname mail.example.org", ["secure"]),
        ("listen on 127.0.0.1 port 2526 mask-source received-auth no-dsn tag t", []),
        ("listen on socket mask-source", ["listen on socket"]),
        ("bounce-warn 1h, 2h", ["bounce-warn"]),
        ("expire 2d", []),
        ("max-message-size 5M", []),
        ("max-mta-deferred 5", ["max-mta-deferred"]),
        (f'queue encryption key "{"k" * 32}"', ["queue encryption"]),
        ("limit mta for domain example.org inet6 max-conn-per-host 1", ["inet6", "max-conn-per-host 1"]),
        ("limit session max-rcpt 5", []),
        ("limit scheduler max-inflight 5 max-schedule 2", ["max-schedule 2"]),
    ],
)
def test_words_of_the_language_before_6_4(statement: str, characters: list[str]) -> None:
    """Findings are about the words that the author wrote, each once."""
    certificate, key = '"/etc/ssl/mail.example.org.pem"', '"/etc/ssl/private/mail.example.org.key"'
    old = f"pki old certificate {certificate} key {key} ca {certificate}\n"
    legacy_pki = PKI.replace("cert ", "certificate ")
    found = refused(f"{legacy_pki}{old}{LISTEN}  {statement}\n{ACCEPT}")

    assert found == [f"5 {each}" for each in characters]


def test_an_option_of_a_relay_is_told_from_a_condition() -> None:
    """The same word stands in both, before 6.4."""
    text = f'{LISTEN}{ACCEPT}accept from source {{ 127.0.0.1 }} for any relay via "smtp://mx" source {{ 127.0.0.1 }}\n'
    (found,) = findings(text)

    assert found.span.start == text.rindex("source")


def test_what_goes_with_tls_is_shown_where_it_is_written() -> None:
    """A certificate that nobody named, as before 6.4, has no place of its own."""
    named = findings(f"{PKI}listen on 127.0.0.1 port 2525 tls pki mail.example.org ciphers HIGH\n{LOCAL}")
    implied = findings(f"{PKI}listen on 127.0.0.1 port 2525 tls hostname mail.example.org\n{ACCEPT}")

    assert [each.span.text for each in named[0].related] == ["pki", "ciphers"]
    assert implied[0].related == ()


def test_advice_is_in_the_language_of_the_file() -> None:
    """Before 6.4 plain SMTP has another name."""
    no_host, url = findings(f'{LISTEN}{ACCEPT}accept for any relay\naccept for any relay via "tls://mx.example.org"\n')

    assert no_host.help == 'name one server that takes everything: `relay via "smtp://mx.example.org"`'
    assert url.message == "`tls` is not served by this version"
    assert url.help == 'write "smtp://mx.example.org" if mail may go there in the clear'


# ---------------------------------------------------------------- the examples


REFUSED_OF_EXAMPLES = {
    "quickstart": [],
    "catch-all": [],
    "backup-mx": ["14 backup", "15 relay"],
    "dovecot-lmtp": ["11 tls", "15 lmtp", "16 relay"],
    "filters": ["36 tls", "36 filter", "43 relay"],
    "home-server": ["15 tls", "15 filter", "16 smtps", "16 auth", "17 tls-require", "17 auth", "21 relay"],
    "mailing-list": ["23 relay"],
    "several-certificates": [
        *("11 tls", "12 tls", "16 smtps", "16 auth", "20 lmtp", "23 relay", "23 pki", "24 relay", "24 pki")
    ],
    "smarthost": ["10 mbox", "11 smtps", "11 auth"],
    "submission": ["16 smtps", "17 auth", "17 senders", "18 tls-require", "19 auth", "19 senders", "21 relay"],
    "virtual-domains": ["10 tls", "14 lmtp", "15 relay"],
    "legacy-rspamd-dovecot": [
        *("4 tls", "4 auth-optional", "5 smtps", "5 auth", "6 tls-require", "6 auth", "13 tls+auth", "13 auth")
    ],
}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.conf")), ids=lambda path: path.stem)
def test_an_example_tells_what_is_not_served(path: Path) -> None:
    """The first two are served as they are; the others wait for more of the server."""
    assert refused(path.read_bytes()) == REFUSED_OF_EXAMPLES[path.stem]


def test_the_sample_without_tls_and_logins_is_served() -> None:
    """Somebody's real server, with the words removed that the findings name, and the rule that needs a login."""
    sample = (EXAMPLES / "legacy-rspamd-dovecot.conf").read_text(encoding="utf-8")
    lines = sample.splitlines(keepends=True)[:-1]
    plain = re.sub(r" (tls-require|tls|smtps) pki example\.com| auth(-optional)?(?= hostname)", "", "".join(lines))

    assert "\npki example.com cert" in plain
    assert len(re.findall("^listen on", plain, re.MULTILINE)) == 4
    assert refused(plain) == []
