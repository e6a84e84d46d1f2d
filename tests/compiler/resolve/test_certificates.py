"""`pki`, `ca` and wrappers: declarations in parts, and names of hosts."""

from __future__ import annotations

import pytest

from smtpdsl.diagnostics.diagnostic import Severity
from tests.worlds import compile_text, pointed_at

RULE = 'action "in" mbox\nmatch from local for local action "in"\n'


def test_statements_of_one_pki_add_up() -> None:
    """Certificate and key may stand in statements of their own, in any case of the name."""
    text = f'{RULE}pki A.example cert "/c"\npki a.example key "/k" dhe auto\n'
    pki = compile_text(text).ruleset.pkis["a.example"]

    assert pki.cert is not None
    assert pki.key is not None
    assert (pki.cert.text, pki.key.text, pki.dhe.value) == ("/c", "/k", "auto")


def test_the_default_of_dhe_is_none() -> None:
    """And says whose default it is."""
    dhe = compile_text(f'{RULE}pki a cert "/c" key "/k"\n').ruleset.pkis["a"].dhe

    assert (dhe.value, dhe.is_default, dhe.reason) == ("none", True, "default of `pki dhe`")


@pytest.mark.parametrize(
    ("text", "option", "line"),
    [
        ('pki a cert "/c" key "/k"\npki a cert "/d"', "cert", 4),
        ('pki a cert "/c" key "/k" key "/l"', "key", 3),
        ('pki a cert "/c" key "/k" dhe none dhe auto', "dhe", 3),
    ],
)
def test_an_option_given_again_replaces(text: str, option: str, line: int) -> None:
    """The last file of a pki is the one that is used: a warning."""
    (found,) = [each for each in compile_text(f"{RULE}{text}\n").findings if each.code.name == "overwritten-option"]

    assert found.message == f'pki "a" is given another `{option}`; this one holds'
    assert (pointed_at(found), found.span.source.position(found.span.start).line) == (option, line)


def test_a_ca_declared_again_replaces() -> None:
    """As with OpenSMTPD."""
    compiled = compile_text(f'{RULE}ca a cert "/one"\nca A cert "/two"\n')

    (found,) = [each for each in compiled.findings if each.code.name == "overwritten-option"]
    assert found.message == 'ca "A" is declared again; this one holds'
    assert compiled.ruleset.cas["a"].cert.text == "/two"


@pytest.mark.parametrize("kind", ["pki", "ca"])
def test_names_are_names_of_hosts(kind: str) -> None:
    """Or the star, which stands for none in particular."""
    text = f'{RULE}{kind} "a b" cert "/c"\n{kind} "*" cert "/c"\n'
    found = [each for each in compile_text(text).findings if each.code.name == "unusable-name"]

    assert [(pointed_at(each), each.severity) for each in found] == [('"a b"', Severity.ERROR)]
    assert found[0].notes == (f"the name of a `{kind}` has the form of a host name, or is `*`",)


def test_dhe_is_one_of_three_words() -> None:
    """In any case of its letters."""
    text = f'{RULE}pki a cert "/c" key "/k" dhe AUTO\npki b cert "/c" key "/k" dhe atuo\n'
    compiled = compile_text(text)

    (found,) = [each for each in compiled.findings if each.code.name == "unusable-value"]
    assert found.message == 'expected one of none, auto, legacy after `dhe`, found "atuo"'
    assert found.help == "did you mean `auto`?"
    assert compiled.ruleset.pkis["a"].dhe.value == "auto"
