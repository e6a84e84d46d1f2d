"""Actions: methods, options, defaults, and options that need each other."""

from __future__ import annotations

import pytest

from smtpdsl.diagnostics.diagnostic import Severity
from smtpdsl.ir.resolved import (
    ExpandOnly,
    ForwardOnly,
    Lmtp,
    LocalAction,
    Maildir,
    Mbox,
    Mda,
    Method,
    RelayAction,
    RelayTls,
)
from smtpdsl.ir.syntax import Word
from tests.worlds import Compiled, compile_text, pointed_at, ruleset_of


def compiled(action: str, also: str = "") -> Compiled:
    """Compile one action."""
    return compile_text(f'action "x" {action}\nmatch from local for any action "x"\n{also}\n')


def local(action: str) -> LocalAction:
    """Resolve a local action."""
    found = ruleset_of(f'action "x" {action}\nmatch for any action "x"\n').actions["x"]
    assert isinstance(found, LocalAction)
    return found


def relay(action: str, also: str = "") -> RelayAction:
    """Resolve a relay action."""
    found = ruleset_of(f'action "x" {action}\nmatch for any action "x"\n{also}\n').actions["x"]
    assert isinstance(found, RelayAction)
    return found


def word(text: str) -> Word:
    """Build a word that stands anywhere."""
    return Word(span=local("mbox").span, text=text)


@pytest.mark.parametrize(
    ("action", "method"),
    [
        ("mbox", Mbox()),
        ("maildir", Maildir()),
        ("maildir junk", Maildir(junk=True)),
        ('maildir "/m" junk', Maildir(path=word("/m"), junk=True)),
        ('lmtp "/s"', Lmtp(destination=word("/s"))),
        ('lmtp "/s" rcpt-to', Lmtp(destination=word("/s"), rcpt_to=True)),
        ('mda "/bin/cat"', Mda(command=word("/bin/cat"), shells=2)),
        ("forward-only", ForwardOnly()),
        ("expand-only", ExpandOnly()),
    ],
)
def test_methods(action: str, method: Method) -> None:
    """What each method keeps of its words."""
    assert local(action).method == method


def test_one_shell_reads_a_command_of_the_earlier_language() -> None:
    """And two the same words since 6.4."""
    ruleset = ruleset_of('accept for local deliver to mda "/bin/cat"\n')

    (action,) = ruleset.actions.values()
    assert isinstance(action, LocalAction)
    assert action.method == Mda(command=word("/bin/cat"), shells=1)


def test_defaults_of_a_local_action() -> None:
    """The users of the system, and as long in the queue as everything."""
    action = local("mbox")

    assert action.userbase is not None
    assert action.userbase.shown == "the accounts of this system"
    assert (action.alias, action.virtual, action.user, action.wrapper) == (None, None, None, None)
    assert (action.ttl.value, action.ttl.reason) == (4 * 24 * 3600, "`queue ttl`")


def test_defaults_of_a_relay_action() -> None:
    """By MX, with TLS where it is offered."""
    action = relay("relay")

    assert (action.hosts, action.domain, action.backup) == (None, None, None)
    assert (action.tls, action.srs, action.helo) == (RelayTls.OPPORTUNISTIC, False, None)
    assert (action.ciphers.value, action.ciphers.reason) == ("default", "`smtp ciphers`")


def test_ttl_is_the_actions_own_or_the_queues() -> None:
    """Wherever `queue ttl` stands."""
    text = 'action "x" relay ttl 1d\naction "y" relay\nmatch for any action "x"\nmatch for local action "y"\n'
    actions = ruleset_of(f"{text}queue ttl 2h\n").actions

    assert [actions[name].ttl.value for name in "xy"] == [24 * 3600, 2 * 3600]


@pytest.mark.parametrize(
    ("option", "tls"),
    [("", RelayTls.OPPORTUNISTIC), ("tls", RelayTls.REQUIRED), ("tls no-verify", RelayTls.UNVERIFIED)],
)
def test_tls(option: str, tls: RelayTls) -> None:
    """Three degrees."""
    assert relay(f"relay {option}").tls is tls


def test_backup_without_name_is_this_server() -> None:
    """Its default has a reason, the written name a place."""
    plain, named = relay("relay backup").backup, relay("relay backup mx mx1.example.org").backup

    assert plain is not None
    assert named is not None
    assert (plain.mx.value, plain.mx.is_default) == ("mail.example.org", True)
    assert (named.mx.value, named.mx.is_default) == ("mx1.example.org", False)


def test_urls_of_hosts_are_read() -> None:
    """What cannot be read is left out; `check` says so."""
    action = compiled('relay host { "smtps://a.example", "foo://b.example" }').ruleset.actions["x"]

    assert isinstance(action, RelayAction)
    assert [str(host.url) for host in action.smarthosts] == ["smtps://a.example"]


@pytest.mark.parametrize("method", ["mbox", "forward-only", "expand-only"])
def test_methods_that_know_no_other_user(method: str) -> None:
    """`user` is for what runs as somebody."""
    (found,) = compiled(f"{method} user nobody").findings

    assert (found.code.name, found.message) == ("conflicting-options", f"`user` has no meaning with `{method}`")
    assert (pointed_at(found), found.help) == ("user", "remove `user`")


@pytest.mark.parametrize(
    ("action", "code", "message"),
    [
        (
            'relay auth { a = "b:c" }',
            "missing-option",
            "`auth` without `host` or `domain`: nobody asks for a password on the way by MX",
        ),
        (
            'relay auth { a = "b:c" } host "smtps://a@h.example"',
            "misplaced-option",
            "`auth` before the host that it is for",
        ),
        ("relay srs", "missing-option", "`srs` without a key to sign the addresses with"),
    ],
)
def test_options_that_need_another(action: str, code: str, message: str) -> None:
    """One error at the option that lacks something."""
    (found,) = compiled(action).findings

    assert (found.code.name, found.message, found.severity) == (code, message, Severity.ERROR)
    assert pointed_at(found) in {"auth", "srs"}
    assert found.help


def test_srs_finds_its_key_anywhere() -> None:
    """The order of statements carries no meaning."""
    assert relay("relay srs", "srs key secret").srs
