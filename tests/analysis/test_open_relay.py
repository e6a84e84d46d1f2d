"""An open relay is one that can be seen to be one."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from smtpdsl.analysis.open_relay import Openness, OpenRelay, OpenRelays
from smtpdsl.analysis.rules import AskedRules
from smtpdsl.analysis.walk import Walker
from smtpdsl.ir.resolved import Ruleset
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client, Envelope
from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.policy import Accepted, Policy
from tests.checking import check_meaning, codes
from tests.runtime.policies import Outside, policy_of
from tests.worlds import ruleset_of, site_of

# Configurations, and envelopes for each.
MANY, EACH = (1_000, 100) if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else (120, 40)

HEAD = """action "in" mbox alias { "team" = "ann, boss@far.example" }
action "all" maildir virtual { "@" = "boss@far.example" }
action "some" maildir virtual { "@" = "ann", "boss" = "boss@far.example" }
action "out" relay
action "hub" relay host smtp://hub.example.net
"""
FROM = [
    "from any", "from local", "from socket", "", "from auth", "!from local", "from src 10.0.0.0/8",
    "!from src 10.0.0.0/8",
    "from src 0.0.0.0/0", "from src { 10.0.0.0/8, 64.0.0.0/2 }", "from src 198.51.0.0/16", "from rdns", "!from rdns",
    'from rdns "mx.far.example"', 'from rdns regex "example$"', 'from mail-from "@our.example"',
    'from src regex "^10\\\\."',
]  # fmt: skip
FOR = [
    "for any", "for local", "", 'for domain "our.example"', '!for domain "our.example"', 'for domain "*.our.example"',
    'for domain { "*" }', 'for domain "*.org"', 'for rcpt-to "boss@our.example"', 'for rcpt-to "boss"', "!for local",
    'for domain regex "e$"',
]  # fmt: skip
MORE = [
    "", "", "", "auth", "!auth", "tls", "!tls", 'helo "mx.far.example"', '!helo "mx.far.example"', "tag in", "!tag in",
    'mail-from "@our.example"', '!mail-from "@our.example"', 'mail-from regex "^boss"', 'rcpt-to "@far.example"',
]  # fmt: skip
VERDICTS = ['action "in"', 'action "out"', 'action "out"', 'action "hub"', 'action "all"', 'action "some"', "reject"]

# Nobody that a narrow network names.
SOURCES = ["203.0.113.9", "198.18.0.1", "[2001:db8::77]", "77.1.2.3", "100.200.3.4"]
DOMAINS = ["domain.invalid", "elsewhere.example", "x.org", "any-name.org", "far.example", "a.b"]


def text_of(chance: random.Random) -> str:
    """Write a configuration."""
    lines = []
    for _ in range(chance.randint(1, 5)):
        source, target, more = chance.choice(FROM), chance.choice(FOR), chance.choice(MORE)
        if ("mail-from" in source and "mail-from" in more) or ("rcpt-to" in target and "rcpt-to" in more):
            more = ""
        if source == "from auth" and "auth" in more:
            more = ""
        lines.append(f"match {source} {target} {more} {chance.choice(VERDICTS)}")
    return HEAD + "\n".join(lines) + "\n"


def drawn(chance: random.Random) -> Envelope:
    """Draw mail of a stranger for a foreign domain."""
    client = Client(
        source=chance.choice(SOURCES),
        rdns=chance.choice([None, "mx.far.example", "host.domain.invalid", "x"]),
        helo=chance.choice(["mx.far.example", "x.example"]),
        tls=chance.random() < 0.5,
        tag=chance.choice(["", "in"]),
    )
    sender = chance.choice(["boss@our.example", "somebody@domain.invalid", "boss@away.example", ""])
    recipient = f"{chance.choice(['boss', 'somebody', 'team'])}@{chance.choice(DOMAINS)}"
    return Envelope(client=client, reverse_path=ReversePath.parse(sender), recipient=Mailbox.parse(recipient))


def leaves(policy: Policy, envelope: Envelope) -> bool:
    """Whether *policy* takes *envelope* and sends it on."""
    judged = policy.judge(envelope.client, envelope.reverse_path, envelope.recipient)
    return isinstance(judged, Accepted) and any(each.route is Route.RELAY for each in judged.envelopes)


def relays(ruleset: Ruleset) -> list[OpenRelay]:
    """Return what is found."""
    site = site_of(ruleset)
    return list(OpenRelays(AskedRules(ruleset, site), Walker(ruleset, site, Outside())).findings())


def test_the_verdict_is_what_is_observed() -> None:
    """Where one is found, its witness is relayed; where none is, no stranger's mail for a foreign domain is."""
    chance = random.Random(20_260_801)  # noqa: S311 - the same configurations each time
    seen = dict.fromkeys(Openness, 0)
    for _ in range(MANY):
        text = text_of(chance)
        ruleset, policy = ruleset_of(text), policy_of(text)
        found = relays(ruleset)
        for each in found:
            seen[each.openness] += 1
            assert each.openness is not Openness.UNKNOWN, text
            assert each.witness is not None
            assert leaves(policy, each.witness.envelope), text
        if not found:
            seen[Openness.NEVER] += 1
            strangers = OpenRelays(
                AskedRules(ruleset, site_of(ruleset)), Walker(ruleset, site_of(ruleset), Outside())
            ).strangers
            for envelope in (drawn(chance) for _ in range(EACH)):
                is_foreign = strangers.is_stranger(envelope) and strangers.is_foreign(envelope)
                assert not (is_foreign and leaves(policy, envelope)), (text, envelope)
    assert min(seen[Openness.ALWAYS], seen[Openness.NEVER]) > MANY // 10


@pytest.mark.parametrize(
    ("rule", "is_open"),
    [
        ('match from any for any action "out"', True),
        ('match for any action "out"', False),
        ('match from auth for any action "out"', False),
        ('match from any for domain "friend.example" action "out"', False),
        ('match from any for domain "*.friend.example" action "out"', False),
        ('match from any for domain "*.com" action "out"', True),
        ('match from any for domain "*.onion" action "out"', False),
        ('match from src 10.0.0.0/8 for any action "out"', False),
        ('match from src 0.0.0.0/1 for any action "out"', True),
        ('match from src "2001:db8::/32" for any action "out"', False),
        ('match from src "2000::/3" for any action "out"', True),
        ('match !from src 10.0.0.0/8 for any action "out"', True),
        ('match from any helo "friend.example" for any action "out"', True),
        ('match from any tag inside for any action "out"', True),
        ('match from rdns regex "friend" for any action "out"', True),
        ('match from src regex "^192\\.0\\.2\\." for any action "out"', False),
        ('match from any !auth for any reject\nmatch from any for any action "out"', False),
        ('match from any for any reject\nmatch from any for any action "out"', False),
        ('match from local for any action "out"\nmatch from any for any action "all"', True),
        ('match from any for domain "our.example" action "all"\nmatch from local for any action "out"', False),
        ('match from any for any action "all"', False),
        ('match from local for any action "out"\nmatch from any for any action "in"', True),
    ],
)
def test_who_may_relay(rule: str, is_open: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Only who is known, and to whom the rules name."""
    found = relays(ruleset_of(f"{HEAD}{rule}\n"))

    assert [each.openness for each in found] == ([Openness.ALWAYS] if is_open else [])


def test_the_tag_of_the_local_socket_is_for_programs() -> None:
    """Of all tags it keeps strangers out; unless another listener has it too."""
    socket = "listen on socket tag inside\n"
    rule = 'match tag inside from any for any action "out"\n'

    assert relays(ruleset_of(f"{socket}{HEAD}{rule}")) == []
    assert len(relays(ruleset_of(f"{socket}listen on eth0 tag inside\n{HEAD}{rule}"))) == 1


def test_the_way_through_an_alias_is_shown() -> None:
    """From the recipient to the address that leaves."""
    (found,) = relays(ruleset_of(f'{HEAD}match from local for any action "out"\nmatch from any for any action "all"\n'))

    assert found.path == ("somebody@domain.invalid", "boss@far.example")


def test_a_table_that_nobody_knows_makes_it_possible() -> None:
    """Of senders; one of clients or of domains is taken for what it should be."""
    files = {"/etc/t.db": ""}
    text = f'table t db:/etc/t.db\n{HEAD}match from any for any mail-from <t> action "out"\n'

    assert [each.openness for each in relays(ruleset_of(text, files))] == [Openness.POSSIBLY]
    for asked in ("from src <t> for any", "from any for domain <t>"):
        text = f'table t db:/etc/t.db\n{HEAD}match {asked} action "out"\n'
        assert relays(ruleset_of(text, files)) == []


def test_addresses_of_srs_make_no_open_relay(tmp_path: Path) -> None:
    """They lead anywhere, and only whoever has the key can make one."""
    text = """srs key "secret"
        listen on lo
        action "in" maildir alias { "team" = "ann@here.example" }
        action "out" relay srs
        match from any for domain "here.example" action "in"
        match from local for any action "out"
    """

    assert "open-relay" not in codes(check_meaning(text, tmp_path))
    assert "open-relay" in codes(check_meaning(text.replace("from local", "from any"), tmp_path))
