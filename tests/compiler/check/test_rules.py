"""Rules against the rest of the file: logins, tags, TLS, and rejects that cover little."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.diagnostics.fixes import apply_fixes
from tests.checking import check_text, codes, shown

PKI = 'pki mail cert "/c" key "/k"\n'
LOGINS = "listen on eth0 smtps pki mail auth\n" + PKI
OUT = 'action "out" relay\n'
IN = 'action "in" mbox\n'


def check(text: str, root: Path) -> list[Diagnostic]:
    """Check *text*; nothing of this machine is asked."""
    return check_text(text, root, options=["--static"])


# ---------------------------------------------------------------- no rule


def test_file_without_rules(tmp_path: Path) -> None:
    """A file without a rule is refused, as a whole and once."""
    assert shown(check("", tmp_path)) == ["1:1 error no-rule ''"]
    assert codes(check("listen on lo\n", tmp_path)) == ["no-rule"]


def test_broken_rule_is_a_rule(tmp_path: Path) -> None:
    """A rule with a syntax error is no absent one."""
    assert codes(check("listen on lo\nmatch from nowhere reject\n", tmp_path)) == ["syntax-error"]


# ---------------------------------------------------------------- logins


@pytest.mark.parametrize(
    "rule",
    [
        'match from auth for any action "out"',
        'match from any auth for any action "out"',
        'match from any for any action "out"',
        'match tag MSA !from local !for local auth action "out"',
        'match from src "192.0.2.0/24" for any action "out"',
        'match from auth for domain "example.org" action "out"',
        'match from auth for any action "unknown"',
    ],
)
def test_rules_for_people_who_log_in(rule: str, tmp_path: Path) -> None:
    """A rule that takes logged-in clients anywhere is what `auth` needs."""
    found = check(f"{LOGINS.replace('auth', 'auth tag MSA')}{OUT}{rule}\n", tmp_path)

    assert "auth-without-rule" not in codes(found)


@pytest.mark.parametrize(
    "rule",
    [
        'match from local for any action "out"',
        'match for any action "out"',
        'match from any for local action "out"',
        'match from any for domain "example.org" action "out"',
        'match !auth from any for any action "out"',
        "match from auth for any reject",
        'match from auth action "out"',
        'match from socket for any action "out"',
    ],
)
def test_nobody_takes_what_people_send_who_log_in(rule: str, tmp_path: Path) -> None:
    """Since 6.4 a login makes no client local, so `from local` is not for people elsewhere."""
    [finding] = check(f"{LOGINS}{OUT}{rule}\nmatch for local action out\n", tmp_path)

    assert shown([finding]) == ["1:31 warning auth-without-rule 'auth'"]
    assert "match from auth for any action" in finding.help


def test_action_for_people_who_log_in(tmp_path: Path) -> None:
    """The action that this host itself sends with is proposed, not one for a single listener."""
    text = (
        f"{LOGINS}listen on lo tag DKIM\naction signed relay\naction sign relay host smtp://127.0.0.1:10027\n"
        "match tag DKIM for any action signed\nmatch for any action sign\n"
    )

    assert [found.help for found in check(text, tmp_path)] == ['add `match from auth for any action "sign"`']


def test_auth_without_from(tmp_path: Path) -> None:
    """`match auth` looks right and is for this host only; the trap is shown where it is."""
    text = f'{LOGINS}{OUT}match auth for any action "out"\n'

    findings = check(text, tmp_path)
    assert shown(findings) == ["4:7 warning auth-without-rule 'auth'"]
    assert [place.span.text for place in findings[0].related] == ["auth"]
    [change] = apply_fixes(findings, unsafe=True).changes
    assert 'match from auth for any action "out"' in change.after
    assert codes(check(change.after, tmp_path)) == []


def test_logins_before_6_4(tmp_path: Path) -> None:
    """Before 6.4 a rule without `from` is for people who have logged in too."""
    text = 'pki mail certificate "/c" key "/k"\nlisten on eth0 smtps pki mail auth\n'

    assert codes(check(text + "accept for any relay\n", tmp_path)) == []
    assert codes(check(text + "accept for local deliver to mbox\naccept from any for domain x relay\n", tmp_path)) == [
        "auth-without-rule"
    ]


@pytest.mark.parametrize(
    ("rule", "finding"),
    [
        ('match from auth for any action "out"', "3:7 warning rule-without-auth 'from auth'"),
        ('match from any auth for any action "out"', "3:16 warning rule-without-auth 'auth'"),
        ('match from any auth { joe } for any action "out"', "3:16 warning rule-without-auth 'auth { joe }'"),
        ('match from local auth "joe" for any action "out"', "3:18 warning rule-without-auth 'auth \"joe\"'"),
        # The local socket counts as authenticated.
        ('match auth for any action "out"', None),
        ('match from local auth for any action "out"', None),
        ('match from any !auth for any action "out"', None),
    ],
)
def test_rule_that_waits_for_logins(rule: str, finding: str | None, tmp_path: Path) -> None:
    """A rule for people who have logged in needs a listener where they can."""
    assert shown(check(f"listen on lo\n{OUT}{rule}\n", tmp_path)) == ([finding] if finding else [])


# ---------------------------------------------------------------- tags and TLS


def test_tag_that_no_listener_has(tmp_path: Path) -> None:
    """A tag is told once, with the one that is meant."""
    rules = "match tag DKIN for any action out\nmatch tag { dkin, dkim } for any action out\n"
    text = f"listen on lo tag DKIM\n{OUT}{rules}"

    findings = check(text, tmp_path)
    assert shown(findings) == ["3:11 warning impossible-pattern 'DKIN'"]
    assert apply_fixes(findings, unsafe=True).changes[0].after.splitlines()[2].startswith('match tag "DKIM" for')


def test_tags_of_the_socket_and_of_tables(tmp_path: Path) -> None:
    """Any listener may have the tag; of a table one entry has to be right."""
    text = (
        f"listen on lo\nlisten on socket tag Here\ntable t {{ here, there }}\n{OUT}match tag <t> for any action out\n"
    )

    assert shown(check(text, tmp_path)) == []
    assert shown(check(text.replace("tag Here", ""), tmp_path)) == ["5:7 warning impossible-pattern 'tag <t>'"]
    assert shown(check(text.replace("tag Here", "").replace("match", "match !"), tmp_path)) == []


def test_tag_of_the_socket_before_6_4(tmp_path: Path) -> None:
    """Sessions on the local socket had the tag `local`."""
    assert shown(check('listen on lo\naccept tagged "local" for any relay\n', tmp_path)) == []


def test_tls_that_nobody_offers(tmp_path: Path) -> None:
    """A rule for secured sessions needs a listener with TLS."""
    rule = f'{OUT}match from any tls for any action "out"\n'

    assert shown(check(f"listen on lo\n{rule}", tmp_path)) == ["3:16 warning impossible-pattern 'tls'"]
    assert shown(check(f"listen on lo tls pki mail\n{PKI}{rule}", tmp_path)) == []
    assert shown(check(f"listen on lo\n{rule.replace('tls', '!tls')}", tmp_path)) == []


# ---------------------------------------------------------------- rejects

AFTER = 'match from any for domain "example.org" action "in"\n'


@pytest.mark.parametrize(
    ("reject", "after", "words"),
    [
        ('match from any mail-from "@bad.example" reject', AFTER, "recipients at this host: the rule has no `for`"),
        ('match from src "192.0.2.1" reject', AFTER, "recipients at this host"),
        ('match mail-from "@bad.example" for any reject', AFTER, "clients on this host: the rule has no `from`"),
        ('match rcpt-to "old@example.org" reject', AFTER, "clients on this host and recipients at this host"),
        ('match from local mail-from "x" reject', 'match from local for any action "in"\n', "recipients at this host"),
    ],
)
def test_reject_that_covers_little(reject: str, after: str, words: str, tmp_path: Path) -> None:
    """An implied scope is told if a later rule takes what the reject leaves; the fix widens it."""
    findings = check(f"listen on lo\n{IN}{reject}\n{after}", tmp_path)

    assert shown(findings) == [f"3:{len(reject) - 5} warning narrow-reject 'reject'"]
    assert words in findings[0].message
    assert [place.span.text for place in findings[0].related] == [after.strip()]
    [change] = apply_fixes(findings, unsafe=True).changes
    assert codes(check(change.after, tmp_path)) == []


@pytest.mark.parametrize(
    ("reject", "after"),
    [
        ('match from any mail-from "@bad.example" for any reject', AFTER),
        ('match from any for rcpt-to "noreply@example.org" reject', AFTER),
        # What the reject leaves is refused anyway, or taken by rules for other people.
        ("match from any reject", ""),
        ('match from any mail-from "@bad.example" reject', 'match from local for any action "in"\n'),
        ('match from any mail-from "@bad.example" reject', 'match from any for local action "in"\n'),
        ('match from any mail-from "@bad.example" reject', 'match from socket auth for any action "in"\n'),
        ('match mail-from "@bad.example" for any reject', 'match for any action "in"\n'),
        ('match for domain "inside.example" reject', AFTER),
    ],
)
def test_rejects_that_cover_enough(reject: str, after: str, tmp_path: Path) -> None:
    """A reject is fine if nothing that it seems to be about gets past it."""
    text = f"listen on lo\n{IN}{reject}\n{after}match for local action in\n"

    assert shown(check(text, tmp_path)) == []


def test_reject_before_6_4(tmp_path: Path) -> None:
    """The older `reject` has the same defaults, and is told once."""
    text = "listen on lo\nreject sender spam\naccept from any for domain example.org relay\n"

    assert shown(check(text, tmp_path)) == ["2:1 warning narrow-reject 'reject'"]
