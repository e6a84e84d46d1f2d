"""Filters: what each phase knows and allows, replies, programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.compiler.pipeline import compile_octets
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report
from smtpdsl.diagnostics.fixes import apply_fixes
from tests.checking import check_text, shown

AROUND = 'listen on lo filter f\naction "out" relay\nmatch from local for any action "out"\n'
PHASES = ["connect", "helo", "ehlo", "auth", "mail-from", "rcpt-to", "data", "commit"]


def check(filters: str, root: Path) -> list[Diagnostic]:
    """Check *filters*, of which one is called f and is used."""
    return check_text(f"{filters}\n{AROUND}", root, options=["--static"])


# What smtpd -n of 6.8.0p2 and 7.8.0p1 accepts, by phase.
KNOWN = {
    "fcrdns": PHASES,
    "rdns": PHASES,
    'src "192.0.2.1"': PHASES,
    'helo "a.example"': PHASES[1:],
    "auth": PHASES[3:],
    'mail-from "@a.example"': PHASES[4:],
    'rcpt-to "@a.example"': ["rcpt-to"],
}


@pytest.mark.parametrize("condition", KNOWN)
@pytest.mark.parametrize("phase", PHASES)
def test_conditions_by_phase(phase: str, condition: str, tmp_path: Path) -> None:
    """A phase can ask what is known by then, and DATA has no recipient of its own."""
    found = shown(check(f'filter f phase {phase} match ! {condition} reject "550 no"', tmp_path))

    if phase in KNOWN[condition]:
        assert found == []
    else:
        # With the negation, which is part of the condition.
        assert [each.partition(" ")[2].partition("'")[0] for each in found] == ["error misplaced-option "]


def test_condition_is_told_where_it_is_known(tmp_path: Path) -> None:
    """The finding shows condition and phase, and says where the condition belongs."""
    [finding] = check('filter f phase data match rcpt-to "@a.example" reject "550 no"', tmp_path)

    assert shown([finding]) == ["1:27 error misplaced-option 'rcpt-to \"@a.example\"'"]
    assert [place.span.text for place in finding.related] == ["data"]
    assert finding.help == "it can be asked in phase `rcpt-to`"


@pytest.mark.parametrize(
    ("phase", "decision", "finding"),
    [
        ("commit", "junk", "1:35 error misplaced-option 'junk'"),
        ("commit", "bypass", "1:35 error misplaced-option 'bypass'"),
        ("data", "junk", None),
        ("data", 'rewrite "x"', "1:33 error misplaced-option 'rewrite \"x\"'"),
        ("commit", 'rewrite "x"', "1:35 error misplaced-option 'rewrite \"x\"'"),
        ("connect", 'rewrite "x"', "1:36 warning useless-option 'rewrite \"x\"'"),
        ("ehlo", 'rewrite "x.example"', None),
        ("mail-from", 'rewrite "<a@x.example>"', None),
        ("mail-from", 'rewrite "<>"', None),
        ("mail-from", 'rewrite "a@x.example"', "1:46 error unusable-value '\"a@x.example\"'"),
        ("mail-from", 'rewrite "<a b@x.example>"', "1:49 error unusable-value ' '"),
        ("mail-from", 'rewrite "<jörg@x.example> SIZE=9"', None),
        ("rcpt-to", 'rewrite "<>"', "1:44 error unusable-value '\"<>\"'"),
        ("rcpt-to", 'rewrite "<postmaster>"', None),
        ("helo", 'rewrite "x example"', "1:43 error unusable-value ' '"),
        ("helo", 'rewrite "[192.0.2.1]"', None),
        ("commit", 'report "seen"', None),
    ],
)
def test_decisions_by_phase(phase: str, decision: str, finding: str | None, tmp_path: Path) -> None:
    """A decision that comes too late, or has nothing to work on, is told."""
    found = check(f"filter f phase {phase} match !rdns {decision}", tmp_path)

    assert shown(found) == ([finding] if finding else [])


def test_every_condition_must_be_known_in_the_phase(tmp_path: Path) -> None:
    """The second as the first."""
    found = check('filter f phase helo match rdns !mail-from "@a.example" !fcrdns auth junk', tmp_path)

    assert shown(found) == [
        "1:32 error misplaced-option '!mail-from \"@a.example\"'",
        "1:64 error misplaced-option 'auth'",
    ]


@pytest.mark.parametrize(
    ("conditions", "finding"),
    [
        ("rdns and fcrdns", "1:35 error unusable-value 'and'"),
        ('rdns "and" fcrdns', None),
        ("rdns { and } fcrdns", None),
        ("rdns and", None),
        ("fcrdns rdns and", None),
    ],
)
def test_and_is_no_word_between_conditions(conditions: str, finding: str | None, tmp_path: Path) -> None:
    """It would be what the first of them is compared with."""
    found = check(f"filter f phase connect match {conditions} junk", tmp_path)

    assert shown(found) == ([finding] if finding else [])


def test_rewritten_address_gets_its_brackets(tmp_path: Path) -> None:
    """The fix writes the address as the command has it."""
    found = check('filter f phase rcpt-to match !rdns rewrite "a@x.example"', tmp_path)

    assert apply_fixes(found, unsafe=True).changes[0].after.splitlines()[0].endswith('rewrite "<a@x.example>"')


@pytest.mark.parametrize(
    ("message", "finding"),
    [
        ("550 no", None),
        ("450 4.7.1 later", None),
        ("no", "1:46 warning unusable-reply 'no'"),
        ("250 fine", "1:46 warning unusable-reply '250'"),
        ("550", "1:46 warning unusable-reply '550'"),
        ("550-no", "1:49 warning unusable-reply '-'"),
        ("550 näh", "1:51 warning unusable-reply 'ä'"),
    ],
)
def test_replies(message: str, finding: str | None, tmp_path: Path) -> None:
    """A message that is no reply still refuses, so it is a warning, at the characters that are wrong."""
    found = check(f'filter f phase connect match !rdns reject   "{message}"', tmp_path)

    assert shown(found) == ([finding] if finding else [])
    assert not found or found[0].notes == ("the client gets 421 instead, and `reject` ends the session",)


class Prepared(Machine):
    """A machine with one program, one user and one group."""

    def program_exists(self, path: str) -> bool:
        """One in the folder of helpers, one elsewhere."""
        return path in {"/usr/libexec/opensmtpd/filter-one", "/opt/two"}

    def has_user(self, name: str) -> bool:
        """The user of the filters."""
        return name == "_filter"

    has_group = has_user


@pytest.mark.parametrize(
    ("program", "findings"),
    [
        ('"filter-one -v"', []),
        ('"/opt/two"', []),
        ('"filter-two -v"', ["1:23 warning missing-file 'filter-two'"]),
        ('"/opt/one -v"', ["1:23 warning missing-file '/opt/one'"]),
        ('"PATH=/opt two"', []),
        ('"/opt/in/there" chroot "/"', []),
        ('"/opt/two" chroot "there"', ["1:40 warning relative-path '\"there\"'"]),
        ('"/opt/two" chroot "/not/there"', ["1:40 warning missing-file '\"/not/there\"'"]),
        ("filter-one user _filter group _filter", []),
        ("filter-one user nobody-there", ["1:38 warning unknown-account 'nobody-there'"]),
        ("filter-one group nobody-there", ["1:39 warning unknown-account 'nobody-there'"]),
    ],
)
def test_programs(program: str, findings: list[str]) -> None:
    """A program that is not installed, or an account that does not exist, is told; the file is right all the same."""
    report = Report()
    text = f"filter f proc-exec   {program}\n{AROUND}"
    compile_octets("smtpd.conf", text.encode(), Prepared(), report)

    assert shown(each for each in report.diagnostics if each.span.start < text.index("\n")) == findings
