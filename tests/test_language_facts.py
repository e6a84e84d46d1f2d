"""What the language manual says of the defaults of options, of other releases and of this server is so.

Settings and limits are for tests/test_language_settings.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import pytest

from smtpdsl.compiler.emit import emit
from smtpdsl.compiler.pipeline import Compilation, compile_octets
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.codes import PORTABILITY
from smtpdsl.diagnostics.diagnostic import Report, Severity
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir import syntax
from smtpdsl.ir.quantity import format_time
from smtpdsl.ir.resolved import (
    Demand,
    ListenerTls,
    LocalAction,
    LocalDestination,
    LocalSource,
    RelayAction,
    RelayTls,
    Rule,
    Ruleset,
    Setting,
    Slot,
)
from smtpdsl.ir.tls_strings import parse_protocols
from smtpdsl.runtime.abilities import unable
from tests.checking import check_text, write_files
from tests.manual import Example, Option, default_in, examples, options, page_named, text

OPTIONS = options()
by_option = pytest.mark.parametrize("option", OPTIONS, ids=str)
NOT_SERVED = "†"


def compiled(configuration: str, root: Path) -> Compilation:
    """Compile a configuration without errors."""
    report = Report()
    found = compile_octets("smtpd.conf", configuration.encode(), Machine(str(root)), report)
    assert [each.message for each in report.diagnostics if each.severity is Severity.ERROR] == []
    return found


def unserved(configuration: str, root: Path) -> list[Span]:
    """Return the places of which `run` says that it does not serve them, and what goes along with them."""
    found = compiled(configuration, root)
    assert found.ruleset is not None
    assert found.text is not None
    told = unable(emit(found.ruleset, found.text.source))
    return [span for each in told for span in (each.span, *(other.span for other in each.related))]


def refused(configuration: str, root: Path, release: str) -> list[Span]:
    """Return the places that *release* refuses."""
    findings = check_text(configuration, root, options=["--target", f"opensmtpd-{release}"])
    return [each.span for each in findings if each.code is PORTABILITY and each.severity is Severity.ERROR]


# ---------------------------------------------------------------- options, as the examples have them

# Where the options of a page stand.
STATEMENTS: dict[str, tuple[type, ...]] = {
    "actions": (syntax.Action,),
    "filters": (syntax.FilterBuiltin, syntax.FilterExec, syntax.Proc),
    "listeners": (syntax.Listen, syntax.ListenSocket, syntax.Pki),
    "rules": (syntax.Match,),
}


class Use(NamedTuple):
    """An option in an example: where its keyword stands and all of it, and what is said of that example."""

    keyword: Span
    span: Span
    unserved: list[Span]
    refused: dict[str, list[Span]]

    @property
    def is_served(self) -> bool:
        """Whether nothing is said at its keyword."""
        return not any(each.start <= self.keyword.start < each.end for each in self.unserved)

    def is_refused(self, release: str) -> bool:
        """Whether *release* refuses some of it."""
        return any(each.start < self.span.end and self.span.start < each.end for each in self.refused[release])


Uses = dict[tuple[str, str], list[Use]]
_KEYWORD = re.compile(r"[a-z0-9-]+")


@pytest.fixture(scope="module")
def uses(tmp_path_factory: pytest.TempPathFactory) -> Uses:
    """The options of all examples, by page and keywords."""
    found: Uses = {}
    for example in (each for each in examples() if each.page in STATEMENTS):
        for words, use in _uses(example, tmp_path_factory.mktemp(str(example))):
            found.setdefault((example.page, words), []).append(use)
    return found


def _uses(example: Example, root: Path) -> Iterator[tuple[str, Use]]:
    write_files(root, example.all_files)
    config = compiled(example.whole, root).config
    assert config is not None
    told = unserved(example.whole, root)
    releases = {release: refused(example.whole, root, release) for release in ("6.8", "7.8")}
    for statement in config.statements:
        if isinstance(statement, STATEMENTS[example.page]):
            for words, keyword, span in _options_of(statement):
                yield words, Use(keyword, span, told, releases)


def _options_of(statement: syntax.Node) -> Iterator[tuple[str, Span, Span]]:
    """Yield the keywords, their place, and the whole of each option and condition of *statement*."""
    match statement:
        case syntax.Match(criteria=criteria):
            yield from ((" ".join(each.words), each.span, each.span) for each in criteria)
        case syntax.FilterBuiltin(conditions=(first, *_), decision=decision):
            # That there are others is only here, whatever they ask.
            yield " ".join(first.words), first.span, first.span
            yield decision.keyword, decision.keyword_span, decision.span
        case syntax.Action(method=method):
            yield method.keyword, method.keyword_span, method.span
    for each in getattr(statement, "options", ()):
        yield each.keyword, each.keyword_span, each.span


def _uses_of(option: Option, uses: Uses) -> list[Use]:
    """Return the uses of the forms of *option*, which are known by the keywords that they begin with."""
    found = []
    for term in option.terms:
        words = list(takewhile(_KEYWORD.fullmatch, term.split()))
        found += uses.get((option.page, " ".join(words))) or uses.get((option.page, words[0]), [])
    return found


@by_option
def test_every_option_has_an_example(option: Option, uses: Uses) -> None:
    """On its own page."""
    assert _uses_of(option, uses)


@by_option
def test_what_is_not_served_is_marked(option: Option, uses: Uses) -> None:
    """And nothing else is."""
    assert all(use.is_served for use in _uses_of(option, uses)) is option.is_served


@by_option
def test_what_came_late_is_told(option: Option, uses: Uses) -> None:
    """6.8 refuses what the manual says is younger or only here, and nothing else; 7.8 what is only here."""
    is_younger = option.since is not None and float(option.since) > 6.8

    assert any(use.is_refused("6.8") for use in _uses_of(option, uses)) is (is_younger or option.is_only_here)
    assert any(use.is_refused("7.8") for use in _uses_of(option, uses)) is option.is_only_here


# ---------------------------------------------------------------- defaults of options

MINIMAL = """action "local" maildir
action "relay" relay
action "backup" relay backup
pki p cert "/c" key "/k"
proc "p" "/bin/cat"
filter "f" proc "p"
listen on 127.0.0.1
listen on 127.0.0.1 smtps pki p
match action "local"
match from local for domain b.example action "backup"
match from local for any action "relay"
"""


@pytest.fixture(scope="module")
def minimal() -> Ruleset:
    """A configuration that says as little as possible."""
    return resolved(MINIMAL)


def resolved(configuration: str) -> Ruleset:
    """Return what *configuration* means, without a look at this machine."""
    found = compile_octets("smtpd.conf", configuration.encode(), Machine("", static=True), Report()).ruleset
    assert found is not None
    return found


def _relay(ruleset: Ruleset, name: str = "relay") -> RelayAction:
    found = ruleset.actions[name]
    assert isinstance(found, RelayAction)
    return found


def _local(ruleset: Ruleset) -> LocalAction:
    found = ruleset.actions["local"]
    assert isinstance(found, LocalAction)
    return found


def _asks(rule: Rule, slot: Slot, question: object) -> bool:
    condition = rule.condition(slot)
    return condition is not None and condition.is_implied and condition.question == question


def _known_defaults(ruleset: Ruleset) -> dict[str, str]:
    """Return what holds where nothing is written, in the words of the manual."""
    plain, secured, _ = ruleset.listeners
    rule, backup, userbase = ruleset.rules[0], _relay(ruleset, "backup").backup, _local(ruleset).userbase
    assert backup is not None
    assert userbase is not None
    found = {
        "listeners: port PORT": f"{plain.port.value}, with `smtps` {secured.port.value}",
        "listeners: ciphers CIPHERS": f"those of {plain.ciphers.reason}",
        "listeners: hostname NAME": plain.hostname.reason,
        "listeners: dhe CHOICE": f"`{ruleset.pkis['p'].dhe.value}`",
        "actions: userbase TABLE": userbase.shown,
        "actions: ciphers CIPHERS": f"those of {_relay(ruleset).ciphers.reason}",
        "actions: backup [mx NAME]": backup.mx.reason,
    }
    if plain.protocols is None and parse_protocols("default") == parse_protocols("secure"):
        found["listeners: protocols PROTOCOLS"] = "`secure`"
    if _asks(rule, Slot.FROM, LocalSource()):
        found["rules: from local"] = "where a rule has no `from`"
    if _asks(rule, Slot.FOR, LocalDestination()):
        found["rules: for local"] = "where a rule has no `for`"
    return found


# What None means there; the second says it of what the server does with it.
IN_WORDS = {
    "listeners: ca NAME": "those of the system",
    "actions: ca NAME": "those of the system",
    "actions: src TABLE": "the system chooses",
    "actions: helo NAME": "the server's name",
    "actions: maildir [PATH] [junk]": "`~/Maildir`",
    "filters: user USER": "that of the server",
    "filters: group GROUP": "the first one of that account",
}


@by_option
def test_a_default_is_what_holds(option: Option, minimal: Ruleset) -> None:
    """A default that is written is the real one."""
    assert option.default == (_known_defaults(minimal) | IN_WORDS).get(str(option))


# Fields that are not called like the option.
FIELDS = {
    "host": "hosts",
    "inet4": "family",
    "tls-require": "tls",
    "smtps": "tls",
    "auth-optional": "auth",
    "bare-lf": "tolerates_bare_lf",
    "no-chunking": "no_chunking",
    "no-dane": "dane",
    "require-dane": "dane",
    "no-mta-sts": "mta_sts",
    "require-mta-sts": "mta_sts",
}
NOTHING = (None, False, (), "", ListenerTls.NONE, RelayTls.OPPORTUNISTIC, Demand.OFFERED)


@by_option
def test_an_option_without_a_default_is_off(option: Option, minimal: Ruleset) -> None:
    """Nothing holds where nothing is written; a condition is not asked, and what a thing consists of has no default."""
    consists_of = {"cert", "key", "mbox", "maildir", "lmtp", "mda", "forward-only", "expand-only"}
    word = option.terms[0].split()[0]
    if str(option) in _known_defaults(minimal) or word in consists_of or option.page not in {"actions", "listeners"}:
        return
    field = FIELDS.get(word, word.replace("-", "_"))
    places = (_relay(minimal), _local(minimal)) if option.page == "actions" else minimal.listeners[:1]
    found = [getattr(place, field) for place in places if hasattr(place, field)]
    values = [each.value if isinstance(each, Setting) else each for each in found]

    assert values
    assert [each for each in values if each not in NOTHING] == []


def test_the_ttl_of_an_action(minimal: Ruleset) -> None:
    """Is that of the queue."""
    ttl = _relay(minimal).ttl

    assert default_in(text(page_named("actions"))) == f"{ttl.reason}, which is `{format_time(ttl.value)}`"
