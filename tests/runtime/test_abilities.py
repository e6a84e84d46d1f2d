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
LOCAL_ACTIONS = {
    "wrapper": ("mbox wrapper nice", "wrapper"),
}
RELAY_ACTIONS = {
    "filter": (f"{PLAIN} filter early", "filter"),
}
SETTINGS = {
    "mda_limits": ("mda limit max-session 5 task-hiwat 20", "task-hiwat 20"),
    "scheduler_limits": ("scheduler limit max-inflight 5 max-schedule 2", "max-schedule 2"),
}


@pytest.mark.parametrize(
    ("record", "served", "declined", "examples"),
    [
        (Listener, listeners.SERVED, frozenset(), {}),
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


@pytest.mark.parametrize("use", ["spam", "{ early, spam }"])
def test_a_filter_that_is_a_program_is_served_if_it_can_run_as_it_should(
    use: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with the rights of root, and in a root of its own only if root starts the server."""
    early, listen = "filter early phase connect match fcrdns junk\n", f"listen on 127.0.0.1 port 2525 filter {use}\n"

    def told(options: str) -> list[str]:
        return refused(f"{early}filter spam proc-exec '/bin/true' {options}\n{listen}{LOCAL}")

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert told("") == told("user nobody group nogroup") == []
    assert told("user root") == ["2 root"]
    assert told("chroot '/srv'") == ["2 chroot"]
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert told("chroot '/srv'") == []


def test_a_program_for_older_filters_is_refused() -> None:
    """It speaks another protocol, and would never be ready."""
    text = "filter spam spamassassin\nlisten on 127.0.0.1 port 2525 filter spam\naccept from local for any relay\n"

    assert refused(text) == ["1 spamassassin"]


@pytest.mark.parametrize("word", ["auth", "auth-optional"])
def test_a_hash_that_cannot_be_checked_is_refused_in_its_table(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has it could never log in; the help says what to install."""
    monkeypatch.setattr("smtpdsl.runtime.credentials.argon2_library.has_argon2", lambda: False)
    argon2 = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$D1nqzIhZEcpjlxWcPSXqLMZ7oMZw9v7WVFa4bNgqEck"
    table = f'table t {{ "ann" = "$6$saltsalt$x", "ben" = "{argon2}" }}\n'
    (found,) = findings(f"{PKI}{table}listen on 127.0.0.1 port 2525 smtps {TLS} {word} <t>\n{LOCAL}")

    assert "argon2" in found.message
    assert found.help == "pip install 'smtpdsl[argon2]'"
    assert [each.span.text for each in found.related] == [f"{word} <t>"]


def test_accounts_of_the_system_need_somebody_who_knows_their_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PAM, and with a shadow file that cannot be read, nobody could log in."""
    monkeypatch.setattr("smtpdsl.runtime.abilities.listeners.can_check_system", lambda: False)
    (found,) = findings(f"{PKI}listen on 127.0.0.1 port 2525 smtps {TLS} auth\n{LOCAL}")

    assert (place(found), found.help) == ("3 auth", "pip install 'smtpdsl[pam]'")


@pytest.mark.parametrize(("method", "characters"), LOCAL_ACTIONS.values(), ids=LOCAL_ACTIONS)
def test_an_option_of_a_local_action_is_refused(method: str, characters: str) -> None:
    """At its keyword."""
    text = f'{LISTEN}mda wrapper nice "nice %{{mda}}"\naction "out" {method}\n{RULE}'

    assert refused(text) == [f"3 {characters}"]


@pytest.mark.parametrize(("method", "characters"), RELAY_ACTIONS.values(), ids=RELAY_ACTIONS)
def test_an_option_of_a_relay_action_is_refused(method: str, characters: str) -> None:
    """At its keyword; at the scheme of a URL."""
    around = f"{PKI}filter early phase connect match fcrdns junk\n{LISTEN}"
    found = refused(f'{around}action "out" {method}\n{RULE}')

    assert found == [f"5 {each}" for each in characters.split(", ")]


@pytest.mark.parametrize(("statement", "characters"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_is_refused(statement: str, characters: str) -> None:
    """Where it is written; a secret is not pointed at, and of several limits only what is not kept."""
    assert refused(f"{LISTEN}  {statement}\n{LOCAL}") == [f"2 {characters}"]


def test_every_method_is_served() -> None:
    """A new one cannot slip through."""
    methods = {
        "Mbox": "mbox",
        "Maildir": 'maildir "~/Mail" junk',
        "Lmtp": 'lmtp "/run/lmtp" rcpt-to',
        "Mda": "mda cat",
        "ForwardOnly": "forward-only",
        "ExpandOnly": "expand-only",
    }

    assert set(methods) == {each.__name__ for each in get_args(Method)}
    for method in methods.values():
        assert refused(f'{LISTEN}action "out" {method}\n{RULE}') == []


@pytest.mark.parametrize("method", ["mbox", "maildir", 'lmtp "/run/lmtp"', "mda cat", "expand-only", "forward-only"])
def test_a_wrapper_is_for_every_method_but_one(method: str) -> None:
    """It is refused where no command may run; elsewhere it wraps the delivery, and what aliases name."""
    text = f'{LISTEN}mda wrapper nice "nice %{{mda}}"\naction "out" {method} wrapper nice\n{RULE}'

    assert refused(text) == (["3 wrapper"] if method == "mbox" else [])


def test_every_question_is_served() -> None:
    """A new one cannot slip through."""
    questions = {
        "AnySource": "from any",
        "LocalSource": "from local",
        "SocketSource": "from socket",
        "HasReverseName": "from rdns",
        "ConfirmedReverseName": "!from rdns",
        "IsAuthenticated": "from any auth",
        "UsesTls": "from any tls",
        "AnyDestination": "for any",
        "LocalDestination": "for local",
        "InTable": "from src { 192.0.2.0/24 } helo mail tag t mail-from '@a.example' auth { ann }",
    }

    assert set(questions) == {each.__name__ for each in get_args(Question)}
    for criteria in questions.values():
        assert refused(f'{LISTEN}action "in" maildir\nmatch {criteria} action "in"\n') == []


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
        mta limit inet4 session-mail-max 10
        mta limit for domain example.com inet6 session-keepalive 3
        scheduler limit max-inflight 50
        srs key new
        srs key backup old
        srs ttl 2d

        table people file:/etc/people
        table names { 127.0.0.1 = mx.example.org }
        table hosts { smtp+notls://mx.example.org, "smtp+notls://[2001:db8::1]:2525" }
        mda wrapper nice "nice %{mda}"

        listen on 127.0.0.1 port 2525 tag in hostname mx.example.org mask-src no-dsn
        listen on 127.0.0.1 port 2526 inet4 hostnames <names>
        listen on socket tag here mask-src

        action "box" maildir "~/Mail/%{rcpt.user}" junk alias { ann = ben, ben = ":include:/etc/list" } ttl 1h
        action "run" mda "cat > /dev/null" virtual <people> userbase { ben = "1000:1000:/home/ben" } wrapper nice
        action "one" mda "cat" user nobody
        action "old" mbox alias { log = "|logger", all = "/var/mail/archive", nobody = "/dev/null" }
        action "new" lmtp "/run/dovecot/lmtp" rcpt-to virtual { "ann@example.edu" = ann, "@" = "|cat" } user nobody
        action "all" expand-only alias { all = ann@example.org }
        action "out" relay host <hosts> helo mx.example.org ttl 2d
        action "way" relay domain { example.com = "smtps://label@mx.example.com" } auth { label = "ann:secret" }
        action "far" relay src 127.0.0.1 helo-src { 127.0.0.1 = mail } tls no-verify protocols TLSv1.3 ciphers HIGH
        action "sub" relay backup mx mx2.example.org mail-from "@example.org"

        match tag in from any for domain example.org action "box"
        match from any for rcpt-to <people> action "run"
        match from any !auth mail-from "@example.org" reject
        match from any for domain example.net action "one"
        match from any for domain example.info action "old"
        match from any for domain example.edu action "new"
        match for local action "all"
        match from local for domain { example.com, example.net } action "way"
        match from auth for domain sub.example action "sub"
        match from local for domain far.example action "far"
        match from local for any action "out"
        match from auth for any action "out"
        """
    files = {"/etc/people": "ann@example.org: ben, ann@example.net, error:550 Gone\n", "/etc/list": "ann\n"}

    assert refused(text, tmp_path, files) == []


def test_what_nobody_uses_is_not_refused() -> None:
    """Certificates, programs, tables and actions that nothing refers to do nothing, and are served so."""
    text = f'{PKI}proc p "/bin/true"\nfilter f proc p\naction "old" relay filter f\naction "mx" relay\n{LISTEN}{LOCAL}'

    assert refused(f"{text}table accounts getpwnam\n") == []


def test_an_option_without_effect_is_served() -> None:
    """The compiler says that these do nothing without TLS, and nothing is what is done."""
    assert refused(f"{PKI}listen on 127.0.0.1 port 2525 ca authority ciphers HIGH received-auth\n{LOCAL}") == []


# ---------------------------------------------------------------- tables and their entries


@pytest.mark.parametrize(
    ("action", "criteria", "expected"),
    [
        ("maildir alias <t>", "", "3 alias <t>"),
        ('maildir virtual < "t" >', "", '3 virtual < "t" >'),
        ("maildir userbase <t>", "", "3 userbase <t>"),
        ("relay host <t>", "", "3 host <t>"),
        ("relay domain <t>", "", "3 domain <t>"),
        ("relay host smtps://who@mx.example auth <t>", "", "3 auth <t>"),
        ("relay src <t>", "", "3 src <t>"),
        ("relay src 127.0.0.1 helo-src <t>", "", "3 helo-src <t>"),
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


@pytest.mark.parametrize(
    ("action", "criteria"),
    [
        ("maildir alias <t>", ""),
        ("maildir virtual <t>", ""),
        ("maildir userbase <t>", ""),
        ("relay host <t>", ""),
        ("relay domain <t>", ""),
        ("relay host smtps://who@mx.example auth <t>", ""),
        ("relay src <t>", ""),
        ("relay src 127.0.0.1 helo-src <t>", ""),
        ("maildir", "!from src <t>"),
        ("maildir", "from any auth <t>"),
        ("maildir", "for rcpt-to regex <t>"),
    ],
)
def test_a_table_behind_a_program_is_served(action: str, criteria: str) -> None:
    """Wherever it is asked while a message is under way."""
    text = f'{LISTEN}table t "proc-exec:/bin/true"\naction "in" {action}\nmatch {criteria} action "in"\n'

    assert refused(text) == []


@pytest.mark.parametrize("words", ["hostnames <t>", "xclient <t>"])
def test_a_program_is_not_asked_before_there_is_a_session(words: str) -> None:
    """What a listener is called, and whom it believes, has to be known by then."""
    text = f'table t "proc-exec:/bin/true"\nlisten on 127.0.0.1 port 2525 {words}\n{LOCAL}'
    (found,) = findings(text)

    assert place(found) == f"2 {words}"
    assert found.message == "asking the program of <t> here is not served by this version"


@pytest.mark.parametrize(
    ("octets", "places"),
    [(b"table-api: imsg_get", ["2 table t"]), (b"register|%s table-api: imsg_get", []), (b"", [])],
)
def test_a_program_of_another_time_is_refused(tmp_path: Path, octets: bytes, places: list[str]) -> None:
    """It would be started again and again, and never be ready; one that nobody asks is not started."""
    program = tmp_path / "table-old"
    program.write_bytes(b"\x7fELF\0" + octets + b"\0")
    program.chmod(0o755)
    table = f'table t "proc-exec:{program} /etc/users"\n'
    found = findings(f'{LISTEN}{table}action "in" maildir alias <t>\nmatch for any action "in"\n')

    assert [place(each)[:9] for each in found] == places
    assert all("7.5 and earlier" in each.message for each in found)
    assert not refused(f"{LISTEN}{table}{LOCAL}")


def test_a_table_of_a_program_has_a_name_that_can_be_said() -> None:
    """It stands in each request, between other words."""
    text = f'{LISTEN}table "a|b" "proc-exec:/bin/true"\naction "in" maildir alias <"a|b">\nmatch for any action "in"\n'
    (found,) = findings(text)

    assert found.help == "give the table a name without `|`"


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


def test_files_and_commands_of_aliases_are_served(tmp_path: Path) -> None:
    """Those of lists that they include, too, whatever the method of the action is."""
    aliases = 'ann: ben, /var/mail/archive, "|vacation ann"\nben: :include:/etc/list\n'
    actions = "action 'a' maildir alias <a>\naction 'v' mbox virtual { '@' = '/var/mail/%{rcpt}', joe = '|cat' }\n"
    text = f"{LISTEN}table a file:/etc/a\n{actions}match for local action 'a'\nmatch for any action 'v'\n"

    assert refused(text, tmp_path, {"/etc/a": aliases, "/etc/list": "/dev/null\n"}) == []


# ---------------------------------------------------------------- where it is said


def test_keywords_are_not_looked_for_in_names_and_values() -> None:
    """What stands in quotes, in a comment or in a list is no option."""
    spam = "filter spam phase connect match fcrdns junk\n"
    action = 'action "filter mbox" relay host { # filter\n"smtp+notls://mx" } helo "filter" filter spam\n'
    text = f"{spam}{LISTEN}{action}"
    (found,) = findings(f'{text}match from local for any action "filter mbox"\n')

    assert (place(found), found.span.start) == ("4 filter", text.rindex("filter"))


def test_a_name_of_several_words_is_no_keyword() -> None:
    """Nor is a part of it."""
    wrapper = 'mda wrapper nice "nice %{mda}"\n'
    action = 'action "the wrapper here" mbox wrapper nice\nmatch from local for any action "the wrapper here"\n'
    (found,) = findings(LISTEN + wrapper + action)

    assert found.span.start == (LISTEN + wrapper + action).index("wrapper nice\nmatch")


def test_a_macro_is_refused_where_it_is_used() -> None:
    """The way back through the expansion is that of every finding."""
    spam = "filter spam phase connect match fcrdns junk\n"
    text = f"sorted = 'filter spam'\n{spam}action out relay $sorted\n{LISTEN}match from any for any action out\n"

    assert refused(text) == ["3 $sorted"]


def test_a_setting_in_an_included_file_is_refused_there(tmp_path: Path) -> None:
    """The statement begins on a line of its own, wherever it comes from."""
    (tmp_path / "etc").mkdir()
    text = f'include "/etc/more.conf"\n{LISTEN}{LOCAL}'
    (found,) = findings(text, tmp_path, {"/etc/more.conf": "mda limit task-hiwat 7\n"})

    assert place(found) == "1 task-hiwat 7"
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


def test_the_finding_keeps_the_server_from_starting() -> None:
    """It is an error, so no comment silences it, and it can be printed with its line."""
    wrapper = 'mda wrapper nice "nice %{mda}"\n'
    action = 'action "out" mbox wrapper nice # smtpdsl: allow unsupported-feature -- no\n'
    found = findings(LISTEN + wrapper + action + RULE)

    assert [each.severity for each in found] == [Severity.ERROR]
    assert '3 | action "out" mbox' in render_text(found, colour=False)


# ---------------------------------------------------------------- the language before 6.4

ACCEPT = "accept for local deliver to maildir\n"


@pytest.mark.parametrize(
    ("statement", "characters"),
    [
        ("accept for any relay", []),
        ("accept for any relay tls verify", []),
        ("accept for any relay backup mx.example.org", []),
        ('accept for any relay via "tls+backup://mx.example.org"', []),
        ('accept for any relay via "smtps://mx.example.org" verify', []),
        ('accept for any relay via "tls+auth://who@mx.example.org" auth { who = "ann:secret" }', []),
        (
            'accept for any relay via "smtp://mx" as "@a.example" source { 127.0.0.1 } hostnames { 127.0.0.1 = mx }',
            [],
        ),
        ('accept for any relay via "smtp://mx.example.org" ca authority pki mail.example.org', []),
        ("accept for any deliver to mbox", []),
        ('accept for any deliver to lmtp "/run/lmtp" rcpt-to', []),
        ("accept for any alias { ann = ben } forward-only", []),
        ("accept for any alias { ann = ben }", []),
        ("accept sender { '@a.example' } from any for any deliver to mda cat as nobody", []),
        ("listen on 127.0.0.1 port 2526 tls pki mail.example.org", []),
        ("listen on 127.0.0.2 secure pki mail.example.org auth", []),
        ("listen on 127.0.0.2 secure hostname mail.example.org", []),
        ("listen on 127.0.0.1 port 2526 mask-source received-auth no-dsn tag t", []),
        ("listen on socket mask-source", []),
        ("bounce-warn 1h, 2h", []),
        ("expire 2d", []),
        ("max-message-size 5M", []),
        ("max-mta-deferred 5", []),
        (f'queue encryption key "{"k" * 32}"', []),
        ("limit mta for domain example.org inet6 max-conn-per-host 1", []),
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


def test_an_option_of_a_relay_is_told_from_a_condition(tmp_path: Path) -> None:
    """The same word stands in both, before 6.4."""
    text = f'table t db:/t.db\n{LISTEN}accept from source 127.0.0.1 for any relay via "smtp://mx" source <t>\n'
    (found,) = findings(text, tmp_path, {"/t.db": ""})

    assert (place(found), found.span.start) == ("3 source <t>", text.rindex("source"))


# ---------------------------------------------------------------- the examples


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.conf")), ids=lambda path: path.stem)
def test_an_example_is_served(path: Path) -> None:
    """As it is."""
    assert refused(path.read_bytes()) == []


def test_the_sample_without_tls_and_logins_is_served() -> None:
    """Somebody's real server, with the words removed that the findings name, and the rule that needs a login."""
    sample = (EXAMPLES / "legacy-rspamd-dovecot.conf").read_text(encoding="utf-8")
    lines = sample.splitlines(keepends=True)[:-1]
    plain = re.sub(r" (tls-require|tls|smtps) pki example\.com| auth(-optional)?(?= hostname)", "", "".join(lines))

    assert "\npki example.com cert" in plain
    assert len(re.findall("^listen on", plain, re.MULTILINE)) == 4
    assert refused(plain) == []
