"""What a legacy rule does, as a modern action."""

from __future__ import annotations

import pytest

from tests.compiler.legacy.translated import translated


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("deliver to mbox", "mbox"),
        ("deliver to maildir", "maildir"),
        ('deliver to maildir "~/mail"', 'maildir "~/mail"'),
        ('deliver to lmtp "/run/lmtp"', 'lmtp "/run/lmtp"'),
        ("deliver to lmtp localhost:24 rcpt-to as vmail", "lmtp localhost:24 rcpt-to user vmail"),
        ('deliver to mda "/bin/a \\"b c\\"" as vmail', 'mda "/bin/a \\"b c\\"" user vmail'),
        ("alias <a> deliver to mbox", "mbox alias <a>"),
        ("virtual <v> userbase <u> deliver to maildir", "maildir virtual <v> userbase <u>"),
        ("alias <a> deliver to mda cat as u expire 1d", "mda cat alias <a> user u ttl 1d"),
        ("", "expand-only"),
        ("alias <a>", "expand-only alias <a>"),
        ("forward-only", "forward-only"),
        ("virtual <v> forward-only expire 2h", "forward-only virtual <v> ttl 2h"),
        ("relay expire 1h", "relay ttl 1h"),
    ],
)
def test_action_becomes_modern(rule: str, expected: str) -> None:
    """Each method keeps its meaning, with mappings, user and life in the queue after it."""
    found = translated(f"accept for any {rule}\n")
    assert found.action == expected
    assert found.codes == []


def test_actions_are_named_by_the_place_of_their_rule() -> None:
    """The third rule of a file uses the action `rule3`, whatever the rules before it do."""
    found = translated("reject from any\naccept from any relay\naccept from any for any relay\n")
    assert found.lines == [
        "match from any reject",
        "action rule2 relay",
        "match from any action rule2",
        "action rule3 relay",
        "match from any for any action rule3",
    ]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("alias <a> alias <b> deliver to mbox", "duplicate-option: alias <b>"),
        ("virtual <v> alias <a> deliver to mbox", "duplicate-option: alias <a>"),
        ("userbase <a> userbase <b> deliver to mbox", "duplicate-option: userbase <b>"),
        ("relay expire 1d expire 2d", "duplicate-option: expire 2d"),
        ("forward-only forward-only", "duplicate-option: forward-only"),
        ("alias <a> relay", "conflicting-options: alias <a>"),
        ("virtual { a } relay via tls://h", "conflicting-options: virtual { a }"),
        ("userbase <u> relay", "conflicting-options: userbase <u>"),
        ("deliver to mbox forward-only", "conflicting-options: forward-only"),
        ("relay forward-only", "conflicting-options: forward-only"),
        ('deliver to lmtp "localhost"', 'unusable-value: "localhost"'),
    ],
)
def test_what_the_releases_refuse_is_refused(rule: str, code: str) -> None:
    """Options given twice, or with what they exclude, are errors at their own place."""
    found = translated(f"accept for any {rule}\n")
    assert found.codes == [code]
    assert found.has_errors
    assert found.action


def test_mapping_on_reject_has_no_effect() -> None:
    """Releases before 5.4.1 took `alias` on a `reject` and did nothing with it."""
    found = translated("reject from any alias <a>\n")
    assert found.codes == ["useless-option: alias <a>"]
    assert not found.has_errors


def test_mapping_on_reject_beside_a_negation_is_an_error() -> None:
    """No release takes both: those with `alias` on a `reject` have no `!`."""
    found = translated("reject from any for ! local alias <a>\n")
    assert found.codes == ["misplaced-option: alias <a>"]
    assert found.has_errors


def test_every_node_shows_the_line_of_its_rule() -> None:
    """The action and both `match` lines of a rule are found at the rule."""
    found = translated("listen on lo tls auth\naccept for any \\\n relay tls\n")
    spans = [each.span.written().span.text for each in found.config.statements[1:]]
    assert spans == ["accept for any \\\n relay tls"] * 3
