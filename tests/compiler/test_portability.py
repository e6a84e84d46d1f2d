"""What another release refuses, and what it does otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.diagnostics.diagnostic import Diagnostic
from tests.checking import check_text, shown

TARGETS = {"6.8": "opensmtpd-6.8", "7.8": "opensmtpd-7.8"}
PKI = 'pki mail cert "/c" key "/k"\n'
WORKING = 'listen on lo\naction "out" relay\nmatch from local for any action "out"\n'


def portability(text: str, root: Path, release: str, files: dict[str, str] | None = None) -> list[Diagnostic]:
    """Return what is said of *text* because it is for *release*."""
    found = check_text(text, root, files, options=["--target", TARGETS[release]])
    return [each for each in found if each.code.name == "portability"]


def told(text: str, root: Path, files: dict[str, str] | None = None) -> dict[str, list[str]]:
    """Return the findings for each release."""
    return {release: shown(portability(text, root, release, files)) for release in TARGETS}


def test_nothing_is_said_without_a_target(tmp_path: Path) -> None:
    """For smtpdsl itself nothing is portable or not."""
    text = f'match tls action "late"\naction "late" mbox\n{WORKING}'

    assert not [found for found in check_text(text, tmp_path) if found.code.name == "portability"]


def test_usual_file_is_portable(tmp_path: Path) -> None:
    """What every release reads the same has no findings."""
    text = (
        PKI + "table a { x = y }\nlisten on lo tls pki mail\naction in maildir alias <a>\nmatch for local action in\n"
    )

    assert told(text + WORKING, tmp_path) == {"6.8": [], "7.8": []}


def test_language_before_6_4(tmp_path: Path) -> None:
    """Both refuse the older language as a whole, which is told once."""
    text = "listen on lo\naccept for local deliver to mbox\naccept for any relay\n"

    finding = "2:1 error portability 'accept for local deliver to mbox'"
    assert told(text, tmp_path) == {"6.8": [finding], "7.8": [finding]}


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ('match for local action "late"\naction "late" mbox\n', "1:24 error portability '\"late\"'"),
        ("match from src <late> reject\ntable late { a }\n", "1:17 error portability 'late'"),
        ("listen on eth0 filter f\nfilter f phase connect match !rdns junk\n", "1:23 error portability 'f'"),
        ("filter f proc p\nproc p x\nlisten on eth0 filter f\n", "1:15 error portability 'p'"),
        ('action "in" mda x wrapper w\nmda wrapper w "%{mda}"\n', "1:27 error portability 'w'"),
        (f"listen on eth0 tls pki mail\n{PKI}", "1:24 error portability 'mail'"),
        ('action "a" relay srs\nsrs key "secret"\n', "1:18 error portability 'srs'"),
    ],
)
def test_order_of_declarations(text: str, finding: str, tmp_path: Path) -> None:
    """Every release wants a name declared above its uses."""
    assert told(text + WORKING, tmp_path) == {"6.8": [finding], "7.8": [finding]}


def test_name_is_told_at_its_first_use(tmp_path: Path) -> None:
    """A name that is used several times before its declaration is one mistake; both places are shown."""
    text = f"match from src <late> reject\nmatch helo <late> reject\ntable late {{ a }}\n{WORKING}"

    [finding] = portability(text, tmp_path, "7.8")
    assert shown([finding]) == ["1:17 error portability 'late'"]
    assert [place.span.source.position(place.span.start).line for place in finding.related] == [3]


def test_certificates_of_relays_may_come_late(tmp_path: Path) -> None:
    """The names of a relay are looked up when the server starts."""
    text = f'action "a" relay pki mail ca c\n{PKI}ca c cert "/x"\n{WORKING}'

    assert told(text, tmp_path) == {"6.8": [], "7.8": []}


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (f'{PKI}listen on eth0 tls pki mail ciphers "secure"\n', "2:29 error portability 'ciphers'", None),
        ('action "a" relay protocols "tlsv1.3"\n', "1:18 error portability 'protocols'", None),
        ('smtp ciphers "secure"\n', None, None),
        (f"{PKI}listen on eth0 tls pki mail pki mail\n", "2:33 error portability 'mail'", None),
        ("listen on socket no-dsn\n", "1:18 error portability 'no-dsn'", None),
        ('pki a cert "/c" key "/k"\nlisten on eth0 tls pki A\n', None, "2:24 error portability 'A'"),
        ("table t { a,\n b }\n", "1:9 error portability '{'", None),
        ("table t {\n a b }\n", "1:9 error portability '{'", None),
        ("table t { a b # note\n}\n", "1:9 error portability '{'", None),
        ("table t { a\nb, c\n\nd }\n", None, None),
        ("filter f phase connect match !rdns junk\nfilter c chain {\nf\n}\n", "2:16 error portability '{'", None),
        (
            "filter f phase ehlo match !rdns helo a.b !fcrdns junk\nlisten on eth0 filter f\n",
            *("1:33 error portability 'helo a.b !fcrdns'",) * 2,
        ),
        ("match from any rcpt-to { a = b } reject\n", "1:24 error portability '{ a = b }'", None),
        ("match from any auth { a = b } reject\n", "1:21 error portability '{ a = b }'", None),
        ("match from any rcpt-to { a, b } reject\n", None, None),
        (
            "filter f phase mail-from match mail-from { a = b } junk\nlisten on eth0 filter f\n",
            None,
            None,
        ),
        (
            'queue encryption "-"\n',
            "1:18 warning portability '\"-\"'",
            "1:18 warning portability '\"-\"'",
        ),
    ],
)
def test_refused_by_one_release(text: str, old: str | None, new: str | None, tmp_path: Path) -> None:
    """What came with a later release, or went with one, is an error for the other."""
    assert told(text + WORKING, tmp_path) == {"6.8": [old] if old else [], "7.8": [new] if new else []}


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("listen on 127.0.0.1 port 2525 bare-lf\n", ["1:31 error portability 'bare-lf'"]),
        (
            "listen on 127.0.0.1 port 2525 proxy-v1 proxy-v2\n",
            ["1:31 error portability 'proxy-v1'"],
        ),
        (
            "smtp limit max-rcpt 5 max-errors 9 idle-timeout 9m\n",
            ["1:23 error portability 'max-errors'", "1:36 error portability 'idle-timeout'"],
        ),
        ("smtp limit max-rcpt 5 max-mails 9\n", []),
        ("mta limit max-mails-per-minute 5\n", ["1:11 error portability 'max-mails-per-minute'"]),
        ("mta retry-after 5m, 1h\n", ["1:1 error portability 'mta retry-after'"]),
        ("mta trust-resolver 192.0.2.53\n", ["1:1 error portability 'mta trust-resolver'"]),
        ('dkim-sign "a._domainkey.b.org" key "/k"\n', ["1:1 error portability 'dkim-sign'"]),
        ('oauth-issuer "https://a" key "/k"\n', ["1:1 error portability 'oauth-issuer'"]),
        ('bounce report-template "/t"\n', ["1:1 error portability 'bounce report-template'"]),
        ("listen on 127.0.0.1 port 24 lmtp\n", ["1:29 error portability 'lmtp'"]),
        ("listen on 127.0.0.1 port 26 xclient 127.0.0.1\n", ["1:29 error portability 'xclient'"]),
    ],
)
def test_what_only_smtpdsl_has(text: str, findings: list[str], tmp_path: Path) -> None:
    """Both refuse it, each of its words."""
    assert told(text + WORKING, tmp_path) == {"6.8": findings, "7.8": findings}


@pytest.mark.parametrize("word", ["bare-lf", "no-chunking", "proxy-v1", "xclient", "dkim-sign", "retry-after"])
def test_our_keywords_need_quotes_as_names(word: str, tmp_path: Path) -> None:
    """A name that was none of OpenSMTPD's keywords, and is one of ours."""
    text = f"listen on 127.0.0.1 port 2525 tag {word}\n{WORKING}"
    quoted = text.replace(word, f'"{word}"')

    (found,) = check_text(text, tmp_path)
    assert found.code.name == "syntax-error"
    assert f'"{word}"' in found.help
    assert check_text(quoted, tmp_path) == []


def test_databases(tmp_path: Path) -> None:
    """Before 7.5 a `db` table served neither tags nor relays nor expressions."""
    files = {"/t.db": ""}
    text = (
        "table t db:/t.db\nmatch from any for domain <t> reject\nmatch tag <t> reject\n"
        "match mail-from regex <t> reject\nmatch auth <t> reject\n" + WORKING
    )

    assert told(text, tmp_path, files) == {
        "6.8": ["3:11 error portability '<t>'", "4:23 error portability '<t>'"],
        "7.8": [],
    }


def test_list_that_begins_with_a_bracket(tmp_path: Path) -> None:
    """A colon in brackets made a mapping of a file; the comment that makes a list of it is known to both."""
    text = f"table t file:/t\nmatch from src <t> for any reject\n{WORKING}"

    assert told(text, tmp_path, {"/t": "[2001:db8::1]\n192.0.2.1\n"}) == {
        "6.8": ["1:1 error portability '[2001:db8::1]'"],
        "7.8": [],
    }
    assert told(text, tmp_path, {"/t": "# @list\n[2001:db8::1]\n"}) == {"6.8": [], "7.8": []}


@pytest.mark.parametrize(
    ("text", "files", "old", "new"),
    [
        (
            "table t file:/t\naction in maildir alias <t>\nmatch for local action in\n",
            {"/t": "a: b\nc : d\n"},
            None,
            "2:1 warning portability 'c : d'",
        ),
        (
            'listen on eth0 hostnames { "[2001:db8::1]" = mail.example.org }\n',
            {},
            "1:29 warning portability '[2001:db8::1]'",
            None,
        ),
    ],
)
def test_entries_that_are_read_otherwise(
    text: str, files: dict[str, str], old: str | None, new: str | None, tmp_path: Path
) -> None:
    """An entry that a release takes for something else is told where it stands."""
    found = told(text + WORKING, tmp_path, files)

    assert found == {"6.8": [old] if old else [], "7.8": [new] if new else []}


BOTH = [
    ("match from any tls for any reject\n", "1:16 warning portability 'tls'"),
    ('match from rdns { "*.example.org" } for any reject\n', "1:20 warning portability '*.example.org'"),
    ("match from any mail-from regex '^\\S+@x' for any reject\n", "1:34 warning portability '\\\\S'"),
    (
        "filter f phase auth match auth junk\nlisten on eth0 filter f\n",
        "1:16 warning portability 'auth'",
    ),
    (
        "filter f phase connect match rdns bypass\nlisten on eth0 filter f\n",
        "1:35 warning portability 'bypass'",
    ),
    ("listen on 0.0.0.0 hostnames { 192.0.2.1 = a.example }\n", "1:19 warning portability 'hostnames'"),
    (f"listen on eth0 hostname {'a' * 62}.org\n", f"1:25 warning portability '{'a' * 62}.org'"),
    (f"action {'a' * 65} relay\n", f"1:8 warning portability '{'a' * 65}'"),
    ("action in mda '/bin/a \"b c\"'\n", "1:23 warning portability '\"'"),
    ('action in maildir "/m/%{user.username}/%{rcpt.user}"\n', "1:40 warning portability '%{rcpt.user}'"),
    (
        'action a relay host { "smtps://a.example", "smtp://b.example" }\n',
        "1:44 warning portability '\"smtp://b.example\"'",
    ),
    (
        'action in maildir alias { a = "joe, ann@[192.0.2.1]" }\n',
        "1:37 warning portability 'ann@[192.0.2.1]'",
    ),
]


@pytest.mark.parametrize(("text", "finding"), BOTH)
def test_done_otherwise_by_both(text: str, finding: str, tmp_path: Path) -> None:
    """Where we do what the manual says, the releases that do not are told of."""
    assert told(text + WORKING, tmp_path) == {"6.8": [finding], "7.8": [finding]}


@pytest.mark.parametrize(
    "text",
    [
        "match from any mail-from regex '^[A-Z]+@x' for any reject\n",
        'match from rdns regex { ".*example.org" } for any reject\n',
        "filter f phase connect match rdns { '*.example' } junk\nlisten on eth0 filter f\n",
        "listen on 192.0.2.1 hostnames { 192.0.2.1 = a.example }\n",
        "action in mda \"/bin/a 'b c'\"\n",
        'action in maildir "~/%{rcpt.domain}"\n',
        'action a relay host { "smtps://a.example", "smtp+tls://b.example" }\n',
        'action in maildir alias { a = "joe, ann@x-y.example" }\n',
    ],
)
def test_near_misses(text: str, tmp_path: Path) -> None:
    """The nearest thing that means the same everywhere has no findings."""
    assert told(text + WORKING, tmp_path) == {"6.8": [], "7.8": []}


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ('mda wrapper w "%{mda}"\naction in mbox wrapper w\n', None, "2:24 warning portability 'w'"),
        ("action in lmtp '/run/a b'\n", None, "1:16 warning portability \"'/run/a b'\""),
        ('action in mda "/bin/a" user joe\n', "1:29 warning portability 'joe'", None),
        ("action in mda '/bin/a $ORIGINAL_RECIPIENT'\n", "1:24 warning portability 'ORIGINAL_RECIPIENT'", None),
    ],
)
def test_done_otherwise_by_one(text: str, old: str | None, new: str | None, tmp_path: Path) -> None:
    """A difference between the releases is told for one of them."""
    assert told(text + WORKING, tmp_path) == {"6.8": [old] if old else [], "7.8": [new] if new else []}
