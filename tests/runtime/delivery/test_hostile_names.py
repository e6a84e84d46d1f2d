"""Names that strangers and virtual users choose, through every place that a path or a command has for them."""

from __future__ import annotations

import asyncio
import posixpath
import shlex
import string
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpdsl.ir.members import Account
from smtpdsl.ir.resolved import Table
from smtpdsl.mail.address import AddressError, Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.delivery.local import LocalAgent
from smtpdsl.runtime.interfaces import (
    Attempt,
    CommandWork,
    Envelope,
    InlineContent,
    LocalWork,
    MaildirWork,
    Outcome,
    QueuedMessage,
    Result,
    Route,
    WrappedWork,
)
from tests.runtime.delivery.test_local import Workers
from tests.worlds import ruleset_of, site_of

TOKENS = [*(f"{name}{part}" for name, part in product(("sender", "rcpt", "dest"), ("", ".user", ".domain")))]
TOKENS += ["user.username", "mbox.from"]
MODIFIERS = ["", ":raw", ":lowercase", ":uppercase|raw", ":strip", ":strip|raw", "[0:3]", "[-2:]", "[1:]", "[0]"]
PLACES = [f"%{{{token}{more}}}" for token, more in product(TOKENS, MODIFIERS)]
# What is left of a value in a command line.
WORD = set(string.ascii_letters + string.digits + "@%+=:,./_-")
HOSTILE = [
    "..",
    ".",
    "../../etc/cron.d/x",
    "/etc/passwd",
    "-rf",
    "$(id)",
    "`id`",
    "a;id",
    "a\nid",
    "'\"",
    "\\",
    "a\0b",
    "~root",
    "a b",
    "+",
    "é/ü",
    "\u2028",
    "|id",
]
names = st.sampled_from(HOSTILE) | st.text(alphabet="./\\+@ $`'\";&|\n\0-ab\u00e9\u202e", min_size=1, max_size=12)


def work_for(method: str, name: str, domain: str) -> LocalWork | Outcome:
    """Return what is asked of the supervisor, for a message in which everybody is called *name*."""

    def account(_userbase: Table | None, _name: str) -> Account:
        return Account(name=name, uid=1001, gid=1001, home="/home/ann")

    ruleset = ruleset_of(
        'mda wrapper "wrap" "nice -n %{dest.user:raw} %{mda}"\n'
        f'action "in" {method}\nmatch from any for any action "in"\n'
    )
    action = ruleset.rules[0].action
    assert action is not None
    workers = Workers()
    agent = LocalAgent({"in": action}, site_of(ruleset), account, lambda path: path, workers)
    address = Mailbox(local_part=name, domain=domain)
    envelope = Envelope(Route.LOCAL, "in", address, address, name, ttl=60)
    sender = ReversePath(mailbox=address)
    message = QueuedMessage(7, sender, Client(source="203.0.113.9"), 1700000000.0, InlineContent(b"x: y\n\nz\n"))
    (outcome,) = asyncio.run(agent.deliver(Attempt(message, (envelope,), ("00000007000000a1",))))
    return workers.works[0] if workers.works else outcome


@given(place=st.sampled_from(PLACES), name=names, domain=names)
@example(place="%{dest.user:raw}", name="..", domain="x")
@example(place="%{sender}", name="a", domain="/../../etc")
def test_no_path_is_reached_that_the_configuration_does_not_name(place: str, name: str, domain: str) -> None:
    """A value is one component of the path, and none that leads elsewhere; or nothing is delivered."""
    work = work_for(f'maildir "/var/vmail/x{place}/{place}/in"', name, domain)

    if isinstance(work, Outcome):
        assert work.result is not Result.OK
        assert work.text.isprintable()
        return
    assert isinstance(work.method, MaildirWork)
    folder = work.method.folder
    first, *others = folder.removeprefix("/var/vmail/").split("/")
    assert folder.startswith("/var/vmail/x")
    assert (first[:1], len(others), others[-1]) == ("x", 2, "in")
    assert posixpath.normpath(folder) == folder or others[0] == ""
    assert not any(character < " " or character == "\x7f" for character in folder)
    assert "/" not in work.method.file_name


@given(place=st.sampled_from(PLACES), name=names, domain=names, is_wrapped=st.booleans())
@example(place="%{dest.user:raw}", name="$(id)", domain="x", is_wrapped=True)
def test_no_process_is_reached_that_the_configuration_does_not_name(
    place: str, name: str, domain: str, *, is_wrapped: bool
) -> None:
    """A value is a part of one word of the command, in quotes and without them."""
    wrapper = " wrapper wrap" if is_wrapped else ""
    work = work_for(f"mda \"deliver -d x{place} 'x{place}' -m x\"{wrapper}", name, domain)

    if isinstance(work, Outcome):
        assert work.result is not Result.OK
        return
    method = work.method.inner if isinstance(work.method, WrappedWork) else work.method
    assert isinstance(method, CommandWork)
    words = shlex.split(method.command)
    if is_wrapped:
        assert words[:2] == ["nice", "-n"]
        words = words[3:] if words[2] != "deliver" else words[2:]
    assert [words[0], words[1], words[4], words[5]] == ["deliver", "-d", "-m", "x"]
    assert len(words) == 6
    assert words[2] == words[3]
    assert all(character in WORD or (ord(character) > 127 and character.isprintable()) for character in words[2])


@pytest.mark.parametrize(
    "text",
    ['"a: b\\"c"@here.example', '"x\\\\y"@here.example', '"Bcc: eve@away.example"@here.example', "a!b%c@here.example"],
)
def test_no_header_is_reached(text: str) -> None:
    """An address, however it is quoted, is one line of its field."""
    address = Mailbox.parse(text)
    work = work_for("maildir", address.local_part, address.domain)

    assert isinstance(work, LocalWork)
    fields = work.prefix.split(b"\n")
    assert [field.partition(b":")[0] for field in fields] == [b"Return-Path", b"Delivered-To", b""]


@pytest.mark.parametrize("text", ['"a\nb"@here.example', '"a\rb"@here.example', '"a\0b"@here.example'])
def test_no_address_has_lines(text: str) -> None:
    """So none can ever come to a header."""
    with pytest.raises(AddressError):
        Mailbox.parse(text)
